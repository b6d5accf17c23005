import pytest

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip.headers import CSeq, Headers, Via
from mediaserver.sip.names import COMPACT_FORMS


def test_names_match_in_any_case_and_in_short() -> None:
    headers = Headers([("f", "<sip:a@h>"), ("call-id", "x"), ("x-own-Name", "1"), ("WWW-authenticate", "Digest a=b")])
    assert headers.get("FROM") == headers.get("F") == "<sip:a@h>"
    assert "i" in headers and "Via" not in headers and 3 not in headers
    assert [name for name, _ in headers.items()] == ["From", "Call-ID", "x-own-Name", "WWW-Authenticate"]
    assert headers.get("Via") is None and headers.get_all("Via") == []


@pytest.mark.parametrize("letter", "vftmiclkseouxjdrbyna")
def test_every_compact_form_has_its_long_one(letter: str) -> None:
    headers = Headers([(letter.upper(), "1")])
    ((name, _),) = headers.items()
    assert name.lower() == COMPACT_FORMS[letter]


def test_lists_are_split_outside_quotes_and_brackets() -> None:
    headers = Headers([("Contact", '"A, B" <sip:a@h;x=1,2>;p="c,\\",d", <sip:b@h>'), ("m", "sip:c@h")])
    assert headers.get_all("Contact") == ['"A, B" <sip:a@h;x=1,2>;p="c,\\",d"', "<sip:b@h>", "sip:c@h"]
    assert headers.get("Contact") == '"A, B" <sip:a@h;x=1,2>;p="c,\\",d"'


def test_lists_of_words_stay_as_written_until_they_are_asked_for() -> None:
    headers = Headers([("Allow", "INVITE, ACK,,BYE"), ("Allow", "CANCEL"), ("Supported", "")])
    assert headers.get("Allow") == "INVITE, ACK,,BYE"
    assert headers.get_all("Allow") == ["INVITE", "ACK", "BYE", "CANCEL"]
    assert headers.get_all("Supported") == []
    assert len(list(headers.items())) == 3


def test_commas_elsewhere_are_text() -> None:
    headers = Headers([("Date", "Sat, 13 Nov 2010 23:29:00 GMT"), ("Authorization", "Digest a=b, c=d"), ("X", ",,")])
    assert headers.get_all("Date") == ["Sat, 13 Nov 2010 23:29:00 GMT"]
    assert headers.get_all("Authorization") == ["Digest a=b, c=d"]
    assert headers.get_all("X") == [",,"]


def test_changing() -> None:
    headers = Headers([("Via", "SIP/2.0/UDP a, SIP/2.0/UDP b"), ("To", "x"), ("Via", "SIP/2.0/UDP c")])
    headers.replace_first("v", "SIP/2.0/UDP A")
    headers.prepend("Via", "SIP/2.0/UDP top")
    assert headers.get_all("Via") == [f"SIP/2.0/UDP {host}" for host in ("top", "A", "b", "c")]
    headers.set("Via", "SIP/2.0/UDP only")
    assert list(headers.items()) == [("Via", "SIP/2.0/UDP only"), ("To", "x")]
    headers.set("Subject", "  new ")
    headers.replace_first("Expires", "5")
    headers.remove("TO")
    headers.remove("absent")
    assert list(headers.items()) == [("Via", "SIP/2.0/UDP only"), ("Subject", "new"), ("Expires", "5")]
    assert len(headers) == 3


def test_copies_are_independent_and_compare_by_content() -> None:
    headers = Headers([("To", "x")])
    copy = headers.copy()
    assert copy == headers
    copy.add("From", "y")
    assert copy != headers and "From" not in headers


@pytest.mark.parametrize(("name", "value"), [("X", "a\r\nVia: b"), ("X", "a\nb"), ("X y", "z"), ("", "z"), ("X:", "z")])
def test_nothing_can_be_smuggled_into_a_field(name: str, value: str) -> None:
    for change in (Headers.add, Headers.set, Headers.prepend, Headers.replace_first):
        with pytest.raises(LocalProtocolError):
            change(Headers(), name, value)


def test_via() -> None:
    via = Via.parse("sip / 2.0 / udp  [2001:db8::1] : 5070 ; Branch = z9hG4bK1 ;rport; received=[2001:db8::2]")
    assert (via.protocol, via.transport, via.host, via.port) == ("SIP/2.0", "UDP", "2001:db8::1", 5070)
    assert (via.branch, via.received, via.rport) == ("z9hG4bK1", "2001:db8::2", None)
    assert "rport" in via.parameters
    answered = via.with_parameter("rport", "40000").with_parameter("received", "192.0.2.7")
    assert str(answered) == "SIP/2.0/UDP [2001:db8::1]:5070;branch=z9hG4bK1;rport=40000;received=192.0.2.7"
    assert (answered.rport, answered.received) == (40000, "192.0.2.7")
    assert via.rport is None, "the original is untouched"
    assert Via.parse(str(answered)) == answered
    assert str(via.with_parameter("alias", None)).endswith(";alias")


@pytest.mark.parametrize("value", ["0", "65536", "-1", "x", "٣", "9" * 5000, ""])
def test_an_rport_that_is_no_port_is_none(value: str) -> None:
    assert Via.parse("SIP/2.0/UDP h").with_parameter("rport", value).rport is None


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0/UDPh", "SIP/2.0 h", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h:0",
     "SIP/2.0/UDP ::1",
     "SIP/2.0/UDP h h", "SIP/2.0/UDP h;", "SIP/2.0/UDP h;;x", "SIP/2.0/U(P h", "SIP/2.0/UDP [::1", "SIP/2.0/UDP h;a;a",
     "SIP/2.0/UDP h:99999"],
)  # fmt: skip
def test_malformed_via(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Via.parse(text)
    assert caught.value.status == 400


def test_cseq() -> None:
    assert CSeq.parse(" 0009 \t INVITE ") == CSeq(9, "INVITE")
    assert str(CSeq(2**31 - 1, "BYE")) == "2147483647 BYE"
    for text in (
        "",
        "1",
        "INVITE",
        "x INVITE",
        "2147483648 BYE",
        "-1 BYE",
        "1 B(E",
        "1 BYE BYE",
        "٣ BYE",
        "9" * 5000 + " A",
    ):
        with pytest.raises(RemoteProtocolError):
            CSeq.parse(text)
