"""A binding of a registrar: one contact at which a user can be called, for a time (RFC 3261 10, 5626, 3327)."""

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from ipaddress import ip_address

from mediaserver.sip.events import Flow
from mediaserver.sip.grammar import quote, unquote
from mediaserver.sip.identity import reply_flow
from mediaserver.sip.message import Request
from mediaserver.sip.uri import NameAddr, SipUri

_ROUNDING_S = 0.001
"""What adding to a clock and taking away again may cost: 120 s asked for are not 119, and never 121."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Call it with `uri` as Request-URI, `path` as Route values, and by `flow`; `expires_at` in seconds."""

    user: str
    uri: SipUri
    flow: Flow
    """Where the phone, or the proxy before it, was heard: its connection, or over UDP the far side of its NAT."""
    path: tuple[str, ...]
    q: float
    expires_at: float
    call_id: str
    cseq: int
    user_agent: str = ""
    instance: str | None = None
    reg_id: str | None = None

    @property
    def key(self) -> Hashable:
        """What tells it apart from other bindings of its user: instance and flow of RFC 5626 6, else its URI."""
        if self.instance is not None and self.reg_id is not None:
            return self.instance, self.reg_id
        return uri_key(self.uri)

    def replaces(self, other: "Binding") -> bool:
        """Whether `other` is what the same device has left behind: it has restarted, or has another address now."""
        if other.key == self.key:
            return True
        if self.instance is None or self.instance != other.instance:
            return False
        return self.reg_id == other.reg_id and self.call_id != other.call_id

    def listed(self, now: float) -> str:
        """The Contact value of the 200 to a REGISTER (10.3)."""
        value = f"<{self.uri}>;expires={max(1, math.floor(self.expires_at - now + _ROUNDING_S))}"
        if self.q != 1.0:
            value += f";q={self.q:.3g}"
        if self.instance is not None:
            value += f";+sip.instance={quote(self.instance)}"
        if self.reg_id is not None:
            value += f";reg-id={self.reg_id}"
        return value


def binding_of(request: Request, contact: NameAddr, user: str, flow: Flow, expires_at: float) -> Binding:
    """The binding a Contact of a REGISTER asks for, heard on `flow`."""
    instance = contact.parameters.get("+sip.instance")
    path = tuple(request.headers.get_all("Path"))
    return Binding(
        user=user,
        uri=contact.uri,
        flow=reply_flow(request, flow) if path else _flow_to(contact.uri, request, flow),
        path=path,
        q=_q(contact.parameters.get("q")),
        expires_at=expires_at,
        call_id=request.call_id,
        cseq=request.cseq.number,
        user_agent=request.headers.get("User-Agent") or "",
        instance=None if not instance else unquote(instance),
        reg_id=contact.parameters.get("reg-id") if instance else None,
    )


def uri_key(uri: SipUri) -> Hashable:
    """Equal for SIP URIs that are the same contact (19.1.4)."""
    parameters = frozenset((name, (value or "").lower()) for name, value in uri.parameters.items())
    return uri.scheme, uri.unescaped_user, uri.password, uri.host.lower(), uri.port, parameters


def _flow_to(uri: SipUri, request: Request, flow: Flow) -> Flow:
    """Over UDP the Contact's port if the phone is not behind a NAT, for it may send from another than it listens on.

    Never another host than the one it was heard at: a registration aims nobody at a third party.
    """
    via = request.via
    if flow.reliable or via.host != flow.remote[0] or (via.port or 5060) != flow.remote[1]:
        return flow
    try:
        same_host = ip_address(uri.host) == ip_address(flow.remote[0])
    except ValueError:
        return flow
    return replace(flow, remote=(flow.remote[0], uri.port or 5060)) if same_host else flow


def _q(text: str | None) -> float:
    """The preference of a Contact, 1.0 without a sensible one."""
    try:
        value = float(text or "1")
    except ValueError:
        return 1.0
    return value if 0.0 <= value <= 1.0 else 1.0
