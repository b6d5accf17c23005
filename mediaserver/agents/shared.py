"""Adapters and speech services that several agents use: made once, started once, closed when all are done."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from mediaproviders.contract import AudioFormat, Brief, Conversation, Provider, Traits
from mediaproviders.speech.contract import SpeechToText, TextToSpeech, Utterance


class Once:
    """Starts a thing once, whoever asks first; closing is for :meth:`shut` alone, for others may still use it."""

    def __init__(self, thing: Provider | SpeechToText | TextToSpeech) -> None:
        self._thing = thing
        self._started = False

    async def start(self) -> None:
        """Start it, the first time. Raises ProviderError."""
        if not self._started:
            self._started = True
            try:
                await self._thing.start()
            except BaseException:
                self._started = False
                raise

    async def close(self) -> None:
        """Nothing: it is not only ours."""

    async def shut(self) -> None:
        """Close it."""
        self._started = False
        await self._thing.close()


class SharedProvider(Once):
    """A provider of several agents."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._provider = provider

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return self._provider.traits

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[Conversation]:
        """Open a session."""
        return self._provider.connect(brief)


class SharedEars(Once):
    """A recogniser of several agents."""

    def __init__(self, ears: SpeechToText) -> None:
        super().__init__(ears)
        self._ears = ears

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it hears."""
        return self._ears.formats

    def begin(self, form: AudioFormat) -> Utterance:
        """The caller begins a turn."""
        return self._ears.begin(form)


class SharedVoice(Once):
    """A voice of several agents."""

    def __init__(self, voice: TextToSpeech) -> None:
        super().__init__(voice)
        self._voice = voice

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it speaks."""
        return self._voice.formats

    def speak(self, text: str, form: AudioFormat) -> AsyncIterator[bytes]:
        """`text` as audio."""
        return self._voice.speak(text, form)


class Shelf[Thing: Once]:
    """What was made already, by what it was made of. Holds secrets in its keys: it is not shown to anyone."""

    def __init__(self) -> None:
        self._made: dict[object, Thing] = {}

    def get(self, what: str, settings: Mapping[str, object], make: Callable[[], Thing]) -> Thing:
        """The thing made of `settings`, now or before."""
        key = (what, tuple(sorted(settings.items(), key=lambda item: item[0])))
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def all(self) -> list[Thing]:
        """Everything on it."""
        return list(self._made.values())
