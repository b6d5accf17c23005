import pytest

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip.headers import Headers
from mediaserver.sip.message import MalformedRequest, Request, Response, is_keepalive, parse
from mediaserver.sip.uri import SipUri
from support.sip_messages import DROPPED, ODD_BUT_VALID, REFUSED, request, response


def parsed_request(octets: bytes) -> Request:
    message = parse(octets)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("name", ODD_BUT_VALID)
def test_odd_but_valid_messages_parse_and_survive_serialising(name: str) -> None:
    message = parse(ODD_BUT_VALID[name])
    assert parse(bytes(message)) == message
    assert message.via.host and message.call_id and message.cseq.method
    assert message.from_.uri.scheme and message.to.uri.scheme
    assert message.contact is None or message.contact.uri


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_requests_are_refused_with_something_to_answer(name: str) -> None:
    octets, status = REFUSED[name]
    with pytest.raises(MalformedRequest) as caught:
        parse(octets)
    assert caught.value.status == status
    answer = caught.value.partial.response(status, to_tag="t")
    assert answer.via.host
    assert bytes(answer).startswith(b"SIP/2.0 %d " % status)


@pytest.mark.parametrize("name", DROPPED)
def test_what_deserves_no_answer_is_dropped(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(DROPPED[name])
    assert caught.value.status is None
    assert not isinstance(caught.value, MalformedRequest)


def test_the_refusal_of_a_sound_looking_request_is_a_whole_response() -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(request({"Max-Forwards": "1000"}))
    answer = parse(bytes(caught.value.partial.response(400, to_tag="t")))
    assert isinstance(answer, Response)
    assert (answer.status, answer.to.tag, answer.cseq.number) == (400, "t", 17)
    assert answer.via.branch == "z9hG4bKab12"


def test_a_malformed_via_is_answered_with_what_is_sound_of_it() -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(request({"Via": "SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK7;;rport;x=<,;,,"}))
    partial = caught.value.partial
    assert partial.headers.get_all("Via") == ["SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK7;rport"]


def test_white_space_and_compact_forms_mean_what_they_should() -> None:
    message = parsed_request(ODD_BUT_VALID["white space everywhere"])
    assert message.to.tag == "77"
    assert message.from_.display == 'Anna \\"'
    assert message.from_.tag == "9"
    assert message.max_forwards == 42
    assert (message.cseq.number, message.cseq.method) == (9, "OPTIONS")
    assert (message.via.protocol, message.via.transport, message.via.host, message.via.port) == (
        "SIP/2.0",
        "UDP",
        "198.51.100.7",
        5070,
    )
    assert len(message.headers.get_all("Via")) == 3
    compact = parsed_request(ODD_BUT_VALID["compact forms"])
    assert compact.headers.get_all("Supported") == ["100rel", "timer"]
    assert compact.headers.get("Subject") == ""
    assert b"\r\nCall-ID: x\r\n" in bytes(compact)


def test_the_body_ends_where_content_length_says() -> None:
    assert parse(ODD_BUT_VALID["octets after the body"]).body == b"abcd"
    assert parse(request({"Content-Length": None}, body=b"all of it")).body == b"all of it"
    assert parse(ODD_BUT_VALID["binary body"]).body == bytes(range(256))


def test_bytes_that_are_not_utf8_come_back() -> None:
    octets = bytes(parse(request({"Subject": "\udcff\udcfe"})))
    assert b"Subject: \xff\xfe\r\n" in octets


def test_content_length_is_always_that_of_the_body() -> None:
    message = parsed_request(request({"Content-Length": "4"}, body=b"abcd"))
    assert "Content-Length" not in message.headers
    message.body = b"longer now"
    message.headers.set("Content-Length", "3")
    assert bytes(message).count(b"Content-Length") == 1
    assert parse(bytes(message)).body == b"longer now"


def test_a_response_copies_what_rfc_3261_8_2_6_names() -> None:
    invite = parsed_request(
        request(
            {"CSeq": "1 INVITE", "Record-Route": "<sip:p1;lr>, <sip:p2;lr>", "Timestamp": "54"},
            line="INVITE sip:desk@example.net SIP/2.0",
            extra="Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK0\r\n",
        )
    )
    trying = invite.response(100)
    assert trying.reason == "Trying"
    assert trying.to.tag is None
    assert trying.headers.get("Timestamp") == "54"
    assert "Record-Route" not in trying.headers
    ringing = invite.response(180, to_tag="b2")
    assert ringing.headers.get_all("Via") == invite.headers.get_all("Via")
    assert ringing.headers.get_all("Record-Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert (ringing.to.tag, ringing.from_.tag, ringing.call_id) == ("b2", "a1", invite.call_id)
    assert ringing.cseq == invite.cseq
    refusal = invite.response(486, "Gone Fishing", to_tag="b2")
    assert "Record-Route" not in refusal.headers
    assert bytes(refusal).startswith(b"SIP/2.0 486 Gone Fishing\r\n")


def test_a_response_within_a_dialog_keeps_the_tag() -> None:
    bye = parsed_request(request({"To": "sip:desk@example.net;tag=old", "CSeq": "3 BYE"}, line="BYE sip:x@h SIP/2.0"))
    assert bye.response(200, to_tag="new").headers.get("To") == "sip:desk@example.net;tag=old"
    assert bye.response(299).reason == ""


def test_accessors_follow_changes_to_the_headers() -> None:
    message = parsed_request(request())
    message.headers.replace_first("Via", str(message.via.with_parameter("received", "203.0.113.5")))
    message.headers.prepend("Via", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKtop")
    assert message.via.transport == "TCP"
    message.headers.set("Max-Forwards", "9")
    assert message.max_forwards == 9
    assert parsed_request(request({"Contact": "*"})).contact is None


def test_missing_fields_of_our_own_messages_are_named() -> None:
    message = Request("OPTIONS", SipUri.parse("sip:x@h"), Headers())
    for ask in (lambda: message.via, lambda: message.cseq, lambda: message.to, lambda: message.call_id):
        with pytest.raises(RemoteProtocolError, match="no "):
            ask()


def test_a_line_break_cannot_be_smuggled_into_the_start_line() -> None:
    with pytest.raises(LocalProtocolError):
        bytes(Response(500, "oops\r\nVia: x", Headers()))


@pytest.mark.parametrize("status", [100, 199, 200, 302, 486, 699])
def test_responses(status: int) -> None:
    message = parse(response(f"SIP/2.0 {status} As  It Is"))
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (status, "As  It Is")


def test_keepalives() -> None:
    assert is_keepalive(b"") and is_keepalive(b"\r\n") and is_keepalive(b"\r\n\r\n")
    assert not is_keepalive(b"\0\0\0\0") and not is_keepalive(request())
