"""xAI's voice models."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from openai import AsyncOpenAI

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU
from mediaproviders.openai_realtime.dialects import XAI
from mediaproviders.openai_realtime.provider import NOT_OPENAI, TRAITS, RealtimeService

URL: Final = "https://api.x.ai/v1"
_FORMATS: Final = (PCMU, PCMA, PCM16_24K, PCM16_16K, PCM16_8K)
XAI_TRAITS: Final = replace(
    TRAITS,
    input_formats=_FORMATS,
    output_formats=_FORMATS,
    text_output=False,
    max_connection_s=1800.0,
)


class XAIRealtime(RealtimeService):
    """xAI's Voice Agent API. `text_output` allows the text modality, which its documentation hardly mentions.

    `api_key` may be a coroutine function that is asked at every connect. The rest is as with :class:`RealtimeService`.
    """

    def __init__(
        self,
        api_key: str | Callable[[], Awaitable[str]],
        base_url: str | None = None,
        *,
        text_output: bool = False,
        open_timeout_s: float = 10.0,
        uplink_ms: int = TRAITS.uplink_ms,
        queue_ms: int = 2000,
        max_connection_s: float | None = XAI_TRAITS.max_connection_s,
        extra_headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(
            AsyncOpenAI(api_key=api_key, base_url=base_url or URL, default_headers=NOT_OPENAI),  # type: ignore[arg-type]
            XAI,
            replace(XAI_TRAITS, uplink_ms=uplink_ms, max_connection_s=max_connection_s, text_output=text_output),
            open_timeout_s=open_timeout_s,
            queue_ms=queue_ms,
            extra_headers=extra_headers,
            tls=tls,
        )
