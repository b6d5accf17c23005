"""The torture messages of RFC 4475 and RFC 5118, bit by bit, where a copy of them lies beside the project.

They are not ours to distribute: set MEDIASERVER_TORTURE to a folder with `rfc4475` and `rfc5118` in it, each with the
messages and a `manifest.json`. The same rules are tested everywhere by messages of our own, in `tests/sip`.
"""

import pytest

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.framing import HEAD_END
from mediaserver.sip.headers import Via
from mediaserver.sip.message import MalformedRequest, Request, Response, parse
from mediaserver.sip.stream import StreamParser
from support.torture import ABSENT, CASES, Case

# Well-formed as far as the message layer sees; what refuses them is the endpoint, which knows what it is and can do.
LEFT_TO_THE_ENDPOINT = {
    "badbranch.dat": "a branch that is only the cookie: matched by RFC 2543's rules, or 400",
    "bcast.dat": "a response whose top Via is not ours: dropped",
    "bext01.dat": "420 with Unsupported",
    "intmeth.dat": "501, an unknown method",
    "esc02.dat": "501, an unknown method that unescapes to a known one",
    "invut.dat": "415 with Accept",
    "regaut01.dat": "an unknown scheme of authorization: as without any",
    "sdp01.dat": "406, nothing acceptable to answer with",
    "unksm2.dat": "To is no SIP address: only a registrar cares, with 400",
    "zeromf.dat": "Max-Forwards 0: the server it is addressed to answers, a proxy 483",
}
# The manifest reads these otherwise than we do; each with the reason.
READ_OTHERWISE = {
    "bcast.dat": "parse",  # see above
    "unkscm.dat": "reject",  # the manifest too expects 416: the message layer says it
    "novelsc.dat": "reject",  # the same
    "test.dat": "drop",  # in the archive but in no section of the RFC; it has no SIP-Version, no Via and no CSeq
    "ipv6-in-sdp.sip": "reject",  # its Content-Length is printed 17 too large: see the test below
}


def _named(expect: str) -> list[object]:
    chosen = [case for case in CASES if READ_OTHERWISE.get(case.path.name, case.expect) == expect]
    cases = [pytest.param(case, id=case.path.name) for case in chosen]
    return cases or [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))]


def _octets(name: str) -> bytes:
    for case in CASES:
        if case.path.name == name:
            return case.path.read_bytes()
    pytest.skip(ABSENT)


def test_the_collections_are_whole() -> None:
    if not CASES:
        pytest.skip(ABSENT)
    assert len(CASES) >= 50 + 12
    assert {case.path.name for case in CASES} >= LEFT_TO_THE_ENDPOINT.keys() | READ_OTHERWISE.keys()


@pytest.mark.parametrize("case", _named("parse"))
def test_valid_messages_parse(case: Case) -> None:
    message = parse(case.path.read_bytes())
    assert parse(bytes(message)) == message
    if isinstance(message, Request):
        assert isinstance(parse(bytes(message.response(200, to_tag="x"))), Response)


@pytest.mark.parametrize("case", _named("reject"))
def test_invalid_requests_are_refused(case: Case) -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(case.path.read_bytes())
    assert caught.value.status in (case.status or (400,))
    assert bytes(caught.value.partial.response(caught.value.status, to_tag="x")).startswith(b"SIP/2.0 ")


@pytest.mark.parametrize("case", _named("drop"))
def test_invalid_responses_are_dropped(case: Case) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(case.path.read_bytes())
    assert caught.value.status is None


def test_a_message_whose_printed_length_is_wrong_parses_once_it_is_right() -> None:
    octets = _octets("ipv6-in-sdp.sip")
    end = HEAD_END.search(octets)
    assert end is not None
    body = octets[end.end() :]
    message = parse(octets.replace(b"Content-Length: 268", b"Content-Length: %d" % len(body)))
    assert isinstance(message, Request)
    assert message.uri.host == "2001:db8::10"
    assert message.body == body


def test_two_messages_in_one_datagram_are_one_and_on_a_stream_two() -> None:
    octets = _octets("dblreq.dat")
    first = parse(octets)
    assert isinstance(first, Request) and (first.method, first.body) == ("REGISTER", b"")
    on_stream = [parse(message) for message in StreamParser().feed(octets)]
    assert [message.cseq.method for message in on_stream] == ["REGISTER", "INVITE"]


def test_what_the_tortuous_invite_says() -> None:
    message = parse(_octets("wsinv.dat"))
    assert isinstance(message, Request)
    assert (message.cseq.number, message.max_forwards, len(message.body)) == (9, 68, 150)
    vias = [Via.parse(text) for text in message.headers.get_all("Via")]
    assert [(via.transport, via.host, via.branch) for via in vias[1:]] == [
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.via.branch == "390skdjuw"
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    contact = message.contact
    assert contact is not None
    assert contact.parameters == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}


def test_what_is_escaped_and_what_is_not() -> None:
    escaped = parse(_octets("esc01.dat"))
    assert isinstance(escaped, Request)
    assert (escaped.uri.scheme, escaped.uri.unescaped_user, escaped.uri.host) == (
        "sip",
        "sips:user@example.com",
        "example.net",
    )
    assert escaped.contact is not None
    assert escaped.contact.uri.parameters == {"lr": None, "name": "value%2541"}
    not_escaped = parse(_octets("esc02.dat"))
    assert isinstance(not_escaped, Request)
    assert not_escaped.method == "RE%47IST%45R"
    assert len(not_escaped.headers.get_all("Contact")) == 2


def test_parameters_within_and_without_brackets() -> None:
    outside, inside = parse(_octets("cparam01.dat")).contact, parse(_octets("cparam02.dat")).contact
    assert outside is not None and inside is not None
    assert (outside.parameters, outside.uri.parameters) == ({"unknownparam": None}, {})
    assert (inside.parameters, inside.uri.parameters) == ({}, {"unknownparam": None})
    kept = parse(_octets("regescrt.dat")).contact
    assert kept is not None and kept.uri.headers == "Route=%3Csip:sip.example.com%3E"


def test_ipv6_with_and_without_a_port() -> None:
    ambiguous, plain = parse(_octets("port-ambiguous.sip")), parse(_octets("port-unambiguous.sip"))
    assert isinstance(ambiguous, Request) and isinstance(plain, Request)
    assert (ambiguous.uri.host, ambiguous.uri.port) == ("2001:db8::10:5070", None)
    assert (plain.uri.host, plain.uri.port) == ("2001:db8::10", 5070)
    for name in ("via-received-param-with-delim.sip", "via-received-param-no-delim.sip"):
        assert parse(_octets(name)).via.received == "2001:db8::9:255"
