"""One INVITE of ours, to one address by one route, until it is answered or refused (RFC 3261 13.2)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from mediaserver.call.branches import Branches
from mediaserver.call.desk import Desk
from mediaserver.call.end import NORMAL, CallEnd, Result
from mediaserver.call.media_ports import MediaPorts
from mediaserver.call.route import Route
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sip.events import Answered, Event, Flow, Progress, Refused, Reinvited

_RINGING, _SESSION_PROGRESS, _EARLY_DIALOG_OVER = 180, 183, 199


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody has answered: whoever dialled takes over the leg and the route's place."""

    leg: int
    route: Route
    negotiation: Negotiation


class WhoTries(Protocol):
    """Who has an INVITE sent; told exactly one of `answered`, `refused` and `useless`, unless it gives it up."""

    def dialled(self, leg: int) -> None:
        """The INVITE is about to leave."""

    def rings(self, status: int, plan: MediaPlan | None) -> None:
        """A branch of it is under way; `plan` is its early media."""

    def answered(self, reached: Reached) -> None:
        """Somebody has answered, and the ACK is out."""

    def refused(self, refused: Refused) -> None:
        """It was refused, or went nowhere."""

    def useless(self, end: CallEnd) -> None:
        """It was answered with what we cannot use, and is hung up on."""


class Attempt:
    """The INVITE by `route` to `flow`, with media to come to one of `ports`. `take` runs a step, whatever it raises."""

    def __init__(
        self,
        desk: Desk,
        route: Route,
        flow: Flow,
        ports: MediaPorts,
        user: WhoTries,
        take: Callable[..., None],
        log: FilteringBoundLogger,
    ) -> None:
        self._desk = desk
        self._route = route
        self.flow = flow
        self._user = user
        self._take = take
        self._log = log
        path = desk.paths.path(route.trunk, flow)
        local = ports.towards(path, lambda: desk.address(flow.remote[0]))
        ours = Negotiation(route.capabilities, local, random.SystemRandom().getrandbits(62), path)
        self._branches = Branches(ours, late=route.late_offer)
        self._leg: int | None = None
        self.rang = False
        """The callee has been alerted."""

    @property
    def heard(self) -> bool:
        """Any response has come."""
        return self._leg is None or self._desk.signalling.heard(self._leg)

    def begin(self, headers: Sequence[tuple[str, str]]) -> None:
        """Send it, with `headers` besides the route's own."""
        desk, route, flow = self._desk, self._route, self.flow
        leg = self._leg = desk.signalling.invite(route, flow, self._branches.offer, headers)
        desk.calls.bind(leg, self)
        self._user.dialled(leg)
        self._log.info(
            "call.dialling",
            to=str(route.target),
            trunk=route.trunk,
            via=f"{flow.transport}:{flow.remote[0]}:{flow.remote[1]}",
        )

    def give_up(self, reason: str) -> None:
        """It is not wanted any more; `reason` is the Reason of the CANCEL. Nothing if it is over."""
        if (leg := self.release()) is not None:
            self._desk.signalling.bye(leg, reason)

    def release(self) -> int | None:
        """Take no more notice of the leg: it is somebody else's, or nobody's; None if it was so before."""
        leg, self._leg = self._leg, None
        if leg is not None:
            self._desk.calls.release(leg)
        return leg

    def sip(self, event: Event) -> None:
        """An event of the leg."""
        self._take(self._happened, event)

    def _happened(self, event: Event) -> None:
        match event:
            case _ if self._leg is None:
                pass
            case Progress():
                self._progress(event)
            case Answered():
                self._answered(event)
            case Reinvited():
                self._changed(event)
            case Refused():
                self.release()
                self._user.refused(event)

    def _progress(self, event: Progress) -> None:
        if event.status == _EARLY_DIALOG_OVER:
            self._branches.over(event.fork)
            return
        self.rang = self.rang or event.status == _RINGING
        plan = None
        if event.body is not None:
            try:
                plan, answer = self._branches.early(event.fork, event.body)
            except RemoteProtocolError as error:
                self._log.info("call.early_media_refused", why=str(error))
            else:
                if answer is not None:
                    self._desk.signalling.acknowledge(event.leg, answer)
        self._log.info("call.progress", status=event.status, early_media=plan is not None)
        self._user.rings(event.status, plan)

    def _changed(self, event: Reinvited) -> None:
        """A branch wants other media before it has answered."""
        try:
            plan, answer = self._branches.changed(event.offer)
        except RemoteProtocolError as error:
            self._log.info("call.reinvite_refused", why=str(error))
            self._desk.signalling.reject_reinvite(event.leg, error.status or 488)
            return
        self._desk.signalling.answer_reinvite(event.leg, answer)
        self._user.rings(_SESSION_PROGRESS, plan)

    def _answered(self, event: Answered) -> None:
        leg, route = event.leg, self._route
        try:
            negotiation, answer = self._branches.settled(event.fork, event.body)
        except RemoteProtocolError as error:
            end = CallEnd(Result.FAILED, "unacceptable-media", 200, cause=NORMAL, detail=str(error))
            self.give_up(end.reason_header)
            self._user.useless(end)
            return
        if answer is not None:
            self._desk.signalling.acknowledge(leg, answer)
        self._desk.paths.check(negotiation.plan, route.trunk, self.flow)
        self.release()
        self._user.answered(Reached(leg, route, negotiation))
