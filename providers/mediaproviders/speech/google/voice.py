"""Google's voices: streamed where the voice can be, else a text at a time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.speech.google import errors
from mediaproviders.speech.google.access import Access, Lazily
from mediaproviders.speech.pieces import Pieces
from mediaproviders.speech.stream import Patience
from mediaproviders.speech.texts import octets, parts

FORMATS: Final = (PCMU, PCMA, PCM16_24K, PCM16_16K, PCM16_8K)
MOST_BYTES: Final = 5000
"""Of text in one request; a longer text takes several."""
_STREAMED: Final = "Chirp3-HD"
_CALL_S: Final = 300.0


class GoogleTextToSpeech:
    """Google's Cloud Text-to-Speech.

    The `language` is that of the voice's name unless given. Voices of the family Chirp3-HD are streamed, others answer
    a text when all of it is spoken. `first_audio_s` bounds the time to the first audio, `stall_s` each pause after it.
    """

    def __init__(
        self,
        *,
        voice: str = "en-US-Chirp3-HD-Charon",
        language: str | None = None,
        speed: float | None = None,
        credentials_file: str | None = None,
        api_key: str | None = None,
        endpoint: str | None = None,
        first_audio_s: float = 8.0,
        stall_s: float = 5.0,
    ) -> None:
        self._access = Access(credentials_file, api_key, endpoint)
        self._client = Lazily("google.cloud.texttospeech_v1", self._make)
        self._voice = voice
        self._language = language or "-".join(voice.split("-")[:2])
        self._speed = speed
        self._patience = Patience(first_audio_s, stall_s)

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it speaks, most wanted first."""
        return FORMATS

    async def start(self) -> None:
        """Import Google's library and make the client. Raises ProviderError."""
        await self._client.get()

    async def close(self) -> None:
        """Close the client's channel."""
        await self._client.close()

    async def speak(self, text: str, form: AudioFormat) -> AsyncGenerator[bytes]:
        """`text` as audio. Raises ProviderError while iterating; closing the iterator cancels the request."""
        if form not in FORMATS:
            raise ProviderError(f"a format it does not speak: {form}", code="invalid_configuration", retryable=False)
        for part in parts(text, MOST_BYTES, octets):
            pieces = Pieces(part, form)
            request = self._streamed_or_whole(part, form) if _STREAMED in self._voice else self._whole(part, form)
            async with aclosing(self._patience.all(request)) as arriving:
                async for received in arriving:
                    if whole := pieces.take(received):
                        yield whole
            pieces.end()

    async def _streamed_or_whole(self, text: str, form: AudioFormat) -> AsyncGenerator[bytes]:
        try:
            async with aclosing(self._streamed(text, form)) as arriving:
                async for received in arriving:
                    yield received
            return
        except ProviderError as error:
            if not errors.hidden(error):
                raise
        # Refused; this tells why, or the service has thought better of it.
        async with aclosing(self._whole(text, form)) as arriving:
            async for received in arriving:
                yield received

    async def _streamed(self, text: str, form: AudioFormat) -> AsyncGenerator[bytes]:
        tts, client = await self._client.get()
        config = tts.StreamingSynthesizeConfig(
            voice=self._selection(tts),
            streaming_audio_config=tts.StreamingAudioConfig(
                audio_encoding=_encoding(tts, form, tts.AudioEncoding.PCM),
                sample_rate_hertz=form.rate,
                speaking_rate=self._speed or 0.0,
            ),
        )

        async def requests() -> AsyncGenerator[Any]:
            yield tts.StreamingSynthesizeRequest(streaming_config=config)
            yield tts.StreamingSynthesizeRequest(input=tts.StreamingSynthesisInput(text=text))

        # Of the transport, not of the client: whose call cannot be cancelled before it is answered.
        call = client.transport.streaming_synthesize(requests(), timeout=_CALL_S, metadata=self._access.metadata)
        try:
            async for response in call:
                errors.check(response)
                yield response.audio_content
        except Exception as error:
            raise errors.from_exception(error) from error
        finally:
            call.cancel()

    async def _whole(self, text: str, form: AudioFormat) -> AsyncGenerator[bytes]:
        tts, client = await self._client.get()
        config = tts.AudioConfig(
            audio_encoding=_encoding(tts, form, tts.AudioEncoding.LINEAR16),
            sample_rate_hertz=form.rate,
            speaking_rate=self._speed or 0.0,
        )
        try:
            response = await client.synthesize_speech(
                input=tts.SynthesisInput(text=text),
                voice=self._selection(tts),
                audio_config=config,
                timeout=_CALL_S,
                retry=None,
                metadata=self._access.metadata,
            )
            errors.check(response)
        except Exception as error:
            raise errors.from_exception(error) from error
        yield _unwrapped(response.audio_content)

    def _selection(self, tts: Any) -> Any:
        return tts.VoiceSelectionParams(name=self._voice, language_code=self._language)

    def _make(self, tts: Any) -> Any:
        from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechGrpcAsyncIOTransport

        return self._access.client(tts.TextToSpeechAsyncClient, TextToSpeechGrpcAsyncIOTransport)


def _encoding(tts: Any, form: AudioFormat, linear: Any) -> Any:
    if form.encoding == "pcm16":
        return linear
    return tts.AudioEncoding.MULAW if form.encoding == "pcmu" else tts.AudioEncoding.ALAW


def _unwrapped(audio: bytes) -> bytes:
    """The samples of a WAV file; a service that answers a text at a time puts a header before them."""
    if audio[:4] != b"RIFF":
        return audio
    start = audio.find(b"data", 12)
    if start < 0:
        raise ProviderError("the voice service's answer makes no sense", code="protocol", retryable=True)
    size = int.from_bytes(audio[start + 4 : start + 8], "little")
    return audio[start + 8 : start + 8 + size]
