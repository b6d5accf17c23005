"""A REFER of ours: the peer is asked to call somebody else in our place (RFC 3515)."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mediaserver.call.call import Call
from mediaserver.sip.events import TransferProgress

_NOT_BY_REFER = frozenset({400, 403, 405, 406, 420, 421, 488, 489, 501, 603, 606})
"""The answer to a REFER of a peer that makes no transfers, or none for us."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. `by_refer` False: the peer will not have a REFER; another way may do."""

    status: int
    reason: str
    by_refer: bool = True

    @property
    def done(self) -> bool:
        """The peer is in the other call."""
        return 200 <= self.status < 300


class Referral:
    """One REFER on the leg of `call`. `judged` is told the verdict, once; `take` is the call's, for the time limit."""

    def __init__(self, call: Call, judged: Callable[[Verdict], None]) -> None:
        self._call = call
        self._judged = judged
        self._timer: asyncio.TimerHandle | None = None
        self.taken = False
        """The peer is at it: when it hangs up now, that is the transfer."""

    def begin(self, target: str, headers: Mapping[str, str], replaces_leg: int | None = None) -> None:
        """Send it. A peer that takes it and never tells the end is not waited for longer than the settings say."""
        call = self._call
        assert call.leg is not None
        limit_s = call.desk.settings.transfer_timeout_s
        self._timer = asyncio.get_running_loop().call_later(limit_s, call.take, self._too_long)
        call.desk.signalling.refer(
            call.leg, target, replaces_leg=replaces_leg, referred_by=None, headers=tuple(headers.items())
        )

    def progress(self, progress: TransferProgress) -> None:
        """A NOTIFY, or the refusal of the REFER."""
        if not progress.final:
            self.taken = True
            return
        refused = not self.taken and progress.status in _NOT_BY_REFER
        self._end(Verdict(progress.status, progress.reason, by_refer=not refused))

    def stop(self) -> None:
        """Nobody cares for it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_long(self) -> None:
        limit_s = self._call.desk.settings.transfer_timeout_s
        self._end(Verdict(408, f"the peer has not told the outcome within {limit_s:g} s"))

    def _end(self, verdict: Verdict) -> None:
        if self._timer is not None:
            self.stop()
            self._judged(verdict)
