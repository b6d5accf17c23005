"""Reaching somebody: the ways out are tried in order until one answers, as RFC 3261 8.1.3 and RFC 3263 4.3 have it."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from mediaserver.call.branches import Branches
from mediaserver.call.desk import Desk
from mediaserver.call.end import NO_ANSWER, NORMAL, CallEnd, Result, unanswered
from mediaserver.call.redirection import Redirections
from mediaserver.call.route import Route, RouteRefusedError, Wanted
from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sip.events import Answered, Event, Flow, Progress, Refused, Reinvited

_RINGING, _SESSION_PROGRESS, _EARLY_DIALOG_OVER = 180, 183, 199
_ELSEWHERE = frozenset({408, 430, 500, 502, 503, 504})
"""What a server says, or is taken to say, that cannot serve us: the next one may (RFC 3261 21.5, RFC 3263 4.3)."""
_AVOIDED_S = 30.0
"""For how long a server that failed is tried last."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody has answered: whoever dialled takes over the leg and the route's place."""

    leg: int
    route: Route
    negotiation: Negotiation


class WhoDials(Protocol):
    """Who wants somebody reached; told exactly one of `reached` and `nobody`, unless the dialling is given up."""

    def dialled(self, leg: int) -> None:
        """An INVITE is about to leave."""

    def rings(self, status: int, plan: MediaPlan | None) -> None:
        """A branch of the call is under way; `plan` is its early media."""

    def reached(self, reached: Reached) -> None:
        """Somebody has answered."""

    def nobody(self, end: CallEnd) -> None:
        """Nobody will."""


