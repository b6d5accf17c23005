"""Transfers within calls, both ways: the two sides of REFER under one roof (RFC 3515, 5589)."""

from collections.abc import Sequence

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.events import TransferProgress
from mediaserver.sip.in_dialog import DialogRequests
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import LegState
from mediaserver.sip.refer import Refers
from mediaserver.sip.refer_to import refer_to
from mediaserver.sip.referral import Referrals
from mediaserver.sip.replaces import Replaces, replaces_of
from mediaserver.sip.uri import SipUri


class Transfers:
    """The user's commands about REFERs of ours and of the peers, by the handle of a leg as the endpoint's own."""

    def __init__(self, core: Core, requests: DialogRequests, invitations: Invitations) -> None:
        self._core = core
        self.ours = Refers(core, requests, invitations)
        self.theirs = Referrals(core, requests, invitations)

    def refer(
        self,
        leg: int,
        target: str | SipUri | None,
        now: float,
        *,
        replaces_leg: int | None = None,
        referred_by: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Ask the peer to call `target`, a URI or name-addr (RFC 3515); `TransferProgress` tells until the end.

        `replaces_leg`: it is to take our place in that call (attended transfer, RFC 3891), whose far end is the target
        if none is given. A second REFER of a leg gives the first up. The call itself stays until somebody hangs up.
        """
        party = self._core.leg(leg, LegState.CONFIRMED)
        if party is None:
            return
        replaced = None if replaces_leg is None else self._core.leg(replaces_leg, LegState.CONFIRMED)
        if replaces_leg is not None and replaced is None:
            self._core.emit(TransferProgress(leg, 481, "the call to be replaced has ended", final=True))
            return
        replaces: Replaces | None = None
        if replaced is not None and replaced.dialog is not None:
            replaces = replaces_of(replaced.dialog)
            target = target or replaced.dialog.remote_target
        if not target:
            raise LocalProtocolError("a transfer needs a target, or a call to put it in the place of")
        value = refer_to(target, None if replaces is None else str(replaces))
        self.ours.send(party, value, referred_by, headers, now)

    def accept(self, leg: int, now: float) -> None:
        """Take the peer's REFER with 202; `progress` is due until the end, even when this call is over."""
        self.theirs.accept(leg, now)

    def progress(self, leg: int, status: int, reason: str, now: float) -> None:
        """Tell the peer how the call it asked for stands (NOTIFY); a final status, 200 or above, ends it."""
        if not 100 <= status < 700:
            raise LocalProtocolError(f"{status} is no status")
        self.theirs.progress(leg, status, reason, now)

    def reject(self, leg: int, status: int, now: float) -> None:
        """Refuse the peer's REFER with 300-699."""
        if not 300 <= status < 700:
            raise LocalProtocolError(f"{status} does not refuse")
        self.theirs.reject(leg, status, now)

    def replaces_of(self, leg: int) -> str | None:
        """The value of a Replaces header that names this leg's dialog to its far end; None if the leg has ended."""
        party = self._core.leg(leg, LegState.CONFIRMED)
        return None if party is None or party.dialog is None else str(replaces_of(party.dialog))

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, in seconds."""
        times = (self.ours.alarms.next(), self.theirs.alarms.next())
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Give up what takes too long."""
        self.ours.handle_timer(now)
        self.theirs.handle_timer(now)
