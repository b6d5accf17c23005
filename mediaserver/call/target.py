"""One target of a call: the routes to it, and their addresses, are tried in order until one serves (RFC 3263 4.3)."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from mediaserver.call.attempt import Attempt, Reached
from mediaserver.call.desk import Desk
from mediaserver.call.end import CallEnd, Result, unanswered
from mediaserver.call.media_ports import MediaPorts
from mediaserver.call.route import Route
from mediaserver.errors import LocalProtocolError
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sip.events import Flow, Refused

_ELSEWHERE = frozenset({408, 430, 500, 502, 503, 504})
"""What a server says, or is taken to say, that cannot serve us: the next one may (RFC 3261 21.5, RFC 3263 4.3)."""
_AVOIDED_S = 30.0
"""For how long a server that failed is tried last."""


class WhoSeeks(Protocol):
    """Who wants targets reached; told of each exactly one of `reached` and `missed`, unless it gives it up."""

    def dialled(self, leg: int) -> None:
        """An INVITE is about to leave."""

    def rings(self, target: "Target", status: int, plan: MediaPlan | None) -> None:
        """A branch of the call is under way; `plan` is its early media."""

    def reached(self, target: "Target", reached: Reached) -> None:
        """It has answered."""

    def missed(self, target: "Target", end: CallEnd, refusal: Refused | None) -> None:
        """It will not answer; `refusal` is what it said, if it said anything."""


class Target:
    """`more` says whether anybody else would be tried if this one fails: then silence is not waited for for long."""

    def __init__(
        self,
        desk: Desk,
        routes: Sequence[Route],
        ports: MediaPorts,
        headers: Sequence[tuple[str, str]],
        user: WhoSeeks,
        more: Callable[[], bool],
        take: Callable[..., None],
        log: FilteringBoundLogger,
    ) -> None:
        self._desk = desk
        self._routes = deque(routes)
        self._route = routes[0]
        self._ports = ports
        self._headers = headers
        self._user = user
        self._more = more
        self._take = take
        self._log = log
        self._flows: deque[Flow] = deque()
        self._attempt: Attempt | None = None
        self._looking_up: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._why = CallEnd(Result.UNANSWERED, "unreachable")
        self.over = False

    @property
    def trunk(self) -> str | None:
        """The trunk of the route tried last."""
        return self._route.trunk

    def go_on(self) -> None:
        """Try the next address, else the next route; or say that it was missed."""
        while not self._flows:
            if not self._routes:
                self._missed(self._why, None)
                return
            self._route = self._routes.popleft()
            if self._route.flow is None:
                self._looking_up = asyncio.get_running_loop().create_task(self._look_up(self._route))
                return
            self._flows = deque([self._route.flow])
        self._try(self._flows.popleft())

    def give_up(self, reason: str) -> None:
        """It is not wanted any more, whether or not it has begun; `reason` is the Reason of the CANCEL."""
        attempt = self._attempt
        self._finish()
        if attempt is not None:
            attempt.give_up(reason)

    async def _look_up(self, route: Route) -> None:
        found: list[Flow] | Exception
        try:
            found = await self._desk.signalling.resolve(route.hop, route.profile)
        except Exception as error:  # a step of the call takes it: a bug ends that call, as everywhere
            found = error
        self._take(self._looked_up, route, found)

    def _looked_up(self, route: Route, found: list[Flow] | Exception) -> None:
        self._looking_up = None
        if self.over:
            return
        if isinstance(found, OSError | LocalProtocolError):
            why = str(found)
            self._log.warning("call.way_failed", trunk=route.trunk, host=route.hop.host, message=why)
            self._desk.routes.failed(route, 503, None)
            self._why = CallEnd(Result.UNANSWERED, "unreachable", 503, detail=why)
        elif isinstance(found, Exception):
            raise found
        else:
            self._flows = deque(found)
        self.go_on()

    def _try(self, flow: Flow) -> None:
        attempt = Attempt(self._desk, self._route, flow, self._ports, self, self._take, self._log)
        self._attempt = attempt
        attempt.begin(self._headers)
        if self._flows or self._routes or self._more():
            wait_s = self._desk.settings.response_timeout_s
            self._patience = asyncio.get_running_loop().call_later(wait_s, self._take, self._not_a_word, attempt)

    def _not_a_word(self, attempt: Attempt) -> None:
        """A server that says nothing at all is not waited for as long as it takes, if there is another way."""
        if attempt is self._attempt and not attempt.heard:
            leg = attempt.release()
            assert leg is not None
            self._desk.signalling.bye(leg, CallEnd(Result.UNANSWERED, "unreachable").reason_header)
            self.refused(Refused(leg, 408, "no response", None))

    # --- from the attempt ---------------------------------------------------------------------------------------------

    def dialled(self, leg: int) -> None:
        """The INVITE is about to leave."""
        self._user.dialled(leg)

    def rings(self, status: int, plan: MediaPlan | None) -> None:
        """A branch of it is under way."""
        self._user.rings(self, status, plan)

    def answered(self, reached: Reached) -> None:
        """It has answered."""
        self._finish()
        self._user.reached(self, reached)

    def useless(self, end: CallEnd) -> None:
        """It has answered with what we cannot use."""
        self._missed(end, None)

    def refused(self, refused: Refused) -> None:
        """The attempt has failed: another way may lead there, or this is its answer."""
        attempt, route, status = self._attempt, self._route, refused.status
        assert attempt is not None
        self._calm()
        self._why = unanswered(status, refused.reason, rang=attempt.rang)
        if status not in _ELSEWHERE or (attempt.rang and status == 408):
            self._missed(self._why, refused)
            return
        self._log.warning("call.way_failed", trunk=route.trunk, sip_status=status, message=refused.reason)
        self._desk.signalling.avoid(attempt.flow, refused.retry_after or _AVOIDED_S)
        if not self._flows:
            self._desk.routes.failed(route, status, refused.retry_after)
        self.go_on()

    # --- the end ------------------------------------------------------------------------------------------------------

    def _missed(self, end: CallEnd, refusal: Refused | None) -> None:
        self._finish()
        self._user.missed(self, end, refusal)

    def _finish(self) -> None:
        self.over = True
        self._calm()
        if self._looking_up is not None:
            self._looking_up.cancel()

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
