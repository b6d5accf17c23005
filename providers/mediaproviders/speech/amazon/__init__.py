"""Amazon Polly and Amazon Transcribe.

``polly`` is the voice, over boto3, whose blocking calls stay in ``reading``'s threads; ``transcribe`` the recogniser, a
live stream over the new SDK; ``errors`` says whose fault it was.
"""

from mediaproviders.speech.amazon.polly import PollyTextToSpeech
from mediaproviders.speech.amazon.transcribe import TranscribeSpeechToText

__all__ = ["PollyTextToSpeech", "TranscribeSpeechToText"]
