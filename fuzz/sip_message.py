"""Messages, streams of them, WebSocket frames and header fields: read or refused, and never for long."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fuzz import sip_fields, sip_text
from fuzz.choices import Choices, pumped
from fuzz.target import Target
from mediaserver.call.about import about
from mediaserver.call.diversion import first_diversion
from mediaserver.errors import RemoteProtocolError
from mediaserver.net.sip_ws import WebSocketServerFraming
from mediaserver.sip.framing import HEAD_END
from mediaserver.sip.masking import masked
from mediaserver.sip.message import MalformedRequest, Request, is_keepalive, parse
from mediaserver.sip.stream import StreamParser

_SLOW_S = 1.0
"""Processor time for one input: far above what any takes, and far below what would stop the calls of a server."""


def _text(octets: bytes) -> str:
    """As a header field's value comes to those who read it."""
    return octets.replace(b"\r", b"").replace(b"\n", b"").decode("utf-8", "surrogateescape")


def check_datagram(octets: bytes) -> None:
    """A message, or a refusal that can be sent, or nothing."""
    is_keepalive(octets)
    try:
        message = parse(octets)
    except MalformedRequest as refusal:
        assert refusal.status in range(400, 700), refusal.status
        answer = bytes(refusal.partial.response(refusal.status, to_tag="t"))
        head, _, _ = answer.partition(b"\r\n\r\n")
        assert b"\n" not in head.replace(b"\r\n", b"") and b"\r" not in head.replace(b"\r\n", b"")
        assert refusal.partial.via.host
        return
    except RemoteProtocolError as drop:
        assert drop.status is None, drop.status
        return
    assert message.via.host and message.cseq.method and message.call_id and message.from_ and message.to
    if isinstance(message, Request):
        known = about(message, None, ("Subject", "X-Odd", "P-Asserted-Identity"))
        " ".join((known.caller, known.caller_name, known.called, *known.headers.values())).encode()
        first_diversion(message)
    _ = message.contact, message.max_forwards if isinstance(message, Request) else None
    again = parse(bytes(message))
    assert again == message
    assert bytes(again) == bytes(message)
    if isinstance(message, Request) and message.method != "ACK":
        response = message.response(200, to_tag="t")
        assert parse(bytes(response)) == response


def _stream(octets: bytes, cut: int) -> None:
    """However a stream is cut, the same messages come out of it, and the same fault."""
    outcomes = []
    for size in (len(octets) or 1, 1, cut):
        parser, messages = StreamParser(), list[bytes]()
        failed = False
        for piece in (*(octets[at : at + size] for at in range(0, len(octets), size)), b""):
            try:
                messages += parser.feed(piece)
            except RemoteProtocolError as fault:
                assert fault.status is None
                failed = True
                break
        outcomes.append((messages, failed, parser.pings, parser.partial))
    assert outcomes[0] == outcomes[1] == outcomes[2], outcomes
    for message in outcomes[0][0]:
        assert HEAD_END.search(message)
        check_datagram(message)


@dataclass(frozen=True, slots=True)
class _Kind:
    check: Callable[[bytes], None]
    examples: Callable[[], Sequence[bytes]]


def _masked(octets: bytes) -> None:
    """What is kept for people to read is as long as it was."""
    hidden = masked(octets)
    assert len(hidden) == len(octets) and masked(hidden) == hidden


def _of_text(check: Callable[[str], None]) -> Callable[[bytes], None]:
    def checked(octets: bytes) -> None:
        try:
            check(_text(octets))
        except RemoteProtocolError:
            pass

    return checked


def _streamed(octets: bytes) -> None:
    _stream(octets[1:], 2 + (octets[0] if octets else 0))


