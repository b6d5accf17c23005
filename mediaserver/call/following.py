"""A REFER of the peer: the conversation goes on with whom it sends us to (RFC 3515)."""

import asyncio
from dataclasses import replace

from mediaserver.call.attempt import Reached
from mediaserver.call.call import Call
from mediaserver.call.dialling import Dialling
from mediaserver.call.end import NORMAL, CallEnd, Result
from mediaserver.call.route import Wanted
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sip.events import TransferAsked
from mediaserver.sip.reasons import REASONS

_PARTING_S = 2.0
"""How long the old peer has to hang up by itself, as it should."""


class Following:
    """One REFER, followed. The call keeps its media and its agent; only its peer changes."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._asked_on: int | None = call.leg
        self._dialling: Dialling | None = None

    @property
    def under_way(self) -> bool:
        """Somebody is being called."""
        return self._dialling is not None

    def begin(self, asked: TransferAsked) -> None:
        """Take the REFER and call its target. Raises RouteRefusedError if that may not be called."""
        call, desk = self._call, self._call.desk
        uri = asked.target.uri
        target = str(replace(uri, headers=None, parameters={k: v for k, v in uri.parameters.items() if k != "method"}))
        name = call.agent.name if call.agent is not None else "bridge"
        wanted = Wanted(target, by_agent=name)
        headers = [("Replaces", asked.replaces)] if asked.replaces is not None else []
        if asked.referred_by is not None:
            headers.append(("Referred-By", asked.referred_by))
        dialling = Dialling(
            desk, wanted, desk.routes.out(wanted), call.ports, self, call.take, call.log, headers=headers
        )
        self._dialling = dialling
        call.log.info("call.transfer_asked", to=target, replaces=asked.replaces is not None)
        desk.signalling.accept_transfer(asked.leg)
        dialling.start()

    def deserted(self) -> None:
        """The peer has not waited for the outcome."""
        self._asked_on = None

    def stop(self) -> None:
        """The call is over."""
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.give_up(CallEnd(Result.CANCELLED, "cancelled", cause=NORMAL).reason_header)

    # --- from the dialling --------------------------------------------------------------------------------------------

    def dialled(self, leg: int) -> None:
        """It belongs to the call."""
        self._call.desk.ladders.joined(self._call.id, leg)

    def rings(self, status: int, plan: MediaPlan | None) -> None:
        """The peer is told; whom it hears is still us."""
        self._tell(status)

    def reached(self, reached: Reached) -> None:
        """The call goes on with the new peer; the old one hangs up, or is hung up on."""
        self._dialling = None
        call, old = self._call, self._asked_on
        self._tell(200)
        self._asked_on = None
        call.move(reached.leg, reached.negotiation, reached.route.trunk, reached.route)
        if old is not None:
            end = CallEnd(Result.COMPLETED, "transferred")
            asyncio.get_running_loop().call_later(_PARTING_S, call.desk.signalling.bye, old, end.reason_header)

    def nobody(self, end: CallEnd) -> None:
        """The call stays with the peer, if that is still there."""
        self._dialling = None
        call = self._call
        call.log.info("call.transfer_failed", reason=end.reason, sip_status=end.sip_status)
        self._tell(end.sip_status or 503)
        if call.leg is None:
            call.finish(CallEnd(Result.FAILED, "transfer-failed", detail=end.reason))

    def _tell(self, status: int) -> None:
        if self._asked_on is not None:
            self._call.desk.signalling.transfer_progress(self._asked_on, status, REASONS.get(status, ""))
