"""The provider: what it can do, and the opening of a session."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from google.auth.credentials import Credentials
from google.genai import Client, types

from mediacodecs.signal.vad import DetectorUnavailableError
from mediaproviders.advanced.gemini import setting
from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    AudioFormat,
    Brief,
    Conversation,
    ProviderError,
    Traits,
)
from mediaproviders.gemini_live import commands, configuration
from mediaproviders.gemini_live.connection import SOCKET, Link
from mediaproviders.gemini_live.conversation import GeminiConversation
from mediaproviders.gemini_live.session import Ear, Session
from mediaproviders.hearing import Detector, Listener, SileroDetector, silero
from mediaproviders.websocket import Uplink, is_loopback

TRAITS: Final = Traits(
    input_formats=(PCM16_8K, PCM16_16K),  # the service takes any rate: a narrow band is not blown up on its way there
    output_formats=(PCM16_24K,),
    server_vad=True,
    hears_speech_start=False,
    announces_end=True,
    late_history=False,
    can_truncate=False,
    can_cancel=True,
    reversible_interrupt=True,
    text_output=False,
    can_update_instructions=False,
    can_update_tools=False,
    max_connection_s=600.0,
    resume="handle",
    greeting="seed",
    uplink_ms=40,
)


class GeminiLive:
    """Google's Gemini Live, of the Developer API (`api_key`) or of Vertex AI (`project`, `location`, `credentials`).

    Without credentials Vertex takes the application's default ones. `queue_ms` bounds the caller audio kept while the
    service does not read. A TLS context of one's own replaces the SDK's trust store. `detector` finds the caller's
    turns where the service does not (`vad_mode` silero, `interruption` local); None: Silero's. Raises ValueError for
    access that cannot be right.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        vertexai: bool = False,
        project: str | None = None,
        location: str | None = None,
        credentials: Credentials | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        uplink_ms: int = TRAITS.uplink_ms,
        queue_ms: int = 2000,
        open_timeout_s: float = 10.0,
        extra_headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        detector: Callable[[], Detector] | None = None,
    ) -> None:
        socket = {**SOCKET, "open_timeout": open_timeout_s}
        if tls is not None:
            socket["ssl"] = tls
        if base_url is not None and is_loopback(base_url):
            socket["proxy"] = None
        options = types.HttpOptions(
            base_url=base_url,
            api_version=api_version,
            headers=dict(extra_headers) if extra_headers else None,
            async_client_args=socket,
        )
        self._client = Client(
            vertexai=vertexai,
            api_key=api_key,
            project=project,
            location=location,
            credentials=credentials,
            http_options=options,
        )
        # Vertex AI has its previews in the version that the SDK takes anyhow.
        self._version_is_free = api_version is None and not vertexai
        self._open_timeout_s = open_timeout_s
        self._queue_ms = queue_ms
        self._detector = detector
        heard = (PCM16_16K,) if vertexai else TRAITS.input_formats  # Vertex AI promises to take one rate only
        self._traits = replace(TRAITS, uplink_ms=uplink_ms, input_formats=heard)

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return self._traits

    async def start(self) -> None:
        """Nothing: sessions are opened by call, and the detector is loaded when the first of them needs it."""

    async def close(self) -> None:
        """Close the SDK's client."""
        await self._client.aio.aclose()
        self._client.close()

    def connect(self, brief: Brief, *, resume: str | None = None) -> AbstractAsyncContextManager[Conversation]:
        """Open a session; entering completes when it is configured.

        `resume` is the `resumption_handle` of an earlier conversation: this one goes on from there, and knows what was
        said, so the brief's history is not told. Raises ProviderError, also for a brief that cannot be served.
        """
        return self._connect(brief, resume)

    @asynccontextmanager
    async def _connect(self, brief: Brief, resume: str | None) -> AsyncIterator[Conversation]:
        own = configuration.settings(brief)
        heard = brief.input_format
        if heard not in self._traits.input_formats or brief.output_format != PCM16_24K:
            formats = f"{heard} in, {brief.output_format} out"
            raise ProviderError(f"formats it does not know: {formats}", code="invalid_configuration", retryable=False)
        setup = configuration.setup(brief, own, resume)
        if self._version_is_free and configuration.is_preview(own):
            setup.http_options = types.HttpOptions(api_version="v1alpha")
        ear = await self._ear(heard) if configuration.listens(brief, own) else None
        link = await Link.open(self._client, brief.model, setup, self._open_timeout_s)
        message = commands.audio(heard.rate)
        uplink = Uplink(heard, message, uplink_ms=self._traits.uplink_ms, queue_ms=self._queue_ms)
        clock = asyncio.get_running_loop().time
        session = Session(
            brief,
            uplink,
            clock,
            secrets.token_hex(3),
            ear=ear,
            pace=configuration.pace(brief, own),
            may_be_silent=setting(own, "proactive_audio") is True,
        )
        conversation = GeminiConversation(session, link, uplink)
        try:
            yield conversation
        finally:
            await conversation.close()

    async def _ear(self, heard: AudioFormat) -> Ear:
        if self._detector is not None:
            detector = self._detector()
        else:
            try:
                detector = SileroDetector(await asyncio.to_thread(silero))
            except DetectorUnavailableError as missing:
                raise ProviderError(str(missing), code="invalid_configuration", retryable=False) from missing
        return lambda pace, name: Listener(heard, detector, pace, name)
