"""An offline model for rehearsals: Whisper hears, a script decides, a neural voice speaks.

- ``provider``      the face: :class:`LocalProvider`
- ``conversation``  one session: what is heard, when to answer
- ``script`` ``receptionist`` ``match`` ``dialogue``  what to answer
- ``speaker``       answers, sentence by sentence, on their way to the server
- ``worker`` ``process``  the processes in which ``hear`` and ``speak`` work
"""

from mediaproviders.hearing.turns import Pace
from mediaproviders.local.provider import TRAITS, LocalProvider
from mediaproviders.local.receptionist import RECEPTIONIST
from mediaproviders.local.script import Intent, Script, ToolUse

__all__ = ["RECEPTIONIST", "TRAITS", "Intent", "LocalProvider", "Pace", "Script", "ToolUse"]
