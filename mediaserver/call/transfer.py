"""Transfers of one call: by REFER, by a second call that is bridged here, or by REFER once the second is answered."""

import json
import secrets
from collections.abc import Mapping

from mediaserver.call.call import Call
from mediaserver.call.end import CallEnd, Result
from mediaserver.call.following import Following
from mediaserver.call.lifetime import State
from mediaserver.call.outgoing import Outgoing, place
from mediaserver.call.referral import Referral, Verdict
from mediaserver.call.route import RouteRefusedError, Wanted
from mediaserver.sip.events import TransferAsked, TransferProgress
from mediaserver.talk.orders import Outcome, Ringback, TransferWanted

_TRANSFERRED = CallEnd(Result.COMPLETED, "transferred")
_NOT_TRANSFERRED = CallEnd(Result.COMPLETED, "transfer-failed")
_NOT_NOW, _DECLINED, _FORBIDDEN = 491, 603, 403


class Transfers:
    """Those of `call`, one after the other. What fails is told to the agent, which goes on."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._wanted: TransferWanted | None = None
        self._may_fall_back = False
        self._rings = False
        self._on_hold = False
        self._referral: Referral | None = None
        self._second: Outgoing | None = None
        """The call to whom it is transferred to, if we place one."""
        self._following: Following | None = None

    # --- what the agent wants -----------------------------------------------------------------------------------------

    def wanted(self, wanted: TransferWanted) -> None:
        """The agent wants its caller put through; its last words have been heard."""
        call = self._call
        if self._busy or call.state is not State.TALKING or call.leg is None:
            self._answer(wanted, "the call cannot be transferred now")
            return
        self._wanted = wanted
        style = (wanted.style or call.desk.routes.transfer_style(call.trunk)) if call.refers else "invite"
        self._may_fall_back = style == "refer" and call.desk.settings.transfer_fallback
        call.log.info("call.transferring", to=wanted.target, style=style)
        if style == "refer":
            self._refer(wanted)
        else:
            self._place(wanted, attended=style == "attended")

    def _refer(self, wanted: TransferWanted) -> None:
        try:
            target = self._target(wanted)
        except RouteRefusedError as error:
            self._failed(str(error), error.code)
            return
        if target is None:
            self._place(wanted, attended=False)
            return
        self._referral = Referral(self._call, self._judged)
        self._referral.begin(target, wanted.headers)

    def _target(self, wanted: TransferWanted) -> str | None:
        """Whom the peer is to call: a URI as it is, a number as the trunk it came by writes it. It has to be allowed.

        None: a phone that is registered here, which the peer would look for in vain. Raises RouteRefusedError.
        """
        routes = self._call.desk.routes
        try:
            ways = routes.out(self._wish(wanted, self._call.trunk))
        except RouteRefusedError:
            if self._call.trunk is None:
                raise
            ways = routes.out(self._wish(wanted, None))
        routes.over(ways[0])  # it is the peer that calls
        if ways[0].trunk is None and ways[0].flow is not None:
            return None
        if wanted.target.lower().startswith(("sip:", "sips:")):
            return wanted.target
        return str(ways[0].target)

    def _wish(self, wanted: TransferWanted, trunk: str | None) -> Wanted:
        agent = self._call.agent
        return Wanted(wanted.target, trunk, headers=wanted.headers, by_agent=agent.name if agent is not None else None)

    def _judged(self, verdict: Verdict) -> None:
        """What came of our REFER."""
        self._referral = None
        second, wanted, call = self._second, self._wanted, self._call
        if verdict.done:
            self._second = None
            call.hang_up(_TRANSFERRED, "the peer is in the other call")
            if second is not None:
                second.take(second.hang_up, _TRANSFERRED, "the caller has taken its place")
        elif second is not None and second.established and call.desk.settings.transfer_fallback:
            call.log.info("call.transfer_bridged", sip_status=verdict.status, message=verdict.reason)
            self._bridge()
        elif wanted is not None and self._may_fall_back and not verdict.by_refer:
            call.log.info("call.transfer_by_invite", sip_status=verdict.status, message=verdict.reason)
            self._place(wanted, attended=False)
        else:
            self._second = None
            if second is not None:
                second.take(second.hang_up, _NOT_TRANSFERRED, "the caller cannot take its place")
            self._failed(f"{verdict.status} {verdict.reason}".strip(), "refused")

    # --- the second call ----------------------------------------------------------------------------------------------

    def _place(self, wanted: TransferWanted, *, attended: bool) -> None:
        desk = self._call.desk
        try:
            second = place(desk, secrets.token_hex(6), None, self._wish(wanted, None), watch=self._watch)
        except RouteRefusedError as error:
            self._failed(str(error), error.code)
            return
        self._second = second
        self._call.relate(second)
        self._hold(attended and desk.settings.transfer_hold)
        take = self._call.take
        second.on_answer = lambda: take(self._consulted if attended else self._bridge)
        second.on_end = lambda end: take(self._second_over, second, end)

    def _watch(self, what: str, fields: Mapping[str, object]) -> None:
        if what == "ringing":
            self._ring(True)

    def _ring(self, on: bool) -> None:
        """Have the caller hear that it rings there."""
        if on is not self._rings and self._call.established:
            self._rings = on
            self._call.desk.media.order(Ringback(self._call.id, on))

    def _hold(self, on: bool) -> None:
        """Have the caller wait by its own music, or talk again."""
        if on is not self._on_hold:
            self._on_hold = on
            self._call.hold(on=on)

    def _bridge(self) -> None:
        second, self._second, self._wanted, self._rings = self._second, None, None, False
        self._hold(False)
        if second is None:
            return
        if self._call.established:
            self._call.bridge(second)
        else:
            second.take(second.hang_up, CallEnd(Result.CANCELLED, "cancelled"), "the caller is gone")

    def _consulted(self) -> None:
        """Whom it is transferred to has answered: the caller is to take our place there."""
        second, wanted = self._second, self._wanted
        if second is None or second.leg is None or wanted is None:
            return
        target = second.route.target if second.route is not None else None
        self._referral = Referral(self._call, self._judged)
        self._referral.begin(str(target), wanted.headers, replaces_leg=second.leg)

    def _second_over(self, second: Outgoing, end: CallEnd) -> None:
        if second is not self._second:
            return
        self._second = None
        if self._referral is None:  # else it is the verdict that counts: the caller may have taken its place already
            status = f" ({end.sip_status} {end.detail})" if end.sip_status is not None else ""
            self._failed(f"{end.reason}{status}", end.reason)

    # --- what the peer wants ------------------------------------------------------------------------------------------

    def asked(self, asked: TransferAsked) -> None:
        """The peer wants us to go on with somebody else."""
        call, signalling = self._call, self._call.desk.signalling
        following = Following(call)
        if not call.desk.settings.accept_transfers:
            signalling.reject_transfer(asked.leg, _DECLINED)
        elif self._busy or not call.established:
            signalling.reject_transfer(asked.leg, _NOT_NOW)
        else:
            try:
                following.begin(asked)
            except RouteRefusedError as error:
                call.log.warning("call.transfer_refused", reason=error.code, message=str(error))
                signalling.reject_transfer(asked.leg, _FORBIDDEN)
                return
            self._following = following

    # --- what becomes of it -------------------------------------------------------------------------------------------

    def progress(self, progress: TransferProgress) -> None:
        """What the peer tells of our REFER."""
        if self._referral is not None:
            self._call.log.info("call.transfer_progress", status=progress.status, final=progress.final)
            self._referral.progress(progress)

    def under_way(self) -> bool:
        """The peer has taken our REFER."""
        return self._referral is not None and self._referral.taken

    def carries_on(self) -> bool:
        """We are on the way to whom the peer has sent us to."""
        following = self._following
        if following is None or not following.under_way:
            return False
        following.deserted()
        return True

    def over(self) -> None:
        """The call has ended: so has all that was for its sake."""
        transferred = self.under_way()
        self._drop_referral()
        if self._following is not None:
            self._following.stop()
        second, self._second = self._second, None
        if second is not None:
            end = _TRANSFERRED if transferred else CallEnd(Result.CANCELLED, "cancelled")
            second.take(second.hang_up, end, "the call it was placed for is over")

    @property
    def _busy(self) -> bool:
        following = self._following is not None and self._following.under_way
        return following or self._wanted is not None or self._call.partner is not None

    def _drop_referral(self) -> None:
        referral, self._referral = self._referral, None
        if referral is not None:
            referral.stop()

    def _failed(self, why: str, code: str) -> None:
        """The caller is still with us, and the agent is told why; one that is done with the call lets it end."""
        wanted, self._wanted, call = self._wanted, None, self._call
        if wanted is None or not call.established:
            return
        call.log.warning("call.transfer_failed", reason=code, message=why)
        self._ring(False)
        self._hold(False)
        if wanted.wait_result:
            self._answer(wanted, f"the transfer failed: {why}")
        else:
            call.hang_up(CallEnd(Result.FAILED, "transfer-failed", detail=why), why)

    def _answer(self, wanted: TransferWanted, error: str) -> None:
        text = json.dumps({"error": error})
        self._call.desk.media.order(Outcome(wanted.call, wanted.tool_call, text))
