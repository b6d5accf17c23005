"""The dialog (RFC 3261 12): identifiers, sequence numbers, route set, remote target, and the requests they make."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.headers import Headers
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri

type DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag; an RFC 2543 peer's missing tag is "" (12.1.1)."""


@dataclass(slots=True)
class Dialog:
    """One peer-to-peer relation; `local` and `remote` are From or To values without their tags."""

    call_id: str
    local: NameAddr
    local_tag: str
    remote: NameAddr
    remote_tag: str
    remote_target: SipUri
    route_set: tuple[NameAddr, ...] = ()
    local_cseq: int = 0
    remote_cseq: int | None = None
    invite_cseq: int = field(default=0)
    """The CSeq number of the INVITE we sent, which its ACK repeats (13.2.2.4)."""

    @classmethod
    def of_callee(cls, invite: Request, local_tag: str) -> Self:
        """The dialog a received INVITE makes (12.1.1); RemoteProtocolError(400) without a Contact to talk to.

        A caller of RFC 2543, which has no tag either, needs none: it is where its From is (6.13 there).
        """
        target = invite.contact or (invite.from_ if invite.from_.tag is None else None)
        if target is None:
            raise RemoteProtocolError("an INVITE needs a Contact")
        return cls(
            call_id=invite.call_id,
            local=_untagged(invite.to),
            local_tag=local_tag,
            remote=_untagged(invite.from_),
            remote_tag=invite.from_.tag or "",
            remote_target=_target(target),
            route_set=_route_set(invite.headers),
            remote_cseq=invite.cseq.number,
        )

    @classmethod
    def of_caller(cls, invite: Request, response: Response) -> Self:
        """The dialog a 2xx to our INVITE makes (12.1.2); RemoteProtocolError if it cannot be read."""
        return cls(
            call_id=invite.call_id,
            local=_untagged(invite.from_),
            local_tag=invite.from_.tag or "",
            remote=_untagged(invite.to),
            remote_tag=response.to.tag or "",
            # Without a Contact the peer is at fault; the request's own target is the best guess to reach it.
            remote_target=invite.uri if response.contact is None else _target(response.contact),
            route_set=_route_set(response.headers)[::-1],
            local_cseq=invite.cseq.number,
            invite_cseq=invite.cseq.number,
        )

    @property
    def id(self) -> DialogId:
        """What requests of the peer are matched by."""
        return self.call_id, self.local_tag, self.remote_tag

    @property
    def next_hop(self) -> SipUri:
        """Where requests of this dialog go first (8.1.2)."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def in_order(self, cseq: int) -> bool:
        """Whether a request of the peer with this CSeq number is new; if so, it is the last one seen (12.2.2)."""
        if self.remote_cseq is not None and cseq <= self.remote_cseq:
            return False
        self.remote_cseq = cseq
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """Take the Contact of a re-INVITE or its 2xx as the new remote target (12.2); the route set stays."""
        if message.contact is not None and message.contact.uri.host:
            self.remote_target = _bare(message.contact.uri)

    def request(self, method: str, cseq: int | None = None) -> Request:
        """A request in this dialog without Via and Contact (12.2.1.1), with the next CSeq number unless given one."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        headers = Headers()
        uri, routes = routed(self.remote_target, self.route_set)
        for route in routes:
            headers.add("Route", route)
        headers.add("Max-Forwards", "70")
        headers.add("From", _tagged(self.local, self.local_tag))
        headers.add("To", _tagged(self.remote, self.remote_tag))
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{cseq} {method}")
        return Request(method, uri, headers, b"")


def routed(target: SipUri, route_set: Sequence[NameAddr]) -> tuple[SipUri, list[str]]:
    """Request-URI and Route values of a request to `target` by way of `route_set` (12.2.1.1)."""
    if not route_set:
        return target, []
    first = route_set[0]
    if "lr" in first.uri.parameters:
        return target, [str(route) for route in route_set]
    # A strict router takes the Request-URI for the next hop and finds the real target last.
    rest = [str(route) for route in route_set[1:]]
    return _bare(first.uri), [*rest, f"<{target}>"]


def _target(contact: NameAddr) -> SipUri:
    if not contact.uri.host:
        raise RemoteProtocolError(f"cannot send to a Contact of scheme {contact.uri.scheme[:20]!r}")
    return _bare(contact.uri)


def _bare(uri: SipUri) -> SipUri:
    """What may stand in a Request-URI: no method and no header fields (19.1.1)."""
    if uri.headers is None and "method" not in uri.parameters:
        return uri
    parameters = {name: value for name, value in uri.parameters.items() if name != "method"}
    return replace(uri, parameters=parameters, headers=None)


def _route_set(headers: Headers) -> tuple[NameAddr, ...]:
    """The Record-Route values in order; those who write them are SIP proxies (20.30)."""
    routes = tuple(NameAddr.parse(value) for value in headers.get_all("Record-Route"))
    for route in routes:
        if not route.uri.host:
            raise RemoteProtocolError(f"a Record-Route of scheme {route.uri.scheme[:20]!r}")
    return routes


def _untagged(address: NameAddr) -> NameAddr:
    parameters = {name: value for name, value in address.parameters.items() if name != "tag"}
    return NameAddr(address.display, address.uri, parameters)


def _tagged(address: NameAddr, tag: str) -> str:
    parameters = {**address.parameters, "tag": tag} if tag else address.parameters
    return str(NameAddr(address.display, address.uri, parameters))
