"""Google's Gemini Live over WebSocket, of the Developer API and of Vertex AI.

``provider`` opens sessions, by the official SDK; ``connection`` is the opening, ``conversation`` one live session;
``session`` its pure state, made of ``answers`` (what the model says), ``caller`` (whose words come) and ``windows``
(turns by our own detector); ``events`` and ``commands`` are the wire, each way; ``configuration`` turns a brief into a
setup; ``errors`` says whose fault it was.
"""

from mediaproviders.gemini_live.configuration import validate
from mediaproviders.gemini_live.provider import TRAITS, GeminiLive

__all__ = ["TRAITS", "GeminiLive", "validate"]
