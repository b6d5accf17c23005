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
    TURN_AWAY = auto()
    """The status once per connection, and nothing over UDP: whoever is not allowed here at all."""
    IGNORE = auto()
    """Not a word: a scanner learns nothing, and a spoofed source is not hit."""


@dataclass(frozen=True, slots=True)
class Admission:
    """`trunk` and `user`: whom the sender was found to be. `reason` None: the usual phrase of `status`."""

    verdict: Verdict
    status: int = 403
    headers: Sequence[tuple[str, str]] = ()
    reason: str | None = None
    trunk: str | None = None
    user: str | None = None


class Door(Protocol):
    """Decides by the request, where it came from, and the time in seconds."""

    def admit(self, request: Request, flow: Flow, now: float) -> Admission:
        """Judge a request that belongs to no dialog; cheap, for floods come here too; never raises.

        ACK is not asked about, and of a CANCEL only whether it is heard. A malformed request comes here as well, and
        may lack any header field but Via: its accessors raise RemoteProtocolError then.
        """
