"""Speech as a stream of raw PCM."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from ssl import SSLContext
from typing import Any, Final

from openai import AsyncOpenAI, omit

from mediaproviders.contract import PCM16_24K, AudioFormat, ProviderError
from mediaproviders.speech.openai import access, errors
from mediaproviders.speech.pieces import Pieces
from mediaproviders.speech.stream import Patience
from mediaproviders.speech.texts import parts

FORMATS: Final = (PCM16_24K,)
MOST_CHARACTERS: Final = 4096
"""In one request; a longer text takes several."""


class OpenAITextToSpeech:
    """OpenAI's voices, 24 kHz.

    `instructions` say how to speak; tts-1 ignores them. `first_audio_s` bounds the time to the first audio, retries
    included, `stall_s` each pause after it. Azure as in :class:`OpenAISpeechToText`.
    """

    def __init__(
        self,
        api_key: access.Key,
        base_url: str | None = None,
        *,
        model: str = "gpt-4o-mini-tts",
        voice: str = "alloy",
        instructions: str | None = None,
        speed: float | None = None,
        azure: bool = False,
        api_version: str | None = None,
        first_audio_s: float = 8.0,
        stall_s: float = 5.0,
        tls: SSLContext | None = None,
    ) -> None:
        self._client: AsyncOpenAI = access.client(
            api_key, base_url, azure=azure, api_version=api_version, timeout_s=first_audio_s + stall_s, tls=tls
        )
        self._patience = Patience(first_audio_s, stall_s)
        self._model = model
        self._voice = voice
        self._instructions = instructions
        self._speed = speed

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it speaks."""
        return FORMATS

    async def start(self) -> None:
        """Nothing: a request is all it takes."""

    async def close(self) -> None:
        """Close the SDK's client."""
        await self._client.close()

    async def speak(self, text: str, form: AudioFormat) -> AsyncGenerator[bytes]:
        """`text` as audio. Raises ProviderError while iterating; closing the iterator closes the connection."""
        if form not in FORMATS:
            raise ProviderError(f"a format it does not speak: {form}", code="invalid_configuration", retryable=False)
        for part in parts(text, MOST_CHARACTERS):
            pieces = Pieces(part, form)
            async with aclosing(self._patience.all(self._request(part))) as arriving:
                async for received in arriving:
                    if whole := pieces.take(received):
                        yield whole
            pieces.end()

    async def _request(self, text: str) -> AsyncGenerator[bytes]:
        try:
            request = self._client.audio.speech.with_streaming_response.create(
                model=self._model,
                voice=self._voice,
                input=text,
                response_format="pcm",
                instructions=self._instructions or omit,
                speed=omit if self._speed is None else self._speed,
            )
            async with request as response:
                _check(response.headers)
                # Without a size: a piece is whatever has arrived, and nothing is waited for to fill it up.
                async for received in response.iter_bytes():
                    yield received
        except Exception as error:
            raise errors.from_exception(error) from error


def _check(headers: Any) -> None:
    kind = headers.get("content-type", "")
    if not kind.startswith(("audio/", "application/octet-stream")):
        raise ProviderError(f"the voice service answered with {kind or 'nothing'}", code="protocol", retryable=True)
