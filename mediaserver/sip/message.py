"""Requests and responses: bytes to values and back (RFC 3261 7)."""

import re
from dataclasses import dataclass

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip.framing import Head, split_message
from mediaserver.sip.grammar import is_token, number
from mediaserver.sip.headers import CSeq, Headers, Via
from mediaserver.sip.reasons import REASONS
from mediaserver.sip.uri import NameAddr, SipUri
from mediaserver.sip.validity import check_fields, check_request, cut_body

_LINE_BREAKS = b"\r\n"
_REQUEST_LINE = re.compile(r"(?P<method>[^ ]+) (?P<uri>[^ ]+) SIP/(?P<version>[0-9]+\.[0-9]+)", re.I | re.A)
_STATUS_LINE = re.compile(r"SIP/2\.0 (?P<status>[1-6][0-9][0-9])(?: (?P<reason>[^\r]*))?", re.I | re.A)
_LOOKS_LIKE_REQUEST = re.compile(r"[^ \t]+[ \t].*SIP/[0-9]+\.[0-9]+[ \t]*", re.I | re.A | re.S)


class _Fields:
    """The header fields both kinds of message are asked for; nothing is kept, so changes to `headers` are seen.

    On a parsed message none of these raises, but a `MalformedRequest.partial` may lack any but Via:
    then RemoteProtocolError(400).
    """

    __slots__ = ()
    headers: Headers

    def _required(self, name: str) -> str:
        value = self.headers.get(name)
        if value is None:
            raise RemoteProtocolError(f"no {name}")
        return value

    @property
    def via(self) -> Via:
        """The top Via: whoever sent us this message."""
        return Via.parse(self._required("Via"))

    @property
    def cseq(self) -> CSeq:
        """Number and method of the transaction."""
        return CSeq.parse(self._required("CSeq"))

    @property
    def call_id(self) -> str:
        """The Call-ID, compared byte by byte."""
        return self._required("Call-ID")

    @property
    def from_(self) -> NameAddr:
        """Who asks; its tag is absent only with RFC 2543 senders."""
        return NameAddr.parse(self._required("From"))

    @property
    def to(self) -> NameAddr:
        """Who is asked; with a tag inside a dialog."""
        return NameAddr.parse(self._required("To"))

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact; None without one and for `*`. Its URI may be of any scheme."""
        value = self.headers.get("Contact")
        return None if value is None or value == "*" else NameAddr.parse(value)

    @property
    def max_forwards(self) -> int | None:
        """Hops left, 0-255; None when the sender (RFC 2543) gave none."""
        value = self.headers.get("Max-Forwards")
        return None if value is None else number(value, "Max-Forwards", 255)


@dataclass(slots=True)
class Request(_Fields):
    """A request. Content-Length is not among the `headers`: it is what `body` is long."""

    method: str
    uri: SipUri
    headers: Headers
    body: bytes = b""

    def response(self, status: int, reason: str | None = None, *, to_tag: str | None = None) -> "Response":
        """A response to this request (RFC 3261 8.2.6), the phrase by default the usual one.

        `to_tag` is added to the To unless it has a tag. Record-Route is copied into what may create a dialog. Fields
        that a malformed request lacks are left out.
        """
        headers = Headers()
        for via in self.headers.get_all("Via"):
            headers.add("Via", via)
        if self.method == "INVITE" and 100 < status < 300:
            for route in self.headers.get_all("Record-Route"):
                headers.add("Record-Route", route)
        for name in ("From", "To", "Call-ID", "CSeq"):
            if (value := self.headers.get(name)) is not None:
                headers.add(name, _tagged(value, to_tag) if name == "To" and to_tag else value)
        if status == 100 and (stamp := self.headers.get("Timestamp")) is not None:
            headers.add("Timestamp", stamp)
        return Response(status, REASONS.get(status, "") if reason is None else reason, headers)

    def __bytes__(self) -> bytes:
        return _serialise(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)


@dataclass(slots=True)
class Response(_Fields):
    """A response. Content-Length is not among the `headers`: it is what `body` is long."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def __bytes__(self) -> bytes:
        return _serialise(f"SIP/2.0 {self.status} {self.reason}", self.headers, self.body)


type Message = Request | Response


