"""A strict emulator of an OpenAI-compatible chat endpoint, on a real socket.

``service`` decides what a request is answered with (pure); ``validation`` and ``order`` are what it refuses,
``completion`` the chunks of an answer and when each is due, ``mishaps`` what goes wrong with them; ``settings`` and
``faults`` hold all choices; ``server`` is the HTTP around it.
"""

from mediaproviders.emulators.chat.faults import Fault, Refuse
from mediaproviders.emulators.chat.server import ChatEmulator
from mediaproviders.emulators.chat.settings import ChatPace, ChatSettings

__all__ = ["ChatEmulator", "ChatPace", "ChatSettings", "Fault", "Refuse"]
