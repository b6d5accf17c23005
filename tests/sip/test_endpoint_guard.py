"""What the endpoint refuses or ignores, and that none of it costs memory or helps an attacker."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest import answer
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.events import Acknowledged, Flow, IncomingCall
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Response
from support.sip_rig import LOCAL, SDP, TCP, UDP, Rig, request

OUTSIDE = ["BYE", "CANCEL", "INFO"]


def only_response(rig: Rig) -> Response:
    response = rig.sent_one()
    assert isinstance(response, Response)
    return response


@pytest.mark.parametrize(
    ("how", "status", "header", "value"),
    [
        ({"method": "SUBSCRIBE"}, 405, "Allow", ", ".join(EndpointSettings().allow)),
        ({"method": "REGISTER"}, 405, "Allow", ", ".join(EndpointSettings().allow)),
        ({"method": "NEWMETHOD"}, 405, "Allow", ", ".join(EndpointSettings().allow)),
        ({"extra": ["Require: 100rel, precondition"]}, 420, "Unsupported", "precondition"),
        ({"method": "OPTIONS", "extra": ["Require: sec-agree"]}, 420, "Unsupported", "sec-agree"),
        ({"max_forwards": 0}, 483, None, None),
        ({"extra": ["Content-Type: text/plain"]}, 415, "Accept", "application/sdp"),
        ({"extra": ["Content-Encoding: gzip"]}, 415, "Accept-Encoding", "identity"),
        ({"uri": "sips:agent@192.0.2.1"}, 416, None, None),
        ({"uri": "tel:+15551234"}, 416, None, None),
        ({"contact": None}, 400, None, None),
        ({"contact": "<mailto:me@example.com>"}, 400, None, None),
    ],
)
@pytest.mark.parametrize("flow", [UDP, TCP])
def test_refused_without_state(
    how: dict[str, object], status: int, header: str | None, value: str | None, flow: Flow
) -> None:
    rig = Rig()
    data = request(**how)  # type: ignore[arg-type]
    rig.receive(data, flow)
    response = only_response(rig)
    assert response.status == status and response.to.tag
    if header is not None:
        assert response.headers.get(header) == value
    assert not rig.events() and rig.is_empty()
    rig.receive(data, flow)
    assert bytes(only_response(rig)) == bytes(response)  # a stateless server answers alike each time (8.2.7)
    rig.receive(request("ACK", to_tag=response.to.tag), flow)
    assert not rig.sent() and rig.is_empty()


def test_sdp_with_parameters_is_sdp() -> None:
    rig = Rig()
    rig.receive(request(extra=["Content-Type: Application/SDP;charset=utf-8"]))
    assert len(rig.events()) == 1


def test_a_supported_extension_may_be_required() -> None:
    rig = Rig(EndpointSettings(supported=("timer",)))
    rig.receive(request(extra=["Require: Timer"]))
    assert len(rig.events()) == 1


def test_a_malformed_request_is_400() -> None:
    rig = Rig()
    rig.receive(request(max_forwards=700))
    assert only_response(rig).status == 400
    rig.receive(request().replace(b"CSeq: 1 INVITE", b"CSeq: one INVITE"))
    (mirrored,) = rig.mirrored
    assert mirrored.startswith(b"SIP/2.0 400 ") and b"CSeq: one INVITE\r\n" in mirrored
    assert not rig.events() and rig.is_empty()


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\r\n\r\n",
        b"\x00" * 300,
        b"\x80\x00\x12\x34" + b"\xff" * 160,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        request("ACK").replace(b"CSeq", b"CSec"),
    ],
)
def test_what_is_no_request_gets_no_answer(junk: bytes) -> None:
    rig = Rig()
    rig.receive(junk)
    assert not rig.sent() and not rig.events() and rig.is_empty()


def test_a_merged_request_is_482() -> None:
    rig = Rig()
    rig.receive(request(branch="z9hG4bKone"))
    rig.events()
    rig.sent()
    rig.receive(request(branch="z9hG4bKtwo"))
    assert only_response(rig).status == 482
    rig.receive(request(branch="z9hG4bKthree", call_id="another"))
    assert only_response(rig).status == 100
    assert len(rig.events()) == 1


def test_an_address_that_is_not_admitted() -> None:
    rig = Rig(door=DigestDoor(admits=lambda address: address != "192.0.2.9"))
    for method in ("INVITE", "OPTIONS", "BYE", "CANCEL", "REGISTER"):
        rig.receive(request(method))
    rig.receive(request().replace(b"CSeq: 1", b"CSeq: x"))
    assert not rig.sent()
    rig.receive(request(), TCP)
    assert only_response(rig).status == 403
    rig.receive(request(branch="z9hG4bKb"), TCP)
    assert not rig.sent() and not rig.events() and rig.is_empty()
    rig.endpoint.flow_closed(TCP, None, rig.now)
    rig.receive(request(), TCP)
    assert only_response(rig).status == 403


class Guarded:
    def __init__(self) -> None:
        self.guard = DigestAuthenticator("example.com", {"anna": "secret"}, b"key", nonce_life_s=60)
        self.rig = Rig(door=DigestDoor(authenticator=self.guard))

    def challenged(self, **how: object) -> Response:
        self.rig.receive(request(**how))  # type: ignore[arg-type]
        response = only_response(self.rig)
        assert response.status == 401
        return response

    def credentials(self, challenge: Response, password: str = "secret", nc: int = 1) -> str:
        value = challenge.headers.get_all("WWW-Authenticate")[0]
        return "Authorization: " + answer(value, "INVITE", "sip:agent@192.0.2.1", "anna", password, "c", nc)


def test_digest_challenge_and_answer() -> None:
    it = Guarded()
    challenge = it.challenged()
    assert it.rig.is_empty()  # a challenge leaves no trace: its sender may be forged
    it.rig.receive(request("ACK", to_tag=challenge.to.tag))
    good = request(branch="z9hG4bKb", cseq=2, extra=[it.credentials(challenge)])
    it.rig.receive(good)
    assert only_response(it.rig).status == 100
    (call,) = it.rig.events()
    assert isinstance(call, IncomingCall)
    it.rig.receive(good)  # a retransmission is no replay
    assert only_response(it.rig).status == 100
    it.rig.endpoint.answer(call.leg, SDP, it.rig.now)
    ok = only_response(it.rig)
    it.rig.receive(request("ACK", branch="z9hG4bKc", cseq=2, to_tag=ok.to.tag))
    it.rig.receive(request("BYE", branch="z9hG4bKd", cseq=3, to_tag=ok.to.tag))
    assert it.rig.statuses() == [200]


def test_wrong_and_stale_credentials() -> None:
    it = Guarded()
    challenge = it.challenged()
    wrong = it.challenged(branch="z9hG4bKb", cseq=2, extra=[it.credentials(challenge, "guess")])
    assert "stale" not in (wrong.headers.get("WWW-Authenticate") or "")
    it.rig.advance(100)
    stale = it.challenged(branch="z9hG4bKc", cseq=3, extra=[it.credentials(challenge)])
    assert "stale=true" in (stale.headers.get("WWW-Authenticate") or "")
    it.rig.receive(request(branch="z9hG4bKd", cseq=4, extra=[it.credentials(stale)]))
    assert only_response(it.rig).status == 100


def test_options_and_cancel_are_not_challenged() -> None:
    it = Guarded()
    it.rig.receive(request("OPTIONS"))
    it.rig.receive(request("CANCEL"))
    assert it.rig.statuses() == [200, 481]


def test_above_the_cap_new_calls_get_a_stateless_503_and_old_ones_go_on() -> None:
    rig = Rig(EndpointSettings(max_transactions=3))
    for number in range(3):
        rig.receive(request(branch=f"z9hG4bK{number}", call_id=f"c{number}"))
    first, *_ = rig.events()
    assert isinstance(first, IncomingCall)
    rig.endpoint.answer(first.leg, SDP, rig.now)
    *_, ok = rig.sent()
    rig.receive(request(branch="z9hG4bK9", call_id="c9"))
    refused = only_response(rig)
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
    assert rig.endpoint.transactions == 3 and rig.endpoint.legs == 3
    rig.receive(request("ACK", branch="z9hG4bKx", call_id="c0", to_tag=ok.to.tag))
    rig.receive(request("BYE", branch="z9hG4bKy", call_id="c0", cseq=2, to_tag=ok.to.tag))
    assert rig.statuses() == [200]


def test_an_answer_is_never_much_longer_than_the_question() -> None:
    for data in (
        request(),
        request("OPTIONS"),
        request("REGISTER"),
        request("BYE"),
        request().replace(b"CSeq: 1", b"CSeq: x"),
    ):
        rig = Rig()
        rig.receive(data)
        assert 0 < rig.octets <= 1.5 * len(data)


FRAGMENTS = [
    *(request(method) for method in ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "REFER")),
    request(to_tag="t2"),
    request("BYE", to_tag="t2", cseq=2),
    request("ACK", to_tag="t2"),
    request(branch=None),
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKt4\r\nCSeq: 1 INVITE\r\n\r\n",
]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_comes_is_taken_without_an_exception(data: st.DataObject) -> None:
    rig = Rig()
    connected: set[int] = set()
    for _ in range(data.draw(st.integers(1, 8))):
        message = bytearray(data.draw(st.sampled_from(FRAGMENTS)))
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(message) - 1))
            message[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            message = message or bytearray(b"x")
        rig.receive(bytes(message), data.draw(st.sampled_from([UDP, TCP])))
        for event in rig.events():
            if isinstance(event, IncomingCall):
                if data.draw(st.booleans()):
                    rig.endpoint.answer(event.leg, SDP, rig.now)
                else:
                    rig.endpoint.reject(event.leg, 486, rig.now)
            elif isinstance(event, Acknowledged):
                connected.add(event.leg)
        rig.advance(data.draw(st.sampled_from([0.0, 0.6, 40.0])))
    for leg in connected:  # an ACK in the INVITE's own branch connects a call: it lasts until somebody hangs up
        rig.endpoint.bye(leg, rig.now)
    rig.advance(200)
    assert rig.is_empty()


CORPUS = sorted((Path(__file__).parents[1] / "vectors" / "sip_fuzz").glob("*.sip"))


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_the_corpus_of_hostile_messages_leaves_nothing_behind(flow: Flow) -> None:
    assert CORPUS
    for path in CORPUS:
        rig = Rig()
        octets = path.read_bytes()
        rig.receive(octets, flow)
        for event in rig.events():
            if isinstance(event, IncomingCall):
                rig.endpoint.answer(event.leg, SDP, rig.now)
        rig.receive(octets, flow)
        rig.advance(200)
        assert rig.is_empty(), path.name


def test_what_was_malformed_and_what_refused_is_counted() -> None:
    rig = Rig(door=DigestDoor(admits=lambda host: host != "192.0.2.66"))
    counted = lambda: (rig.endpoint.malformed, rig.endpoint.refused)  # noqa: E731
    for alive in (b"", b"\r\n\r\n", b"\0\0\0\0", request("OPTIONS"), request()):
        rig.receive(alive)
    assert counted() == (0, 0)
    rig.receive(b"GET / HTTP/1.1\r\n\r\n")
    rig.receive(request("OPTIONS").replace(b"CSeq: 1", b"CSeq: x"))
    assert counted() == (2, 0)
    rig.receive(request("SUBSCRIBE"))
    rig.receive(request("BYE", to_tag="nobody"))
    assert counted() == (2, 2)
    for flow in (Flow("udp", ("192.0.2.66", 5060), LOCAL), *[Flow("tcp", ("192.0.2.66", 5060), LOCAL, 9)] * 2):
        rig.receive(request("OPTIONS"), flow)
    assert counted() == (2, 5), "one is told so, the others hear nothing: all are counted"
