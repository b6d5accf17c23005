"""OpenAI's Realtime protocol over WebSocket, and the services that speak it: OpenAI, Azure OpenAI, xAI.

``provider``, ``azure`` and ``xai`` are the services; ``dialects`` holds what sets them apart, as tables.
``conversation`` is one live session and ``connection`` its socket; ``session`` is the pure state of a conversation,
made of ``answers`` (one response at a time), ``items`` (what can be cut of them) and, in text, ``memory`` (which is
made to agree with what was heard); ``events`` and ``commands`` are the wire, each way; ``configuration`` turns a brief
into a session, with ``settings`` read from the advanced configuration; ``errors`` says whose fault it was.
"""

from mediaproviders.openai_realtime.azure import AZURE_TRAITS, AzureRealtime
from mediaproviders.openai_realtime.configuration import validate
from mediaproviders.openai_realtime.provider import TRAITS, OpenAIRealtime
from mediaproviders.openai_realtime.xai import XAI_TRAITS, XAIRealtime

__all__ = [
    "AZURE_TRAITS",
    "TRAITS",
    "XAI_TRAITS",
    "AzureRealtime",
    "OpenAIRealtime",
    "XAIRealtime",
    "validate",
]
