"""A voice service's words in a format it may not have itself."""

from collections.abc import AsyncIterator

from mediaproviders.continuity.transcode import choose
from mediaproviders.contract import AudioFormat
from mediaproviders.speech.contract import TextToSpeech
from mediaproviders.transcode import Transcoder


async def spoken(voice: TextToSpeech, text: str, form: AudioFormat) -> AsyncIterator[bytes]:
    """`text` as audio in `form`, in pieces as they come. Raises ProviderError."""
    own = choose(form, voice.formats)
    transcoder = Transcoder(own, form)
    async for piece in voice.speak(text, own):
        yield piece if own == form else transcoder.convert(piece)
    if own != form:
        yield transcoder.flush()
