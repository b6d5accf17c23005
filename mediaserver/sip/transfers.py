"""Transfers within calls, both ways: the two sides of REFER under one roof (RFC 3515, 5589)."""

from collections.abc import Sequence

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.in_dialog import DialogRequests
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Leg
from mediaserver.sip.refer import Refers
from mediaserver.sip.refer_to import refer_to
from mediaserver.sip.referral import Referrals
from mediaserver.sip.replaces import Replaces, replaces_of
from mediaserver.sip.uri import SipUri


class Transfers:
    """REFERs of ours and of the peers, and what names our dialogs in them."""

    def __init__(self, core: Core, requests: DialogRequests, invitations: Invitations) -> None:
        self._core = core
        self.ours = Refers(core, requests, invitations)
        self.theirs = Referrals(core, requests, invitations)

    def refer(
        self,
        leg: Leg,
        target: str | SipUri | None,
        replaced: Leg | None,
        referred_by: str | None,
        headers: Sequence[tuple[str, str]],
        now: float,
    ) -> None:
        """Send the peer of `leg` to `target`, to take the place of us in the call `replaced` if there is one.

        Without a target it is the other call's far end. LocalProtocolError if there is neither.
        """
        replaces: Replaces | None = None
        if replaced is not None and replaced.dialog is not None:
            replaces = replaces_of(replaced.dialog)
            target = target or replaced.dialog.remote_target
        if not target:
            raise LocalProtocolError("a transfer needs a target, or a call to put it in the place of")
        value = refer_to(target, None if replaces is None else str(replaces))
        self.ours.send(leg, value, referred_by, headers, now)

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, in seconds."""
        times = (self.ours.alarms.next(), self.theirs.alarms.next())
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Give up what takes too long."""
        self.ours.handle_timer(now)
        self.theirs.handle_timer(now)