class MalformedRequest(RemoteProtocolError):  # noqa: N818
    """A request to be answered with `status`: `partial` has a usable top Via and whatever else could be read.

    `partial.response(status)` is the answer; its other accessors may raise.
    """

    status: int

    def __init__(self, message: str, *, status: int, partial: Request) -> None:
        super().__init__(message, status=status)
        self.partial = partial


def is_keepalive(data: bytes) -> bool:
    """Whether a datagram is no message but a keep-alive: empty, or nothing but line breaks (RFC 5626 3.5.1)."""
    return not data.strip(_LINE_BREAKS)


def parse(data: bytes) -> Message:
    """The one message of a datagram, or one that `StreamParser` cut out of a stream.

    Raises MalformedRequest for a request that must be refused, and RemoteProtocolError with status None for all that
    is to be dropped in silence: no SIP, a malformed response or ACK, a request without a Via to answer to.
    """
    data = data.lstrip(_LINE_BREAKS)
    if not data:
        raise RemoteProtocolError("a keep-alive", status=None)
    head = split_message(data)
    if head.start_line[:4].upper() == "SIP/":
        try:
            return _parse_response(head)
        except RemoteProtocolError as fault:
            raise RemoteProtocolError(f"malformed response: {fault}", status=None) from None
    if _LOOKS_LIKE_REQUEST.fullmatch(head.start_line) is None:
        raise RemoteProtocolError("not SIP", status=None)
    try:
        return _parse_request(head)
    except RemoteProtocolError as fault:
        raise _refusal(head, fault) from None


def _parse_response(head: Head) -> Response:
    match = _STATUS_LINE.fullmatch(head.start_line)
    if match is None:
        raise RemoteProtocolError("malformed status line")
    if head.fault is not None:
        raise head.fault
    check_fields(head.headers)
    body = cut_body(head)
    head.headers.remove("Content-Length")
    return Response(int(match["status"]), match["reason"] or "", head.headers, body)


def _parse_request(head: Head) -> Request:
    match = _REQUEST_LINE.fullmatch(head.start_line)
    if match is None or not is_token(match["method"]):
        raise RemoteProtocolError("malformed request line")
    if match["version"] != "2.0":
        raise RemoteProtocolError("not SIP/2.0", status=505)
    if head.fault is not None:
        raise head.fault
    uri = SipUri.parse(match["uri"])
    if uri.headers is not None:
        raise RemoteProtocolError("the Request-URI has header fields")  # RFC 3261 19.1.1
    check_request(match["method"], head.headers)
    body = cut_body(head)
    head.headers.remove("Content-Length")
    return Request(match["method"], uri, head.headers, body)


def _refusal(head: Head, fault: RemoteProtocolError) -> RemoteProtocolError:
    """What to raise for a malformed request: nobody answers an ACK, nor one that came with no Via to answer to."""
    method, _, rest = head.start_line.replace("\t", " ").partition(" ")
    headers = head.headers
    if method != "ACK" and is_token(method) and _keep_usable_vias(headers):
        try:
            uri = SipUri.parse_any(rest.strip(" ").partition(" ")[0])
        except RemoteProtocolError:
            uri = SipUri("unknown", None, "")
        headers.remove("Content-Length")
        return MalformedRequest(str(fault), status=fault.status or 400, partial=Request(method, uri, headers))
    return RemoteProtocolError(str(fault), status=None)


def _keep_usable_vias(headers: Headers) -> bool:
    """Leave only Via values a response can carry; False if the top one, which it goes to, is beyond repair."""
    usable: list[str] = []
    for text in headers.get_all("Via"):
        try:
            usable.append(text if _is_via(text) else str(Via.salvage(text)))
        except RemoteProtocolError:
            if not usable:
                return False
    headers.remove("Via")
    for text in reversed(usable):
        headers.prepend("Via", text)
    return bool(usable)


def _is_via(text: str) -> bool:
    try:
        Via.parse(text)
    except RemoteProtocolError:
        return False
    return True


def _tagged(to: str, tag: str) -> str:
    try:
        if NameAddr.parse(to).tag is not None:
            return to
    except RemoteProtocolError:
        pass  # the To of a malformed request, sent back as it came
    return f"{to};tag={tag}"


def _serialise(start_line: str, headers: Headers, body: bytes) -> bytes:
    if "\r" in start_line or "\n" in start_line:
        raise LocalProtocolError(f"a line break in the start line: {start_line!r}")
    lines = [start_line, *(f"{name}: {value}" for name, value in headers.items() if name != "Content-Length")]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
