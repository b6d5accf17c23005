"""OpenAI's Realtime API over WebSocket, and the services that speak its dialect.

``provider`` opens sessions; ``conversation`` is one live session and its reconnects; ``connection`` is the socket,
written to without waiting; ``uplink`` the bounded queue before it; ``session`` the pure state of a conversation, made
of ``answers`` (one response at a time) and ``history`` (what was said and heard); ``events`` and ``commands`` are the
wire, each way; ``configuration`` turns a brief into a session; ``errors`` says whose fault it was.
"""

from mediaproviders.openai_realtime.configuration import validate
from mediaproviders.openai_realtime.provider import TRAITS, OpenAIRealtime

__all__ = ["TRAITS", "OpenAIRealtime", "validate"]
