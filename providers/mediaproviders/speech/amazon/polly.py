"""Amazon Polly: a text goes in one request, its audio comes as the answer's body."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cache
from typing import Any, Final

from mediaproviders.aws.credentials import Account
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.speech.amazon import errors
from mediaproviders.speech.amazon.reading import Reading, Threads
from mediaproviders.speech.loopback import is_loopback
from mediaproviders.speech.pieces import Pieces
from mediaproviders.speech.stream import Patience
from mediaproviders.speech.texts import parts

MOST_CHARACTERS: Final = 3000
"""In one request; a longer text takes several."""
CONNECT_S: Final = 3.0
_PIECE_MS: Final = 100
_ATTEMPTS: Final = 2
_FORMATS: Final = {PCMU: "mulaw", PCMA: "alaw", PCM16_8K: "pcm", PCM16_16K: "pcm"}


class PollyTextToSpeech:
    """Amazon Polly's voices, at 8 kHz in G.711 or PCM and at 16 kHz in PCM.

    Without keys or a `profile`, boto3's chain finds the credentials; without `region`, the environment or the profile
    has one. `first_audio_s` bounds the time to the first audio, retries included, `stall_s` each pause after it.
    `threads` is how many texts can be asked for at the same time; further ones wait.
    """

    def __init__(
        self,
        region: str | None = None,
        *,
        voice: str = "Joanna",
        engine: str = "neural",
        language: str | None = None,
        lexicons: tuple[str, ...] | list[str] = (),
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        ca_file: str | None = None,
        first_audio_s: float = 8.0,
        stall_s: float = 5.0,
        threads: int = 16,
    ) -> None:
        self._account = Account(region, access_key_id, secret_access_key, session_token, profile)
        self._endpoint_url = endpoint_url
        self._ca_file = ca_file
        self._patience = Patience(first_audio_s, stall_s)
        self._wanted: dict[str, Any] = {"VoiceId": voice, "Engine": engine, "TextType": "text"}
        if language is not None:
            self._wanted["LanguageCode"] = language
        if lexicons:
            self._wanted["LexiconNames"] = list(lexicons)
        self._threads = Threads(threads, "polly")
        self._most_connections = threads
        self._client: Any = None
        self._making = asyncio.Lock()

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it speaks, most wanted first: those that the installed SDK knows of."""
        return tuple(form for form, name in _FORMATS.items() if name in _output_formats())

    async def start(self) -> None:
        """Read the SDK's description of the service. Raises ProviderError."""
        await self._made()

    async def close(self) -> None:
        """Close the SDK's client; requests under way are left."""
        self._threads.close()
        if self._client is not None:
            self._client.close()

    async def speak(self, text: str, form: AudioFormat) -> AsyncGenerator[bytes]:
        """`text` as audio. Raises ProviderError while iterating; closing the iterator cuts the connection."""
        if form not in self.formats:
            raise ProviderError(f"a format it does not speak: {form}", code="invalid_configuration", retryable=False)
        for part in parts(text, MOST_CHARACTERS):
            pieces = Pieces(part, form)
            async with aclosing(self._patience.all(self._request(part, form))) as arriving:
                async for received in arriving:
                    if whole := pieces.take(received):
                        yield whole
            pieces.end()

    async def _request(self, text: str, form: AudioFormat) -> AsyncGenerator[bytes]:
        client = await self._made()
        asked = {**self._wanted, "Text": text, "OutputFormat": _FORMATS[form], "SampleRate": str(form.rate)}
        reading = Reading(lambda: _audio_of(client.synthesize_speech(**asked)))
        size = _PIECE_MS * form.bytes_per_ms
        try:
            await self._threads.run(reading.open)
            while received := await self._threads.run(lambda: reading.read(size)):
                yield received
        except Exception as error:
            raise errors.from_botocore(error) from error
        finally:
            reading.leave()
            self._threads.soon(reading.discard)

    async def _made(self) -> Any:
        async with self._making:
            if self._client is None:
                try:
                    self._client = await self._threads.run(self._make)
                except Exception as error:
                    raise errors.from_botocore(error) from error
        return self._client

    def _make(self) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_S,
            # After the loop has lost its patience: a thread must not wait for ever either.
            read_timeout=max(self._patience.first_s, self._patience.next_s),
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=self._most_connections,
            # No proxy stands between this machine and itself.
            proxies={} if is_loopback(self._endpoint_url) else None,
        )
        return self._account.session().client(
            "polly", endpoint_url=self._endpoint_url, config=config, verify=self._ca_file
        )


def _audio_of(answer: Any) -> Any:
    stream, kind = answer["AudioStream"], answer.get("ContentType", "")
    if not kind.startswith("audio/"):
        stream.close()
        raise ProviderError(f"the voice service answered with {kind or 'nothing'}", code="protocol", retryable=True)
    return stream


@cache
def _output_formats() -> frozenset[str]:
    from botocore.loaders import Loader

    return frozenset(Loader().load_service_model("polly", "service-2")["shapes"]["OutputFormat"]["enum"])
