"""Google's Cloud Speech-to-Text and Cloud Text-to-Speech over unencrypted gRPC.

``server`` answers; ``recognition`` and ``synthesis`` check what is asked for; ``refusal`` is what the services say when
they do not do it. Needs the extra google-speech: the messages are those of Google's own libraries.
"""

from mediaproviders.emulators.speech_services.google.server import GoogleSpeechEmulator
from mediaproviders.emulators.speech_services.google.settings import GoogleSpeechSettings

__all__ = ["GoogleSpeechEmulator", "GoogleSpeechSettings"]
