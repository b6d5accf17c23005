"""Where the requests of a dialog go: to the next hop, or where the peer was heard (RFC 3261 12.2.1.1, 3263, 5626)."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

from mediaserver.sip.dialog import Dialog
from mediaserver.sip.events import Flow, Transport
from mediaserver.sip.uri import SipUri

_PORT: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}


def way_of(dialog: Dialog, flow: Flow, seen_as: tuple[str, int] | None = None, *, asked_by: Flow | None = None) -> Flow:
    """Where requests in `dialog` go, given the flow the peer was heard on.

    `seen_as` is the sent-by of the peer's request. A connection is kept. Over UDP it is the first route or the Contact
    if that is an address, but the flow itself if the peer is behind a NAT it does not know of: its Contact then is the
    very sent-by that its packets do not come from, or a private address seen from a public one; or it says `ob`: by the
    flow it has opened, and no other way (RFC 5626 5.3). An address of the other family is no use either: the socket the
    peer was heard on cannot send there. For a name see `name_of`; until that is looked up, its bearer is where it was
    heard.

    `asked_by` is the connection that our request was too large for anything but: a peer that answers there and names
    TCP in its Contact, or its Record-Route, is reached by TCP from then on (RFC 3263 4.1).
    """
    hop = dialog.next_hop
    target = (hop.host, hop.port or _PORT[flow.transport])
    if flow.reliable or (not dialog.route_set and (target == seen_as or "ob" in hop.parameters)):
        return flow
    if not _is_address(hop.host) or not _reachable(hop.host, flow):
        return flow
    if asked_by is not None and asked_by.reliable and (hop.parameters.get("transport") or "").lower() == "tcp":
        return replace(flow, transport="tcp", remote=target, key=0)
    return replace(flow, remote=target)


def anew(dialog: Dialog | None, flow: Flow) -> Flow:
    """What to open when the connection is closed: one to the next hop, as far as that is an address.

    That is where the peer listens; the far end of the old connection was most likely a port of the moment.
    """
    remote = flow.remote
    if dialog is not None and _is_address(dialog.next_hop.host):
        remote = dialog.next_hop.host, dialog.next_hop.port or _PORT[flow.transport]
    return replace(flow, remote=remote, key=0)


def name_of(dialog: Dialog, flow: Flow) -> SipUri | None:
    """What to look up to know where the next hop is; None if that is known: an address, or a connection that stands."""
    hop = dialog.next_hop
    if _is_address(hop.host) or hop.host.lower().endswith(".invalid") or flow.key:
        return None
    if not dialog.route_set and "ob" in hop.parameters:
        return None
    return SipUri(hop.scheme, None, hop.host, hop.port, {"transport": flow.transport})


def found(flow: Flow, ways: Sequence[Flow]) -> Flow:
    """The way to take, now that the name is looked up: where the peer was heard if it is among them, else the first."""
    if any((way.transport, way.remote) == (flow.transport, flow.remote) for way in ways):
        return flow
    usable = (way for way in ways if way.transport == flow.transport and _reachable(way.remote[0], flow))
    return next(usable, flow)


def _reachable(host: str, heard: Flow) -> bool:
    """Whether an address may be what it says it is, seen from where its bearer was heard."""
    address, source = ip_address(host), ip_address(heard.remote[0])
    if address.is_unspecified or address.is_loopback != source.is_loopback:
        return False
    if not heard.reliable and address.version != source.version:
        return False
    return not address.is_private or source.is_private


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
