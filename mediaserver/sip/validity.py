"""What must be right in the header fields of any message before anybody acts on it (RFC 3261 8.1.1, 8.2, 16.3)."""

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.framing import Head, content_length
from mediaserver.sip.grammar import number
from mediaserver.sip.headers import CSeq, Headers, Via
from mediaserver.sip.uri import NameAddr

_SINGLE = ("To", "From", "Call-ID", "CSeq")


def check_fields(headers: Headers) -> None:
    """Raise RemoteProtocolError(400) unless the accessors of the message will all succeed.

    Via, From, To, Call-ID and CSeq must be there, once each but for Via; what routes later requests (Contact, Route,
    Record-Route) must be well-formed where present.
    """
    vias = headers.get_all("Via")
    if not vias:
        raise RemoteProtocolError("no Via")
    for via in vias:
        Via.parse(via)
    for name in _SINGLE:
        values = headers.get_all(name)
        if len(values) != 1:
            raise RemoteProtocolError(f"no {name}" if not values else f"more than one {name}")
        if not values[0]:
            raise RemoteProtocolError(f"empty {name}")
    NameAddr.parse(headers.get("From") or "")
    NameAddr.parse(headers.get("To") or "")
    CSeq.parse(headers.get("CSeq") or "")
    for name in ("Contact", "Route", "Record-Route"):
        for value in headers.get_all(name):
            if value != "*" or name != "Contact":
                NameAddr.parse(value)


def check_request(method: str, headers: Headers) -> None:
    """Raise RemoteProtocolError(400) if a request's header fields contradict it or one another."""
    check_fields(headers)
    if CSeq.parse(headers.get("CSeq") or "").method != method:
        raise RemoteProtocolError("the method of the CSeq is not that of the request")
    hops = headers.get_all("Max-Forwards")
    if len(hops) > 1:
        raise RemoteProtocolError("more than one Max-Forwards")
    for hop in hops:
        number(hop, "Max-Forwards", 255)
    for date in headers.get_all("Date"):
        if not date.upper().endswith("GMT"):
            raise RemoteProtocolError("the Date is not in GMT")  # RFC 3261 20.17


def cut_body(head: Head) -> bytes:
    """The body: what follows Content-Length bytes of it in the datagram is dropped (RFC 3261 18.3).

    Raises RemoteProtocolError(400) if there are fewer.
    """
    length = content_length(head.headers.get_all("Content-Length"))
    if length is None:
        return head.body
    if length > len(head.body):
        raise RemoteProtocolError(f"{len(head.body)} bytes of a body of {length}")
    return head.body[:length]
