"""Where calls arrive: who is admitted, who answers, and whose place a call may take."""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog

from mediaserver.call.both_lines import BothLines
from mediaserver.call.call import Call
from mediaserver.call.calls import Calls
from mediaserver.call.desk import Desk
from mediaserver.call.dialler import Dialler
from mediaserver.call.feed import Feeds
from mediaserver.call.incoming import Incoming
from mediaserver.call.ladders import CallLadders, NoLadders
from mediaserver.call.media_paths import MediaPaths
from mediaserver.call.no_routes import NoRoutes
from mediaserver.call.replacement import replace_peer
from mediaserver.call.route import Routes
from mediaserver.call.routing import Routing
from mediaserver.call.settings import CallSettings
from mediaserver.call.signalling import Media, Signalling
from mediaserver.call.tally import NoTally, Tally
from mediaserver.call.transfer import Transfers
from mediaserver.call.web import WebCalls
from mediaserver.call.web_line import WebLine
from mediaserver.sip.events import Event, IncomingCall
from mediaserver.sip.message import Request
from mediaserver.talk.orders import Noted, Report, Turned


class Reception:
    """All calls of the server.

    `routing` says who answers; `address` tells which of our addresses a peer at an IP reaches us by: it goes into the
    session description. `routes` are the ways out; without any, nobody is called. `late`: there is more to do than can
    be done in time.
    """

    def __init__(
        self,
        settings: CallSettings,
        routing: Routing,
        max_calls: int,
        signalling: Signalling,
        media: Media,
        address: Callable[[str], str],
        routes: Routes | None = None,
        ladders: CallLadders | None = None,
        late: Callable[[], bool] = lambda: False,
        tally: Tally | None = None,
    ) -> None:
        self._routing = routing
        self._max_calls = max_calls
        self._late = late
        self._calls: Calls[Call] = Calls()
        routes = routes or NoRoutes(settings.capabilities)
        line = WebLine(self._calls.sip)
        self._desk = Desk(
            settings,
            BothLines(signalling, line),
            media,
            routes,
            address,
            self._calls,
            Transfers,
            MediaPaths(routes, settings.fingerprint, settings.browser_hosts),
            Feeds(media.order, time.monotonic),
            ladders or NoLadders(),
            tally or NoTally(),
        )
        self._draining = False
        self.dialler = Dialler(self._desk, routing.agents, routing.default, self.closed)
        """Places calls."""
        self.web = WebCalls(self._desk, line, routing, self.closed, self._turned_away)
        """Calls that come by HTTP; the live feeds of all calls."""
        self.refused = 0
        self._log = structlog.get_logger()

    def __len__(self) -> int:
        """Calls that are not over."""
        return len(self._calls)

    def incoming_by(self, trunk: str) -> int:
        """Calls that came by a trunk and are not over."""
        return sum(isinstance(call, Incoming) and call.trunk == trunk for call in self._calls)

    def drain(self) -> None:
        """Take no new call."""
        self._draining = True

    def drop_all(self) -> None:
        """End every call now."""
        self._calls.drop_all()

    def sip(self, event: Event) -> None:
        """An event of the SIP endpoint."""
        if isinstance(event, IncomingCall):
            self._incoming(event)
        else:
            self._calls.sip(event)

    def media(self, report: Report) -> None:
        """A report of the media plane."""
        match report:
            case Noted():
                self._desk.feeds.noted(report)
            case Turned(latency=latency):
                self._desk.tally.turned(latency)
            case _:
                self._calls.media(report)

    @property
    def ways(self) -> Counter[str]:
        """How many calls that are not over came each way."""
        return Counter(call.way for call in self._calls)

    def closed(self) -> str | None:
        """Why no call is taken on."""
        if self._draining:
            return "draining"
        if self._late():
            return "overloaded"
        return "max-calls" if len(self) >= self._max_calls else None

    def _turned_away(self, way: str = "whip") -> None:
        self.refused += 1
        self._desk.tally.refused(way, self.closed() or "overloaded")

    def _incoming(self, event: IncomingCall) -> None:
        if event.replaces is not None:
            self._replacing(event, event.replaces)
            return
        if (why := self.closed()) is not None:
            self._refuse(event, why)
            return
        name = secrets.token_hex(6)
        call = Incoming(
            name,
            event.leg,
            self._routing.agent(name, event.request, event.trunk, event.user),
            event.trunk,
            partial(self._desk.address, event.flow.remote[0]),
            self._desk,
            event.flow,
            proven=event.proven,
        )
        self._calls.enter(call)
        self._calls.bind(event.leg, call)
        self._desk.ladders.joined(name, event.leg)
        call.take(self._welcome, call, event)

    def _replacing(self, event: IncomingCall, leg: int) -> None:
        """It is no new call: one that there is goes on with another peer."""
        party = self._calls.party(leg)
        if isinstance(party, Call):
            party.take(replace_peer, self._desk, party, event)
        else:
            replace_peer(self._desk, None, event)

    def _refuse(self, event: IncomingCall, reason: str) -> None:
        self._turned_away(event.flow.transport)
        about = {"reason": reason, "sip_status": 503}
        path = self._desk.ladders.refused(event.leg, about | _who(event.request))
        self._log.warning("call.refused", **about, calls=len(self), **({"ladder": path} if path is not None else {}))
        retry = str(self._desk.settings.retry_after_s)
        self._desk.signalling.reject(event.leg, 503, [("Retry-After", retry)])

    def _welcome(self, call: Incoming, event: IncomingCall) -> None:
        assert call.agent is not None
        who = {"agent": call.agent.name, "model": call.agent.model, **_who(event.request)}
        if event.trunk is not None:
            who["trunk"] = event.trunk
        if event.user is not None:
            who["user"] = event.user
        self._log.info("call.incoming", call=call.id, **who, source=event.flow.remote[0])
        call.incoming(event.offer)


def _who(request: Request) -> dict[str, str]:
    return {"sip_call_id": request.call_id, "caller": str(request.from_.uri), "called": str(request.to.uri)}