def _web_socket(octets: bytes) -> None:
    """What a browser may send, after the handshake and before: the connection is told why it ends."""
    for greeting in (b"", _GREETING):
        framing = WebSocketServerFraming()
        framing.receive(greeting)
        assert framing.ready is bool(greeting)
        messages = framing.receive(octets)
        messages += framing.receive(octets) if not framing.ended else []
        for message in messages:
            check_datagram(message)
        framing.ping()
        framing.send(b"x")
        framing.end()
        framing.outgoing()


_GREETING = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


def _frames() -> list[bytes]:
    short = [octets for octets in sip_text.messages() if len(octets) < 65_536]
    frames = [b"\x81\xfe" + len(octets).to_bytes(2) + bytes(4) + octets for octets in short[::9]]
    return [*frames, _GREETING, b"\x89\x80\0\0\0\0", b"\x88\x82\0\0\0\0\x03\xe8", b"\x01\x80\0\0\0\0\x80\x80\0\0\0\0"]


def _streams() -> list[bytes]:
    messages = sip_text.messages()
    return [b"\x20" + b"\r\n\r\n".join(pair) for pair in zip(messages[::3], messages[1::3], strict=False)]


def _kind(check: Callable[[str], None], examples: Sequence[bytes]) -> _Kind:
    return _Kind(_of_text(check), lambda: examples)


KINDS = (
    _Kind(check_datagram, sip_text.messages),
    _Kind(_streamed, _streams),
    _kind(sip_fields.check_uri, sip_text.ADDRESSES[:7]),
    _kind(sip_fields.check_name_addr, sip_text.ADDRESSES),
    _kind(sip_fields.check_via, sip_text.VIAS),
    _kind(sip_fields.check_cseq, [b"1 INVITE", b" 0004711\t OPTIONS "]),
    _kind(sip_fields.check_challenge, sip_text.CHALLENGES),
    _kind(sip_fields.check_credentials, sip_text.CREDENTIALS),
    _kind(sip_fields.check_replaces, sip_text.REPLACES),
    _kind(sip_fields.check_fragment, sip_text.FRAGMENTS),
    _kind(sip_fields.check_refer_to, sip_text.REFER_TO),
    _kind(sip_fields.check_field, sip_text.VALUES),
    _Kind(_masked, sip_text.messages),
    _kind(sip_fields.check_identity, sip_text.IDENTITIES),
    _Kind(sip_fields.check_key, lambda: sip_text.KEYS),
    _Kind(_web_socket, _frames),
    _kind(sip_fields.check_number, sip_text.NUMBERS),
)


def _long(choices: Choices) -> tuple[_Kind, bytes]:
    """Something long, alone or where it stands in a message."""
    place = choices.below(256)
    if place < 128:
        return KINDS[place % len(KINDS)], pumped(choices, sip_text.WORDS, 60_000)
    name = choices.pick(("Via", "From", "Contact", "Route", "WWW-Authenticate", "X", "Content-Length", "CSeq", "Date"))
    value = pumped(choices, sip_text.WORDS, 8_000)
    head = choices.pick(sip_text.messages()).partition(b"\r\n\r\n")[0]
    return KINDS[place % 2], b"\r\n".join((head, *(f"{name}: ".encode() + value,) * 6, b"", b""))


def run(choices: Choices) -> None:
    """One input: the kind of thing it is, and its octets; or something long."""
    number = choices.below(len(KINDS) + 2)
    if number < len(KINDS):
        kind = KINDS[number]
        octets = choices.rest(kind.examples(), sip_text.WORDS)
    else:
        kind, octets = _long(choices)
    before = time.process_time()
    kind.check(octets)
    assert time.process_time() - before < _SLOW_S, f"{len(octets)} octets take too long"


def seeds() -> list[bytes]:
    """Every example, as its kind."""
    examples = [bytes((place,)) + octets for place, kind in enumerate(KINDS) for octets in kind.examples()]
    return examples + [bytes((len(KINDS), place, 2, place, 7, 1, 65, 0, 3)) for place in range(0, 256, 9)]


TARGET = Target(run, seeds, sip_text.WORDS, longest=4000)
