"""OpenAI's audio endpoints, and Azure OpenAI's by the same classes.

``access`` makes the SDK's client; ``recogniser`` and ``voice`` are the two services; ``errors`` says whose fault it
was.
"""

from mediaproviders.speech.openai.recogniser import OpenAISpeechToText
from mediaproviders.speech.openai.voice import OpenAITextToSpeech

__all__ = ["OpenAISpeechToText", "OpenAITextToSpeech"]
