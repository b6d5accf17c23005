"""Where calls arrive: admission, and every event brought to the call it belongs to."""

import secrets
from collections.abc import Callable
from functools import partial

import structlog

from mediaserver.call.call import Call, CallSettings
from mediaserver.call.routing import Routing
from mediaserver.call.signalling import Media, Signalling
from mediaserver.sip.events import (
    Acknowledged,
    Cancelled,
    Ended,
    Event,
    IncomingCall,
    Reinvited,
    Replied,
)
from mediaserver.sip.message import Request
from mediaserver.talk.orders import Closed, Dialled, HangUp, Lost, Ready, Report, Silent


class Reception:
    """All calls of the server.

    `routing` says who answers; `address` tells which of our addresses a caller at an IP reaches us by: it goes into the
    session description.
    """

    def __init__(
        self,
        settings: CallSettings,
        routing: Routing,
        max_calls: int,
        signalling: Signalling,
        media: Media,
        address: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._routing = routing
        self._max_calls = max_calls
        self._signalling = signalling
        self._media = media
        self._address = address
        self._by_leg: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._draining = False
        self.refused = 0
        self._log = structlog.get_logger()

    def __len__(self) -> int:
        """Calls that are not over."""
        return len(self._by_leg)

    def drain(self) -> None:
        """Take no new call."""
        self._draining = True

    def drop_all(self) -> None:
        """End every call now."""
        for call in tuple(self._by_leg.values()):
            call.take(call.drop)

    def sip(self, event: Event) -> None:
        """An event of the SIP endpoint."""
        if isinstance(event, IncomingCall):
            self._incoming(event)
            return
        if isinstance(event, Replied):
            return
        call = self._by_leg.get(event.leg)
        if call is None:
            return
        match event:
            case Acknowledged(answer=answer):
                call.take(call.acknowledged, answer)
            case Cancelled():
                call.take(call.cancelled)
            case Reinvited(offer=offer):
                call.take(call.reinvited, offer)
            case Ended(by_peer=by_peer, reason=reason):
                call.take(call.ended, by_peer, reason)
            case _:
                pass

    def media(self, report: Report) -> None:
        """A report of the media plane."""
        call = self._by_id.get(report.call)
        if call is None:
            return
        match report:
            case Ready():
                call.take(call.ready)
            case Lost(code=code, message=message):
                call.take(call.lost, code, message)
            case HangUp(reason=reason, message=message):
                call.take(call.hang_up, reason, message)
            case Silent(seconds=seconds):
                call.take(call.silent, seconds)
            case Closed(counters=counters):
                call.take(call.closed, counters)
            case Dialled():
                pass

    def _incoming(self, event: IncomingCall) -> None:
        if self._draining or len(self._by_leg) >= self._max_calls:
            self.refused += 1
            reason = "draining" if self._draining else "max-calls"
            self._log.warning("call.refused", reason=reason, calls=len(self._by_leg), sip_status=503)
            self._signalling.reject(event.leg, 503, [("Retry-After", str(self._settings.retry_after_s))])
            return
        name = secrets.token_hex(6)
        call = Call(
            name,
            event.leg,
            self._routing.agent(name, event.request),
            partial(self._address, event.flow.remote[0]),
            self._settings,
            self._signalling,
            self._media,
            self._over,
            self._gone,
        )
        self._by_leg[event.leg] = self._by_id[call.id] = call
        call.take(self._welcome, call, event)

    def _welcome(self, call: Call, event: IncomingCall) -> None:
        agent, source = call.agent, event.flow.remote[0]
        who = {"agent": agent.name, "model": agent.model, **_who(event.request)}
        self._log.info("call.incoming", call=call.id, **who, source=source)
        call.incoming(event.offer)

    def _over(self, call: Call) -> None:
        self._by_leg.pop(call.leg, None)

    def _gone(self, call: Call) -> None:
        self._by_id.pop(call.id, None)


def _who(request: Request) -> dict[str, str]:
    return {"sip_call_id": request.call_id, "caller": str(request.from_.uri), "called": str(request.to.uri)}
