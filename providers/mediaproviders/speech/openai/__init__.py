"""OpenAI's audio endpoints, and Azure OpenAI's by the same classes.

``access`` makes the SDK's client; ``recogniser`` uploads whole turns, ``live`` streams them; ``voice`` speaks;
``errors`` says whose fault it was.
"""

from mediaproviders.speech.openai.live import OpenAILiveSpeechToText
from mediaproviders.speech.openai.recogniser import OpenAISpeechToText
from mediaproviders.speech.openai.voice import OpenAITextToSpeech

__all__ = ["OpenAILiveSpeechToText", "OpenAISpeechToText", "OpenAITextToSpeech"]
