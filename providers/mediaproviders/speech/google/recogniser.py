"""Live recognition: the caller's turn is streamed while it is spoken."""

from collections.abc import AsyncGenerator
from typing import Any, Final

from mediacodecs import g711
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.speech.google import errors
from mediaproviders.speech.google.access import Access, Lazily
from mediaproviders.speech.live import LiveUtterance, LiveUtterances, Turn

FORMATS: Final = (PCMU, PCMA, PCM16_16K, PCM16_8K)
_STREAM_S: Final = 305.0
"""The service's own limit."""
_MOST_WHOLE_MS: Final = 55_000
"""What it takes in one request, with a reserve."""


class GoogleSpeechToText:
    """Google's Cloud Speech-to-Text (v1), live.

    `language` is a BCP 47 tag; `phrases` are words it should expect; `timeout_s` bounds the time from the end of a turn
    to its text.
    """

    def __init__(
        self,
        *,
        language: str = "en-US",
        model: str = "telephony",
        phrases: tuple[str, ...] | list[str] = (),
        credentials_file: str | None = None,
        api_key: str | None = None,
        endpoint: str | None = None,
        timeout_s: float = 8.0,
    ) -> None:
        self._access = Access(credentials_file, api_key, endpoint)
        self._client = Lazily("google.cloud.speech_v1", self._make)
        self._language = language
        self._model = model
        self._phrases = list(phrases)
        self._utterances = LiveUtterances(timeout_s)

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it hears, most wanted first."""
        return FORMATS

    async def start(self) -> None:
        """Import Google's library and make the client. Raises ProviderError."""
        await self._client.get()

    async def close(self) -> None:
        """Stop all turns, and close the client's channel."""
        await self._utterances.close()
        await self._client.close()

    def begin(self, form: AudioFormat) -> LiveUtterance:
        """The caller begins a turn. Raises ProviderError for a format it does not hear."""
        if form not in FORMATS:
            raise ProviderError(f"a format it does not hear: {form}", code="invalid_configuration", retryable=False)

        async def recognise(turn: Turn, attempt: int) -> str:
            whole = attempt > 0 and turn.length_ms <= _MOST_WHOLE_MS
            return await (self._whole(form, turn) if whole else self._live(form, turn))

        return self._utterances.begin(form, recognise)

    async def _live(self, form: AudioFormat, turn: Turn) -> str:
        speech, client = await self._client.get()
        finals: list[str] = []
        # Of the transport, not of the client: whose call cannot be cancelled before it is answered.
        call = client.transport.streaming_recognize(
            self._requests(speech, form, turn), timeout=_STREAM_S, metadata=self._access.metadata
        )
        try:
            async for response in call:
                errors.check(response)
                if response.error.code:
                    raise errors.from_status(_name(response.error.code), response.error.message)
                finals += [each.alternatives[0].transcript for each in response.results if _says(each)]
        except Exception as error:
            raise errors.from_exception(error) from error
        finally:
            call.cancel()
        return _joined(finals)

    async def _whole(self, form: AudioFormat, turn: Turn) -> str:
        """The turn in one request. Its errors are true ones, where gRPC hides those of a stream."""
        speech, client = await self._client.get()
        audio = _heard(await turn.whole(), form)
        try:
            response = await client.recognize(
                config=self._config(speech, form),
                audio=speech.RecognitionAudio(content=audio),
                timeout=_STREAM_S,
                retry=None,
                metadata=self._access.metadata,
            )
            errors.check(response)
        except Exception as error:
            raise errors.from_exception(error) from error
        return _joined([each.alternatives[0].transcript for each in response.results if each.alternatives])

    async def _requests(self, speech: Any, form: AudioFormat, turn: Turn) -> AsyncGenerator[Any]:
        request = speech.StreamingRecognizeRequest
        yield request(streaming_config=speech.StreamingRecognitionConfig(config=self._config(speech, form)))
        async for piece in turn.pieces():
            yield request(audio_content=_heard(piece, form))

    def _config(self, speech: Any, form: AudioFormat) -> Any:
        encodings = speech.RecognitionConfig.AudioEncoding
        return speech.RecognitionConfig(
            encoding=encodings.MULAW if form == PCMU else encodings.LINEAR16,
            sample_rate_hertz=form.rate,
            language_code=self._language,
            model=self._model,
            enable_automatic_punctuation=True,
            speech_contexts=[speech.SpeechContext(phrases=self._phrases)] if self._phrases else [],
        )

    def _make(self, speech: Any) -> Any:
        from google.cloud.speech_v1.services.speech.transports import SpeechGrpcAsyncIOTransport

        return self._access.client(speech.SpeechAsyncClient, SpeechGrpcAsyncIOTransport)


def _heard(audio: bytes, form: AudioFormat) -> bytes:
    # A-law is the one format of a telephone it does not know.
    return g711.PCMA.decode(audio).astype("<i2").tobytes() if form == PCMA else audio


def _joined(texts: list[str]) -> str:
    # Later results begin with a space, or do not.
    return " ".join(text.strip() for text in texts)


def _says(result: Any) -> bool:
    return bool(result.is_final and result.alternatives)


def _name(code: int) -> str:
    from grpc import StatusCode

    return next((status.name for status in StatusCode if status.value[0] == code), "UNKNOWN")
