"""Google's Cloud Speech-to-Text and Cloud Text-to-Speech, an optional extra.

``recogniser`` and ``voice`` are the two services; ``access`` is how to get in; ``errors`` says whose fault it was.
Google's libraries are imported by `start`, or with the first request: without them both classes can be made.
"""

from mediaproviders.speech.google.recogniser import GoogleSpeechToText
from mediaproviders.speech.google.voice import GoogleTextToSpeech

__all__ = ["GoogleSpeechToText", "GoogleTextToSpeech"]
