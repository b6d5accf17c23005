"""How a call ended, as one value: logged once, counted once."""

from dataclasses import dataclass
from enum import Enum


class Result(Enum):
    """Whose doing the end was."""

    COMPLETED = "completed"
    """Answered, and ended by either side in the ordinary way."""
    CANCELLED = "cancelled"
    """The caller gave up before the answer."""
    REJECTED = "rejected"
    """We refused it."""
    FAILED = "failed"
    """It broke."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """`reason` is a word for the counters; `sip_status` is what we answered, if the end was an answer."""

    result: Result
    reason: str
    sip_status: int | None = None
    cause: int = 16
    """Q.850 cause for the Reason header of our BYE."""

    @property
    def reason_header(self) -> str:
        """RFC 3326."""
        return f'Q.850;cause={self.cause};text="{self.reason}"'


NORMAL, BEARER_LOST, TEMPORARY_FAILURE, RECOVERY_ON_TIMER = 16, 47, 41, 102
"""Q.850 causes in use."""
