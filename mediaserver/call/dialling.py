"""Reaching somebody: one set of targets after the other is called, and who answers first has the call (RFC 3261 16.7).

A target is one telephone, or a number by any of the trunks that lead to it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from mediaserver.call.attempt import Reached
from mediaserver.call.desk import Desk
from mediaserver.call.end import ANSWERED_ELSEWHERE, NO_ANSWER, CallEnd, Result
from mediaserver.call.media_ports import MediaPorts
from mediaserver.call.redirection import Redirections
from mediaserver.call.route import Route, RouteRefusedError, Wanted
from mediaserver.call.target import Target
from mediaserver.call.target_sets import Ways, target_sets
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sip.events import Refused

_TELLING = {"busy": 2, "declined": 2, "no-answer": 1}
"""Of several reasons why nobody was reached, what is worth more to know."""


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

    Media come to `ports`. `headers` go into every INVITE besides the route's own. Of several that send early media the
    first is heard.
    """

    def __init__(
        self,
        desk: Desk,
        wanted: Wanted,
        routes: Sequence[Route],
        ports: MediaPorts,
        user: WhoDials,
        take: Callable[..., None],
        log: FilteringBoundLogger,
        *,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._desk = desk
        self._ports = ports
        self._user = user
        self._take = take
        self._log = log
        self._headers = headers
        self._redirections = Redirections(desk.routes, wanted)
        self._sets: deque[list[Ways]] = deque(target_sets(routes))
        self._place: Route | None = routes[0]
        self._targets: list[Target] = []
        self._heard: Target | None = None
        """Whose early media are played."""
        self._rang = False
        self._why = CallEnd(Result.UNANSWERED, "unreachable")
        self._until = 0.0
        self._patience: asyncio.TimerHandle | None = None
        self._over = False

    def start(self) -> None:
        """Begin."""
        self._until = asyncio.get_running_loop().time() + self._desk.settings.ring_timeout_s
        self._call_next()

    def give_up(self, reason: str) -> None:
        """Nobody is wanted any more, whether or not it has begun; `reason` is the Reason of the CANCEL."""
        if not self._over:
            targets = self._finish()
            for target in targets:
                target.give_up(reason)

    # --- whom to call -------------------------------------------------------------------------------------------------

    def _call_next(self) -> None:
        """Call the next set, else the next target of a 3xx; or say that nobody was reached."""
        if not self._sets and not self._redirected():
            self._nobody(self._why)
            return
        ways = self._sets.popleft()
        # Who would be called next is left a share of the time.
        loop = asyncio.get_running_loop()
        share_s = (self._until - loop.time()) / (len(self._sets) + 1)
        self._calm()
        self._patience = loop.call_later(share_s, self._take, self._rung_enough)
        self._targets = [self._target(each) for each in ways]
        for target in tuple(self._targets):
            target.go_on()

    def _target(self, ways: Ways) -> Target:
        return Target(self._desk, ways, self._ports, self._headers, self, self._more, self._take, self._log)

    def _more(self) -> bool:
        """There is somebody else to call."""
        return bool(self._sets)

    def _redirected(self) -> bool:
        """Whether a 3xx pointed anywhere that may be called at all (8.1.3.4): that is called next."""
        self._give_back()
        try:
            ways = self._redirections.next_ways()
        except RouteRefusedError as error:
            self._why = CallEnd(Result.UNANSWERED, error.code, self._why.sip_status, detail=str(error))
            return False
        self._sets.extend(target_sets(ways))
        self._place = ways[0] if ways else None
        return bool(ways)

    def _rung_enough(self) -> None:
        """Who has not answered by now is not waited for."""
        end = CallEnd(Result.UNANSWERED, "no-answer" if self._rang else self._why.reason, cause=NO_ANSWER)
        if not self._sets:
            self.give_up(end.reason_header)
            self._user.nobody(end)
            return
        targets, self._targets = self._targets, []
        for target in targets:
            target.give_up(end.reason_header)
        self._because(end)
        self._call_next()

    # --- from the targets ---------------------------------------------------------------------------------------------

    def dialled(self, leg: int) -> None:
        """An INVITE is about to leave."""
        self._user.dialled(leg)

    def rings(self, target: Target, status: int, plan: MediaPlan | None) -> None:
        """A branch is under way."""
        self._rang = self._rang or status == 180
        if plan is not None and self._heard not in (None, target):
            plan = None
        if plan is not None:
            self._heard = target
        self._user.rings(status, plan)

    def reached(self, target: Target, reached: Reached) -> None:
        """One has answered: the others are called off."""
        self._place = None  # from now on it is the call's
        others = [each for each in self._finish() if each is not target]
        self._user.reached(reached)
        for other in others:
            other.give_up(ANSWERED_ELSEWHERE)

    def missed(self, target: Target, end: CallEnd, refusal: Refused | None) -> None:
        """One will not answer. What it says goes for itself alone, unless it speaks for all (6xx)."""
        self._because(end)
        self._targets.remove(target)
        if self._heard is target:
            self._heard = None
        if refusal is not None and 300 <= refusal.status < 400:
            self._log.info("call.redirected", sip_status=refusal.status, to=refusal.contacts)
            self._redirections.add(refusal.contacts, target.trunk)
        if refusal is not None and refusal.status >= 600:
            self.give_up(f"SIP;cause={refusal.status}")
            self._user.nobody(end)
        elif not self._targets:
            self._call_next()

    # --- the end ------------------------------------------------------------------------------------------------------

    def _because(self, end: CallEnd) -> None:
        if _TELLING.get(end.reason, 0) >= _TELLING.get(self._why.reason, 0):
            self._why = end

    def _nobody(self, end: CallEnd) -> None:
        self._finish()
        self._user.nobody(end)

    def _finish(self) -> list[Target]:
        """Nothing more comes of it; places that were not needed are free. Who was being called."""
        self._over = True
        self._calm()
        self._give_back()
        targets, self._targets = self._targets, []
        return targets

    def _give_back(self) -> None:
        """The place in the limits, which all ways given together share, is free."""
        place, self._place = self._place, None
        if place is not None:
            self._desk.routes.over(place)

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
