"""OpenAI's audio endpoints, under its own paths and under both of Azure's.

``server`` answers requests, ``live`` holds transcription sessions, each of them a ``session``; ``admission`` decides
who may ask what, by path and key; ``requests`` checks what is asked for; ``wavfile`` reads what is uploaded;
``wording`` writes transcripts; ``refusal`` is what the service says when it does not do it.
"""

from mediaproviders.emulators.speech_services.openai.live import OpenAILiveEmulator
from mediaproviders.emulators.speech_services.openai.server import OpenAISpeechEmulator
from mediaproviders.emulators.speech_services.openai.settings import OpenAISpeechSettings

__all__ = ["OpenAILiveEmulator", "OpenAISpeechEmulator", "OpenAISpeechSettings"]
