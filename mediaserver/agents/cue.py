"""How a model that only hears is brought to speak first: someone asks it to."""

from dataclasses import dataclass, field

from mediaproviders.contract import AudioFormat
from mediaproviders.speech.contract import TextToSpeech
from mediaserver.agents.spoken import spoken

WORDS = "Please begin."


@dataclass(frozen=True)
class Cue:
    """Speaks the request with `voice`; equal for equal voices."""

    voice: TextToSpeech
    words: str = WORDS
    _spoken: dict[AudioFormat, bytes] = field(default_factory=dict, compare=False, repr=False)

    async def __call__(self, form: AudioFormat) -> bytes:
        """The request as audio. Raises ProviderError."""
        if form not in self._spoken:
            await self.voice.start()
            self._spoken[form] = b"".join([piece async for piece in spoken(self.voice, self.words, form)])
        return self._spoken[form]
