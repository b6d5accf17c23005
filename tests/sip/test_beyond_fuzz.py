"""Whatever comes of REGISTER, REFER, NOTIFY and OPTIONS, mangled or out of place, is taken without an exception."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.door import Admission, Verdict
from mediaserver.sip.events import Flow, IncomingCall, TransferAsked
from mediaserver.sip.message import Request, Response
from mediaserver.sip.registrar import Registrar
from support.sip_rig import SDP, TCP, UDP, Rig, request

INSTANCE = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'


class Anybody:
    """A door that takes everybody for anna."""

    def admit(self, request: Request, flow: Flow, now: float) -> Admission:
        return Admission(Verdict.WELCOME, user="caller")


def within(method: str, cseq: int, *extra: str, body: bytes = b"") -> bytes:
    return request(method, branch=f"z9hG4bK{method}{cseq}", to_tag="TAG", cseq=cseq, extra=extra, body=body)


def pieces(tag: str) -> list[bytes]:
    me = "sip:caller@example.com"
    to_be_filled = [
        request("REGISTER", uri=me, contact=f"<sip:a@10.0.0.1>;{INSTANCE};reg-id=1;expires=90;q=0.3"),
        request("REGISTER", uri=me, contact="*", cseq=2, extra=["Expires: 0"], branch="z9hG4bKr2"),
        request("REGISTER", uri=me, cseq=3, extra=["Path: <sip:p;lr;ob>", "Supported: path"], branch="z9hG4bKr3"),
        request("REGISTER", uri=me, extra=['Authorization: Digest username="caller", realm="r", nonce="n", nc=1']),
        request("OPTIONS", branch="z9hG4bKo"),
        within("REFER", 5, "Refer-To: <sip:a@b?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>", "Referred-By: <sip:x@y>"),
        within("REFER", 6, "Refer-To: <sip:a@b;method=BYE>", "Refer-Sub: false"),
        within("SUBSCRIBE", 7, "Event: refer;id=5", "Expires: 0"),
        within("NOTIFY", 8, "Event: refer;id=2", "Subscription-State: active;expires=7", body=b"SIP/2.0 180 Ringing"),
        within("NOTIFY", 9, "Event: refer", "Subscription-State: terminated;reason=x", body=b"SIP/2.0 200 OK"),
        within("INFO", 10, "Info-Package: x"),
        within("BYE", 11),
        request(branch="z9hG4bKrep", call_id="new", extra=["Replaces: call-1;to-tag=TAG;from-tag=ft;early-only"]),
    ]
    return [piece.replace(b"TAG", tag.encode()) for piece in to_be_filled]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_whatever_comes_is_taken_and_leaves_nothing(data: st.DataObject) -> None:
    guard = DigestAuthenticator("r", {"caller": "s"}, b"k")
    door = data.draw(st.sampled_from([Anybody(), DigestDoor(), DigestDoor(authenticator=guard, guarded={"REGISTER"})]))
    rig = Rig(door=door, registrar=Registrar())
    rig.receive(request())
    rig.endpoint.answer(1, SDP, rig.now)
    *_, ok = rig.sent()
    rig.receive(request("ACK", branch="z9hG4bKack", to_tag=ok.to.tag))
    rig.events()
    if data.draw(st.booleans()):
        rig.endpoint.transfers.refer(1, "sip:x@y", rig.now)
    for _ in range(data.draw(st.integers(1, 10))):
        message = bytearray(data.draw(st.sampled_from(pieces(ok.to.tag or ""))))
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, len(message) - 1))
            message[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            message = message or bytearray(b"x")
        rig.receive(bytes(message), data.draw(st.sampled_from([UDP, TCP])))
        for event in rig.events():
            if isinstance(event, IncomingCall):
                rig.endpoint.reject(event.leg, 486, rig.now)
            elif isinstance(event, TransferAsked):
                rig.endpoint.transfers.accept(event.leg, rig.now)
                rig.endpoint.transfers.progress(event.leg, data.draw(st.sampled_from([180, 200])), "", rig.now)
        for sent in rig.sent():
            if isinstance(sent, Request) and data.draw(st.booleans()):
                rig.receive(sent.response(data.draw(st.sampled_from([200, 202, 401, 481, 603]))))
        rig.advance(data.draw(st.sampled_from([0.0, 0.6, 40.0])))
    if rig.endpoint.legs:
        rig.endpoint.bye(1, rig.now)
    rig.advance(8000)
    assert rig.is_empty()
    assert not rig.endpoint.transfers.ours._refers and not rig.endpoint.transfers.theirs._referrals


def test_options_say_what_we_do_and_that_we_drain() -> None:
    rig = Rig()
    rig.receive(request("OPTIONS"))
    answered = rig.sent_one()
    assert isinstance(answered, Response) and answered.status == 200
    assert {"REFER", "NOTIFY", "INVITE"} <= set(answered.headers.get_all("Allow"))
    assert {"replaces", "norefersub"} <= set(answered.headers.get_all("Supported"))
    assert answered.headers.get_all("Accept") == ["application/sdp"]
    rig.endpoint.draining = True
    assert rig.endpoint.draining
    rig.receive(request("OPTIONS", branch="z9hG4bKb"))
    refused = rig.sent_one()
    assert isinstance(refused, Response)
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
