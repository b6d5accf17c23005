"""The audio of a text on its way from a service: whole samples only, and no more of it than anyone could speak."""

from mediaproviders.contract import AudioFormat, ProviderError
from mediaproviders.speech.texts import speakable

_MOST_MS_A_CHARACTER = 1000
_MOST_MS_AT_ALL = 30_000
"""Besides that: for numbers and abbreviations, which are longer spoken than written."""


class Pieces:
    """What comes of `text` in `form`."""

    def __init__(self, text: str, form: AudioFormat) -> None:
        self._sample = 2 if form.encoding == "pcm16" else 1
        self._most = form.bytes_per_ms * (_MOST_MS_AT_ALL + _MOST_MS_A_CHARACTER * len(text))
        self._must_come = speakable(text)
        self._came = 0
        self._odd = b""

    def take(self, received: bytes) -> bytes:
        """The whole samples of it; the rest is kept for the next. Raises ProviderError when there is no end to it."""
        self._came += len(received)
        if self._came > self._most:
            raise ProviderError("the voice service does not stop speaking", code="protocol", retryable=True)
        if self._odd:
            received = self._odd + received
        whole = len(received) // self._sample * self._sample
        self._odd = received[whole:]
        return received[:whole]

    def end(self) -> None:
        """That was all. Raises ProviderError if it was nothing, though there was something to be said."""
        if self._must_come and self._came < self._sample:
            raise ProviderError("the voice service answered without any audio", code="protocol", retryable=True)
