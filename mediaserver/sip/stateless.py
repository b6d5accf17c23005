"""Responses without a transaction: a flood of what is refused leaves no trace (RFC 3261 8.2.7)."""

from zlib import crc32

from mediaserver.sip.core import Core
from mediaserver.sip.door import Admission, Verdict
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from mediaserver.sip.screening import Refusal

_DISPENSABLE = ("Allow", "Supported", "Accept", "Server", "Timestamp")
"""What a response goes without, lest it be much larger than the request of somebody who may not be there at all."""


class Stateless:
    """A request that comes again hears the same again, for nothing of it is kept but how many there were."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tag = core.token()
        self._turned_away: set[Flow] = set()
        self.refused = 0
        """Requests refused or dropped so far."""

    def respond(self, request: Request, flow: Flow, refusal: Refusal) -> None:
        """Respond; the To tag is the same each time the same request comes."""
        same = request.headers.get_all("Via")[0].encode(errors="surrogateescape")
        response = self._core.response(
            request,
            refusal.status,
            to_tag=f"{self._tag}{crc32(same):x}",
            reason=refusal.reason,
            headers=refusal.headers,
        )
        wire = bytes(response)
        if self._core.guard is not None and len(wire) > self._core.guard.room(flow):
            for name in _DISPENSABLE:
                response.headers.remove(name)
            wire = bytes(response)
        self._core.send(flow, wire)

    def refuse(self, request: Request, flow: Flow, refusal: Refusal) -> None:
        """Respond with a no."""
        self.refused += 1
        self.respond(request, flow, refusal)

    def overloaded(self, request: Request, flow: Flow) -> None:
        """Respond with 503, and when to come again."""
        self.refuse(request, flow, Refusal(503, [("Retry-After", str(self._core.settings.retry_after))]))

    def turn_away(self, request: Request, flow: Flow, admission: Admission) -> None:
        """Say no once per connection, and nothing over UDP or to whom is to be ignored."""
        if admission.verdict is Verdict.TURN_AWAY and flow.reliable and flow not in self._turned_away:
            self._turned_away.add(flow)
            self.respond(request, flow, Refusal(admission.status, admission.headers, admission.reason))
        self.refused += 1

    def flow_closed(self, flow: Flow) -> None:
        """The connection is gone."""
        self._turned_away.discard(flow)
