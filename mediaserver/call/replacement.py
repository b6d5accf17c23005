"""A call that takes the place of another one (RFC 3891): the conversation goes on with the new peer."""

import random

from mediaserver.call.call import Call
from mediaserver.call.desk import Desk
from mediaserver.call.end import CallEnd, Result
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sip.events import IncomingCall

_NO_SUCH_CALL = 481


def replace_peer(desk: Desk, call: Call | None, event: IncomingCall) -> None:
    """Answer the INVITE of `event` with the media of `call`, and hang up on the peer it had."""
    if call is None or not call.established or event.replaces != call.leg:
        desk.signalling.reject(event.leg, _NO_SUCH_CALL)
        return
    capabilities, path = desk.routes.capabilities(event.trunk), desk.paths.path(event.trunk, event.flow)
    local = call.ports.towards(path, lambda: desk.address(event.flow.remote[0]), event.offer)
    negotiation = Negotiation(capabilities, local, random.SystemRandom().getrandbits(62), path)
    try:
        sdp = negotiation.offer() if event.offer is None else negotiation.answer(event.offer)
    except RemoteProtocolError as error:
        call.log.info("call.replacement_refused", why=str(error))
        desk.signalling.reject(event.leg, error.status or 488)
        return
    call.log.info("call.replaced", caller=str(event.request.from_.uri), sip_call_id=event.request.call_id)
    desk.paths.check(negotiation.plan, event.trunk, event.flow)
    old = call.leg
    desk.signalling.answer(event.leg, sdp)
    call.move(event.leg, negotiation, event.trunk)
    if old is not None:
        desk.signalling.bye(old, CallEnd(Result.COMPLETED, "replaced").reason_header)
