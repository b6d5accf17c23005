"""Text models behind an OpenAI-compatible chat endpoint: OpenAI, Azure OpenAI, vLLM, Ollama and their like.

``provider`` opens sessions; ``conversation`` is one, with a request for each answer; ``thread`` is the list of messages
that is sent with each (pure); ``reply`` puts an answer together from its chunks (pure); ``request`` turns a brief into
parameters; ``errors`` says whose fault it was.
"""

from mediaproviders.openai_chat.provider import TRAITS, OpenAIChat
from mediaproviders.openai_chat.request import LimitField

__all__ = ["TRAITS", "LimitField", "OpenAIChat"]
