"""What a sips URI promises: TLS on every hop, and contacts that promise it too (RFC 3261 8.1.1.8, 26.2.2, RFC 5630)."""

from collections.abc import Sequence

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from mediaserver.sip.uri import NameAddr, SipUri

_SIPS = "sips"


def promises(target: SipUri, routes: Sequence[NameAddr], flow: Flow) -> bool:
    """Whether a request of ours promises it. LocalProtocolError if `flow` cannot keep the promise."""
    first = routes[0].uri.scheme if routes else target.scheme
    if _SIPS not in (target.scheme, first):
        return False
    if not flow.secure:
        raise LocalProtocolError(f"{target} is called by TLS or not at all, and this way is {flow.transport}")
    return True


def asked_for(invite: Request) -> bool:
    """Whether the peer's INVITE wants our Contact to promise it (RFC 3261 12.1.1)."""
    routes = invite.headers.get_all("Record-Route")
    back = NameAddr.parse(routes[0]) if routes else invite.contact
    return _SIPS in (invite.uri.scheme, None if back is None else back.uri.scheme)


def may_come_by(target: SipUri, flow: Flow) -> bool:
    """Whether a request for `target` may be taken from `flow`: for a sips URI only if nobody could read it."""
    return target.scheme == "sip" or (target.scheme == _SIPS and flow.secure)
