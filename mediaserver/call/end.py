"""How a call ended, as one value: logged once, counted once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Result(Enum):
    """Whose doing the end was."""

    COMPLETED = "completed"
    """Answered, and ended by either side in the ordinary way."""
    CANCELLED = "cancelled"
    """Given up before the answer, by the caller or, if the call was ours, by us."""
    REJECTED = "rejected"
    """We refused it."""
    UNANSWERED = "unanswered"
    """A call of ours that nobody took: `reason` says why."""
    FAILED = "failed"
    """It broke."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """`reason` is a word for the counters; `sip_status` is the final answer to the INVITE, if the end was one.

    Reasons: caller-hung-up, callee-hung-up, agent-hung-up, max-duration, max-cost, media-timeout, media-security,
    "session timer", "no ACK", transferred, partner-hung-up, shutting-down, cancelled, answered-elsewhere, max-calls,
    no-media, unacceptable-media, answer-deadline, internal-error, model-CODE; of a call of ours also busy, declined,
    no-answer, unreachable, unknown-number, forbidden, unavailable, and the codes of a route refused.
    """

    result: Result
    reason: str
    sip_status: int | None = None
    cause: int = 16
    """Q.850 cause for the Reason header of our BYE or CANCEL."""
    detail: str = ""
    """The peer's own words: its reason phrase, or its Reason header."""

    @property
    def reason_header(self) -> str:
        """RFC 3326."""
        return f'Q.850;cause={self.cause};text="{self.reason}"'


ANSWERED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""The Reason header of a CANCEL to whoever was slower (RFC 3326 4): a telephone shows no missed call for it."""

NORMAL, NO_ANSWER, TEMPORARY_FAILURE, BEARER_LOST, RECOVERY_ON_TIMER = 16, 19, 41, 47, 102
"""Q.850 causes in use."""

_REASONS: Mapping[int, str] = {
    401: "forbidden",
    402: "forbidden",
    403: "forbidden",
    404: "unknown-number",
    407: "forbidden",
    408: "unreachable",
    410: "unknown-number",
    415: "unacceptable-media",
    433: "forbidden",
    480: "no-answer",
    484: "unknown-number",
    485: "unknown-number",
    486: "busy",
    487: "cancelled",
    488: "unacceptable-media",
    600: "busy",
    603: "declined",
    604: "unknown-number",
    606: "unacceptable-media",
    607: "declined",
    608: "declined",
}


def unanswered(status: int, phrase: str, *, rang: bool) -> CallEnd:
    """The end of a call of ours that got `status`; `rang`: the callee had been alerted."""
    reason = _REASONS.get(status, "unavailable")
    if status == 408 and rang:
        reason = "no-answer"
    return CallEnd(Result.UNANSWERED, reason, status, detail=phrase)


def by_cancel(why: str) -> CallEnd:
    """The end of a call whose caller gave up; `why` is its Reason header: a fork that another one won says 200."""
    elsewhere = "cause=200" in why.replace(" ", "")
    return CallEnd(Result.CANCELLED, "answered-elsewhere" if elsewhere else "cancelled", 487, detail=why)
