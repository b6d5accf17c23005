"""Amazon Transcribe's live recognition.

``server`` listens; ``recognition`` is one stream; ``requests`` checks how it begins.
"""

from mediaproviders.emulators.speech_services.transcribe.server import TranscribeEmulator
from mediaproviders.emulators.speech_services.transcribe.settings import TranscribeSettings

__all__ = ["TranscribeEmulator", "TranscribeSettings"]
