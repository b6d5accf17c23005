"""Who may speak to us, and as whom: asked once for each request outside of a dialog."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request


class Verdict(Enum):
    """What the door says."""

    WELCOME = auto()
    REFUSE = auto()
    """Answer with the admission's status and header fields: a challenge is a 401 with WWW-Authenticate."""
    IGNORE = auto()
    """Not a word: a scanner learns nothing, and a spoofed source is not hit."""


@dataclass(frozen=True, slots=True)
class Admission:
    """`trunk` and `user`: whom the sender was found to be."""

    verdict: Verdict
    status: int = 403
    headers: Sequence[tuple[str, str]] = ()
    reason: str | None = None
    trunk: str | None = None
    user: str | None = None


class Door(Protocol):
    """Decides by the request, where it came from, and the time in seconds."""

    def admit(self, request: Request, flow: Flow, now: float) -> Admission:
        """Judge a request that belongs to no dialog; cheap, for floods come here too."""
