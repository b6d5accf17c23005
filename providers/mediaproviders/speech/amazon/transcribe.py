"""Amazon Transcribe, live: the caller's turn is streamed while it is spoken."""

import asyncio
from typing import Any, Final

from aws_sdk_transcribe_streaming import models  # type: ignore[import-untyped]
from aws_sdk_transcribe_streaming.client import AsyncTranscribeStreamingClient  # type: ignore[import-untyped]
from aws_sdk_transcribe_streaming.config import AsyncTranscribeStreamingConfig  # type: ignore[import-untyped]

from mediacodecs.pcm import to_bytes
from mediaproviders.aws.credentials import Account, Credentials, Pinned
from mediaproviders.aws.transport import CLOSE_S, Transport, Transports
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.speech.amazon import errors
from mediaproviders.speech.live import LiveUtterance, LiveUtterances, Turn
from mediaproviders.transcode import linear

FORMATS: Final = (PCMU, PCMA, PCM16_16K, PCM16_8K)


class TranscribeSpeechToText:
    """Amazon Transcribe's live recognition.

    `language` is a BCP 47 tag, `vocabulary` the name of one made there; `timeout_s` bounds the time from the end of a
    turn to its text. Credentials and `region` as in :class:`~mediaproviders.speech.amazon.PollyTextToSpeech`.
    """

    def __init__(
        self,
        region: str | None = None,
        *,
        language: str = "en-US",
        vocabulary: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        ca_file: str | None = None,
        timeout_s: float = 8.0,
    ) -> None:
        self._credentials = Credentials(Account(region, access_key_id, secret_access_key, session_token, profile))
        self._language = language
        self._vocabulary = vocabulary
        self._endpoint_url = endpoint_url
        self._transports = Transports(ca_file)
        self._utterances = LiveUtterances(timeout_s)

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it hears, most wanted first."""
        return FORMATS

    async def start(self) -> None:
        """Read the trust store and find the credentials. Raises ProviderError."""
        await self._transports.start()
        await self._found_region()
        await self._credentials.identity()

    async def close(self) -> None:
        """Stop all turns, and see their connections end."""
        await self._utterances.close()
        await self._transports.close()

    def begin(self, form: AudioFormat) -> LiveUtterance:
        """The caller begins a turn. Raises ProviderError for a format it does not hear."""
        if form not in FORMATS:
            raise ProviderError(f"a format it does not hear: {form}", code="invalid_configuration", retryable=False)

        async def recognise(turn: Turn, attempt: int) -> str:
            return await self._recognise(form, turn)

        return self._utterances.begin(form, recognise)

    async def _recognise(self, form: AudioFormat, turn: Turn) -> str:
        transport = await self._transports.another()
        exchange = asyncio.create_task(self._exchange(transport, form, turn))
        try:
            # Reads of the SDK must not be cancelled: they end with their connection.
            return await asyncio.shield(exchange)
        except Exception as error:
            raise errors.from_smithy(error) from error
        finally:
            self._utterances.leave(_leave(transport, exchange))

    async def _exchange(self, transport: Transport, form: AudioFormat, turn: Turn) -> str:
        stream = await self._opened(transport, form)
        sending = asyncio.create_task(_send(stream.input_stream, form, turn))
        try:
            _, output = await stream.await_output()
            results = await _results(output)
            if not sending.done() or transport.breakage is not None:
                raise ProviderError("the recogniser broke off", code="connection_lost", retryable=True)
            return " ".join(results)
        finally:
            sending.cancel()
            # What it failed with shows in the answer, or does not matter any more.
            await asyncio.gather(sending, return_exceptions=True)

    async def _opened(self, transport: Transport, form: AudioFormat) -> Any:
        config = await AsyncTranscribeStreamingConfig.resolve(
            region=await self._found_region(),
            endpoint_uri=self._endpoint_url,
            transport=transport,
            aws_credentials_identity_resolver=Pinned(await self._credentials.identity()),
        )
        wanted = models.StartStreamTranscriptionInput(
            language_code=self._language,
            media_sample_rate_hertz=form.rate,
            media_encoding="pcm",
            vocabulary_name=self._vocabulary,
        )
        return await AsyncTranscribeStreamingClient(config=config).start_stream_transcription(wanted)

    async def _found_region(self) -> str:
        region = await self._credentials.region()
        if region is None:
            raise ProviderError("Amazon Transcribe needs a region", code="invalid_configuration", retryable=False)
        return region


async def _send(publisher: Any, form: AudioFormat, turn: Turn) -> None:
    async for piece in turn.pieces():
        heard = _decoded(piece, form)
        # Half a sample at the very end is none.
        if heard:
            await publisher.send(models.AudioStreamAudioEvent(value=models.AudioEvent(audio_chunk=heard)))
    await publisher.close()


def _decoded(audio: bytes, form: AudioFormat) -> bytes:
    if form.encoding == "pcm16":
        return audio[: len(audio) // 2 * 2]
    return to_bytes(linear(audio, form))


async def _results(output: Any) -> list[str]:
    """The texts of the results until the end; a later one of the same result replaces it, the last of them is final."""
    texts: dict[str, str] = {}
    while (event := await output.receive()) is not None:
        if isinstance(event, models.TranscriptResultStreamTranscriptEvent):
            transcript = event.value.transcript
            for result in (transcript.results if transcript is not None else None) or ():
                if result.alternatives:
                    texts[result.result_id or ""] = (result.alternatives[0].transcript or "").strip()
        elif isinstance(getattr(event, "value", None), Exception):
            raise event.value
    return [text for text in texts.values() if text]


async def _leave(transport: Transport, exchange: asyncio.Task[str]) -> None:
    await transport.leave()
    await asyncio.wait([exchange], timeout=CLOSE_S)
    exchange.cancel()
    await asyncio.gather(exchange, return_exceptions=True)
    # It may have been about to connect.
    await transport.leave()
