"""Recognition of whole turns: each is uploaded as a WAV file when it is over."""

import asyncio
from ssl import SSLContext
from typing import Any, Final

from openai import APIConnectionError, AsyncOpenAI, AsyncStream, omit
from openai.types.audio import TranscriptionStreamEvent

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.speech.openai import access, errors
from mediaproviders.speech.utterance import CollectedUtterance
from mediaproviders.speech.wav import wav

FORMATS: Final = (PCMU, PCMA, PCM16_16K, PCM16_24K, PCM16_8K)
_REST_S: Final = 0.2


class OpenAISpeechToText:
    """OpenAI's transcription of files.

    `language` is an ISO 639-1 code. `timeout_s` bounds the time from the end of a turn to its text, retries included.
    On Azure (`azure`, or an `api_version` for an endpoint of old) `base_url` is the endpoint of the resource, `model`
    the name of the deployment, and `api_key` may be a coroutine function that fetches an Entra token.
    """

    def __init__(
        self,
        api_key: access.Key,
        base_url: str | None = None,
        *,
        model: str = "gpt-4o-mini-transcribe",
        language: str | None = None,
        prompt: str | None = None,
        azure: bool = False,
        api_version: str | None = None,
        timeout_s: float = 10.0,
        tls: SSLContext | None = None,
    ) -> None:
        self._client: AsyncOpenAI = access.client(
            api_key, base_url, azure=azure, api_version=api_version, timeout_s=timeout_s, tls=tls
        )
        self._model = model
        self._language = language
        self._prompt = prompt
        self._timeout_s = timeout_s

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it hears, most wanted first."""
        return FORMATS

    async def start(self) -> None:
        """Nothing: a request is all it takes."""

    async def close(self) -> None:
        """Close the SDK's client."""
        await self._client.close()

    def begin(self, form: AudioFormat) -> CollectedUtterance:
        """The caller begins a turn. Raises ProviderError for a format it does not hear."""
        if form not in FORMATS:
            raise ProviderError(f"a format it does not hear: {form}", code="invalid_configuration", retryable=False)

        async def recognise(audio: bytes) -> str:
            return await self._recognise(wav(audio, form))

        return CollectedUtterance(form, recognise, self._timeout_s)

    async def _recognise(self, file: bytes) -> str:
        try:
            request = self._client.audio.transcriptions.with_streaming_response.create(
                file=("turn.wav", file, "audio/wav"),
                model=self._model,
                language=self._language or omit,
                prompt=self._prompt or omit,
                stream=True,
            )
            async with request as response:
                # Older models answer in one piece although asked for a stream.
                if response.headers.get("content-type", "").startswith("text/event-stream"):
                    return await _streamed(await response.parse())
                return _whole(await response.json())
        except TimeoutError:
            raise
        except Exception as error:
            raise errors.from_exception(error) from error


async def _streamed(events: AsyncStream[TranscriptionStreamEvent]) -> str:
    text: str | None = None
    try:
        async with asyncio.timeout(None) as waiting:
            async for event in events:
                # Told by its name: the SDK takes unknown events for the kind it knows best.
                if text is None and event.type == "transcript.text.done":
                    text = str(event.text)
                    # A connection read to the end serves the next turn as well.
                    waiting.reschedule(asyncio.get_running_loop().time() + _REST_S)
    except APIConnectionError as error:
        if text is None:
            raise _broken() from error
    except Exception:
        if text is None:
            raise
    if text is None:
        raise _broken()
    return text


def _broken() -> ProviderError:
    return ProviderError("the recogniser broke off", code="connection_lost", retryable=True)


def _whole(answer: Any) -> str:
    text = answer.get("text") if isinstance(answer, dict) else None
    if not isinstance(text, str):
        raise ProviderError("the recogniser's answer makes no sense", code="protocol", retryable=True)
    return text