class Dialling:
    """One search for one callee, by `routes`, which hold a place in the limits. `take` runs a step, whatever it raises.

    Without an `offer` of ours the callee makes one. `headers` go into every INVITE besides the route's own.
    """

    def __init__(
        self,
        desk: Desk,
        wanted: Wanted,
        routes: Sequence[Route],
        user: WhoDials,
        take: Callable[..., None],
        log: FilteringBoundLogger,
        *,
        headers: Sequence[tuple[str, str]] = (),
        late_offer: bool = False,
    ) -> None:
        self._desk = desk
        self._port = 0
        self._user = user
        self._take = take
        self._log = log
        self._headers = headers
        self._late_offer = late_offer
        self._redirections = Redirections(desk.routes, wanted)
        self._ways = deque(routes)
        self._place: Route | None = routes[0]
        self._flows: deque[Flow] = deque()
        self._route: Route | None = None
        self._flow: Flow | None = None
        self._leg: int | None = None
        self._branches: Branches | None = None
        self._rang = False
        self._why = CallEnd(Result.UNANSWERED, "unreachable")
        self._looking_up: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._patience: asyncio.TimerHandle | None = None
        self._over = False

    def start(self, port: int) -> None:
        """Begin; media are to come to `port`."""
        self._port = port
        self._timers.append(self._after(self._desk.settings.ring_timeout_s, self._rung_enough))
        self._next()

    def sip(self, event: Event) -> None:
        """An event of the leg."""
        self._take(self._happened, event)

    def give_up(self, reason: str) -> None:
        """Nobody is wanted any more, whether or not it has begun; `reason` is the Reason of the CANCEL."""
        if not self._over:
            leg = self._leg
            self._finish()
            if leg is not None:
                self._desk.signalling.bye(leg, reason)

    # --- the ways -----------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Try the next address, else the next route, else the next target of a 3xx; or say that nobody was reached."""
        while not self._flows:
            if not self._ways and not self._redirected():
                self._nobody(self._why)
                return
            self._route = self._ways.popleft()
            if self._route.flow is None:
                self._looking_up = asyncio.get_running_loop().create_task(self._look_up(self._route))
                return
            self._flows = deque([self._route.flow])
        self._invite(self._flows.popleft())

    async def _look_up(self, route: Route) -> None:
        found: list[Flow] | Exception
        try:
            found = await self._desk.signalling.resolve(route.hop, route.profile)
        except Exception as error:  # a step of the call takes it: a bug ends that call, as everywhere
            found = error
        self._take(self._looked_up, route, found)

    def _looked_up(self, route: Route, found: list[Flow] | Exception) -> None:
        if isinstance(found, OSError | LocalProtocolError):
            self._not_found(route, str(found))
        elif isinstance(found, Exception):
            raise found
        elif not self._over:
            self._flows = deque(found)
            self._next()

    def _not_found(self, route: Route, why: str) -> None:
        if self._over:
            return
        self._log.warning("call.way_failed", trunk=route.trunk, host=route.hop.host, message=why)
        self._desk.routes.failed(route, 503, None)
        self._why = CallEnd(Result.UNANSWERED, "unreachable", 503, detail=why)
        self._next()

    def _invite(self, flow: Flow) -> None:
        route, desk = self._route, self._desk
        assert route is not None
        local = (desk.address(flow.remote[0]), self._port)
        path = desk.paths.path(route.trunk, flow)
        ours = Negotiation(route.capabilities, local, random.SystemRandom().getrandbits(62), path)
        self._branches = Branches(ours, late=self._late_offer)
        self._rang = False
        self._flow = flow
        self._leg = desk.signalling.invite(route, flow, self._branches.offer, self._headers)
        desk.calls.bind(self._leg, self)
        self._user.dialled(self._leg)
        self._log.info(
            "call.dialling",
            to=str(route.target),
            trunk=route.trunk,
            via=f"{flow.transport}:{flow.remote[0]}:{flow.remote[1]}",
        )
        self._wait_for_a_word()

    def _wait_for_a_word(self) -> None:
        """A server that says nothing at all is not waited for as long as it takes, if there is another way."""
        self._calm()
        if self._flows or self._ways:
            self._patience = self._after(self._desk.settings.response_timeout_s, self._not_a_word)

    def _not_a_word(self) -> None:
        leg = self._leg
        if self._over or leg is None or self._desk.signalling.heard(leg):
            return
        self._release()
        self._desk.signalling.bye(leg, CallEnd(Result.UNANSWERED, "unreachable").reason_header)
        self._refused(Refused(leg, 408, "no response", None))

    def _rung_enough(self) -> None:
        end = CallEnd(Result.UNANSWERED, "no-answer" if self._rang else self._why.reason, cause=NO_ANSWER)
        if not self._over:
            self.give_up(end.reason_header)
            self._user.nobody(end)

    # --- what comes back ----------------------------------------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        match event:
            case _ if self._over:
                pass
            case Progress():
                self._progress(event)
            case Answered():
                self._answered(event)
            case Reinvited():
                self._changed(event)
            case Refused():
                self._release()
                self._refused(event)

    def _progress(self, event: Progress) -> None:
        assert self._branches is not None
        if event.status == _EARLY_DIALOG_OVER:
            self._branches.over(event.fork)
            return
        self._rang = self._rang or event.status == _RINGING
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
        assert self._branches is not None
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
        assert route is not None and self._branches is not None
        try:
            negotiation, answer = self._branches.settled(event.fork, event.body)
        except RemoteProtocolError as error:
            end = CallEnd(Result.FAILED, "unacceptable-media", 200, cause=NORMAL, detail=str(error))
            self.give_up(end.reason_header)
            self._user.nobody(end)
            return
        if answer is not None:
            self._desk.signalling.acknowledge(leg, answer)
        if self._flow is not None:
            self._desk.paths.check(negotiation.plan, route.trunk, self._flow)
        self._place = None  # from now on it is the call's
        self._finish()
        self._user.reached(Reached(leg, route, negotiation))

    def _refused(self, event: Refused) -> None:
        route = self._route
        assert route is not None
        self._why = unanswered(event.status, event.reason, rang=self._rang)
        if 300 <= event.status < 400:
            self._log.info("call.redirected", sip_status=event.status, to=event.contacts)
            self._redirections.add(event.contacts, route.trunk)
            self._flows.clear()
            self._ways.clear()
            self._next()
        elif event.status in _ELSEWHERE and not (self._rang and event.status == 408):
            self._log.warning("call.way_failed", trunk=route.trunk, sip_status=event.status, message=event.reason)
            if self._flow is not None:
                self._desk.signalling.avoid(self._flow, event.retry_after or _AVOIDED_S)
            if not self._flows:
                self._desk.routes.failed(route, event.status, event.retry_after)
            self._next()
        else:
            self._nobody(self._why)

    def _redirected(self) -> bool:
        """Ways to where a 3xx pointed, as far as it may be called at all (8.1.3.4); False: there are none."""
        self._give_back()
        try:
            ways = self._redirections.next_ways()
        except RouteRefusedError as error:
            self._why = CallEnd(Result.UNANSWERED, error.code, self._why.sip_status, detail=str(error))
            return False
        self._ways.extend(ways)
        self._place = ways[0] if ways else None
        return bool(ways)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _nobody(self, end: CallEnd) -> None:
        self._finish()
        self._user.nobody(end)

    def _finish(self) -> None:
        """Nothing more comes of it; places that were not needed are free."""
        self._over = True
        self._release()
        for timer in self._timers:
            timer.cancel()
        if self._looking_up is not None and not self._looking_up.done():
            self._looking_up.cancel()
        self._give_back()

    def _give_back(self) -> None:
        """The place in the limits, which all ways given together share, is free."""
        place, self._place = self._place, None
        if place is not None:
            self._desk.routes.over(place)

    def _release(self) -> None:
        self._calm()
        leg, self._leg = self._leg, None
        if leg is not None:
            self._desk.calls.release(leg)

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _after(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._take, then)
