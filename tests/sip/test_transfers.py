"""REFER both ways as the peer sees it: what is asked, what is told, and what outlives the call."""

import pytest

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.events import Ended, TransferAsked, TransferProgress
from mediaserver.sip.message import Request, Response
from mediaserver.sip.refer_to import refer_to
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, UDP, Rig, request

FRAGMENT = "Content-Type: message/sipfrag;version=2.0"


class Call:
    """A call the peer has made, with its dialog."""

    def __init__(self, rig: Rig | None = None, number: int = 1) -> None:
        self.rig = rig or Rig()
        self.call_id = f"call-{number}"
        self.rig.receive(request(call_id=self.call_id, branch=f"z9hG4bKinvite{number}"))
        self.leg = max(self.rig.endpoint._core.legs)
        self.rig.endpoint.answer(self.leg, SDP, self.rig.now)
        *_, ok = self.rig.sent()
        self.tag = ok.to.tag
        self.cseq = 1
        self.send("ACK", cseq=1)
        self.rig.events()

    def send(self, method: str, *extra: str, body: bytes = b"", cseq: int | None = None) -> None:
        """A request of the peer in the dialog."""
        if cseq is None:
            self.cseq += 1
        number = cseq or self.cseq
        branch = f"z9hG4bK{self.call_id}{method}{number}"
        self.rig.receive(
            request(
                method,
                branch=branch,
                call_id=self.call_id,
                cseq=number,
                to_tag=self.tag,
                body=body,
                extra=extra,
            )
        )

    def status(self) -> int:
        (response,) = self.rig.sent()
        assert isinstance(response, Response)
        return response.status

    def refer(self, target: str | None = "sip:desk@example.com", **how: object) -> Request:
        self.rig.endpoint.transfers.refer(self.leg, target, self.rig.now, **how)  # type: ignore[arg-type]
        (sent,) = self.rig.requests()
        return sent

    def notify(self, line: str, state: str = "active;expires=60", event: str = "refer") -> int:
        extra = [f"Event: {event}", f"Subscription-State: {state}", FRAGMENT]
        self.send("NOTIFY", *extra, body=line.encode())
        return self.status()

    def progress(self) -> list[tuple[int, str, bool]]:
        events = self.rig.events()
        assert all(isinstance(event, TransferProgress) and event.leg == self.leg for event in events), events
        return [(event.status, event.reason, event.final) for event in events if isinstance(event, TransferProgress)]

    def end(self) -> None:
        """Hang up and wait: nothing may be left."""
        self.rig.endpoint.bye(self.leg, self.rig.now)
        for sent in self.rig.requests():
            self.rig.receive(sent.response(200))
        self.rig.advance(400)
        assert self.rig.is_empty() and not self.rig.endpoint.transfers.ours._refers
        assert not self.rig.endpoint.transfers.theirs._referrals


# Our REFER


def test_a_blind_transfer_that_succeeds() -> None:
    call = Call()
    sent = call.refer(referred_by="<sip:agent@example.com>", headers=[("X-Why", "billing")])
    assert (sent.method, sent.headers.get("Refer-To")) == ("REFER", "<sip:desk@example.com>")
    assert sent.headers.get("Referred-By") == "<sip:agent@example.com>" and sent.headers.get("X-Why") == "billing"
    assert sent.contact is not None
    call.rig.receive(sent.response(202))
    assert call.progress() == [(202, "Accepted", False)]
    assert call.notify("SIP/2.0 100 Trying\r\n") == 200
    assert call.notify("SIP/2.0 180 Ringing\r\nTo: <sip:x@y>\r\n\r\n") == 200
    assert call.notify("SIP/2.0 200 OK\r\n", "terminated;reason=noresource") == 200
    assert call.progress() == [(100, "Trying", False), (180, "Ringing", False), (200, "OK", True)]
    assert call.notify("SIP/2.0 200 OK\r\n", "terminated") == 481, "the subscription is gone"
    assert not call.progress()
    call.end()


@pytest.mark.parametrize(("status", "reason"), [(403, "Forbidden"), (405, "Method Not Allowed"), (603, "Decline")])
def test_a_refused_transfer_leaves_the_call(status: int, reason: str) -> None:
    call = Call()
    call.rig.receive(call.refer().response(status))
    assert call.progress() == [(status, reason, True)]
    call.end()


@pytest.mark.parametrize("status", [481, 408])
def test_a_refer_that_fails_says_nothing_of_the_call(status: int) -> None:
    call = Call()
    call.rig.receive(call.refer().response(status))
    assert [event[2] for event in call.progress()] == [True]
    assert call.rig.endpoint.legs == 1
    call.end()


def test_a_refer_nobody_answers() -> None:
    call = Call()
    call.refer()
    call.rig.advance(33)
    assert call.progress() == [(408, "timeout", True)]
    call.end()


def test_a_notify_may_come_before_the_202() -> None:
    call = Call()
    sent = call.refer()
    assert call.notify("SIP/2.0 100 Trying", event=f"refer;id={sent.cseq.number}") == 200
    assert call.notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource") == 200
    assert call.progress() == [(100, "Trying", False), (486, "Busy Here", True)]
    call.rig.receive(sent.response(202))
    assert not call.progress()
    call.end()


def test_a_peer_that_wants_no_subscription() -> None:
    call = Call()
    accepted = call.refer().response(202)
    accepted.headers.add("Refer-Sub", "false")
    call.rig.receive(accepted)
    assert call.progress() == [(202, "Accepted", True)]
    call.end()


def test_a_peer_that_promises_and_never_tells() -> None:
    call = Call()
    call.rig.receive(call.refer().response(202))
    call.rig.advance(31)
    assert call.progress() == [(202, "Accepted", False)]
    call.rig.advance(2)
    assert call.progress() == [(408, "no NOTIFY", True)]
    call.end()


def test_a_subscription_that_runs_out() -> None:
    call = Call()
    call.rig.receive(call.refer().response(202))
    call.notify("SIP/2.0 100 Trying", "active;expires=120")
    call.rig.advance(119)
    assert call.progress() == [(202, "Accepted", False), (100, "Trying", False)]
    call.rig.advance(2)
    assert call.progress() == [(408, "no NOTIFY", True)]
    call.end()


@pytest.mark.parametrize(
    ("body", "state", "told"),
    [
        ("sip/2.0  200\tAll fine  \r\n", "terminated", [(200, "All fine", True)]),
        ("\r\nSIP/2.0 404", "terminated", [(404, "", True)]),
        ("SIP/2.0 200 OK", "active", [(200, "OK", True)]),
        ("SIP/2.0 100 Trying", "terminated;reason=noresource", [(100, "Trying", True)]),
        ("", "terminated;reason=timeout", [(500, "subscription ended: timeout", True)]),
        ("", "terminated;=", [(500, "subscription ended: no reason given", True)]),
        ("", "active", []),
        ("nonsense", "pending", []),
        ("SIP/2.0 999 What", "", []),
        ("SIP/2.0 183 \udcff", "", [(183, "�", False)]),
    ],
)
def test_bodies_and_states_of_every_kind(body: str, state: str, told: list[tuple[int, str, bool]]) -> None:
    call = Call()
    call.rig.receive(call.refer().response(202))
    call.progress()
    extra = ["Event: refer", *([f"Subscription-State: {state}"] if state else []), FRAGMENT]
    call.send("NOTIFY", *extra, body=body.encode("utf-8", "surrogateescape"))
    assert call.status() == 200
    assert call.progress() == told
    call.end()


def test_a_second_refer_gives_the_first_up() -> None:
    call = Call()
    first = call.refer()
    call.rig.receive(first.response(202))
    call.notify("SIP/2.0 100 Trying")
    call.progress()
    second = call.refer("sip:other@example.com")
    call.rig.receive(second.response(202))
    call.progress()
    assert call.notify("SIP/2.0 200 OK", "terminated") == 200, "without an id it is the first REFER's"
    assert not call.progress()
    assert call.notify("SIP/2.0 603 Decline", "terminated", f"refer;id={second.cseq.number}") == 200
    assert call.progress() == [(603, "Decline", True)]
    assert call.notify("SIP/2.0 200 OK", "terminated", "refer;id=77") == 481
    call.end()


@pytest.mark.parametrize(("event", "status"), [("Event: refer", 481), ("Event: dialog", 489), ("Subject: x", 489)])
def test_a_notify_nobody_subscribed_to(event: str, status: int) -> None:
    call = Call()
    call.send("NOTIFY", event, FRAGMENT, body=b"SIP/2.0 200 OK")
    assert call.status() == status
    assert not call.rig.events()
    call.rig.receive(request("NOTIFY", extra=["Event: refer"]))
    assert call.status() == 481
    call.end()


def test_notifies_after_our_bye_are_answered_and_not_told() -> None:
    call = Call()
    call.rig.receive(call.refer().response(202))
    call.notify("SIP/2.0 180 Ringing", "active;expires=100")
    call.progress()
    call.rig.endpoint.bye(call.leg, call.rig.now)
    (bye,) = call.rig.requests()
    call.rig.receive(bye.response(200))
    assert isinstance(call.rig.events()[0], Ended)
    assert call.notify("SIP/2.0 183 Session Progress", "active;expires=100") == 200
    assert call.notify("SIP/2.0 200 OK", "terminated;reason=noresource") == 200
    assert call.notify("SIP/2.0 200 OK", "terminated;reason=noresource") == 481
    assert not call.rig.events()
    call.rig.advance(400)
    assert call.rig.is_empty()


def test_the_peers_bye_during_a_refer_leaves_nothing() -> None:
    call = Call()
    sent = call.refer()
    call.send("BYE")
    assert call.status() == 200
    call.rig.receive(sent.response(202))
    assert [type(event) for event in call.rig.events()] == [Ended]
    call.rig.advance(33)
    assert call.rig.is_empty() and not call.rig.events() and not call.rig.endpoint.transfers.ours._refers


def test_an_attended_transfer_names_the_other_call() -> None:
    rig = Rig()
    first, second = Call(rig, 1), Call(rig, 2)
    named = rig.endpoint.transfers.replaces_of(second.leg)
    assert named == f"call-2;to-tag=ft;from-tag={second.tag}"
    sent = first.refer(None, replaces_leg=second.leg)
    escaped = f"call-2%3Bto-tag%3Dft%3Bfrom-tag%3D{second.tag}"
    assert sent.headers.get("Refer-To") == f"<sip:caller@192.0.2.9:5070?Replaces={escaped}>"
    sent = first.refer("sip:boss@example.com", replaces_leg=second.leg)
    assert sent.headers.get("Refer-To") == f"<sip:boss@example.com?Replaces={escaped}>"
    second.send("BYE")
    rig.sent()
    rig.events()
    rig.endpoint.transfers.refer(first.leg, None, rig.now, replaces_leg=second.leg)
    assert [event[0] for event in first.progress()] == [481] and rig.endpoint.transfers.replaces_of(second.leg) is None


def test_refer_to_in_every_form() -> None:
    assert refer_to("tel:+15551234", None) == "<tel:+15551234>"
    assert refer_to("sip:d@x;transport=tcp", None) == "<sip:d@x;transport=tcp>"
    assert refer_to('"Desk" <sip:d@x;transport=tcp>', None) == '"Desk" <sip:d@x;transport=tcp>'
    assert refer_to("<sip:d@x?Subject=a>", "c@h;to-tag=1;from-tag=2").startswith("<sip:d@x?Subject=a&Replaces=c%40h%3B")
    call = Call()
    for nonsense in ("+15551234", "sip:", None, "<sip:a", "sip:a@b\r\nX: y"):
        with pytest.raises(LocalProtocolError):
            call.rig.endpoint.transfers.refer(call.leg, nonsense, call.rig.now)


def test_a_challenged_refer_is_sent_again() -> None:
    guard = DigestAuthenticator("pbx", {"agent": "s3cret"}, b"key")
    rig = Rig()
    me, target = NameAddr.parse("<sip:agent@example.com>"), SipUri.parse("sip:desk@192.0.2.9:5070")
    leg = rig.endpoint.invite(target=target, flow=UDP, from_=me, now=rig.now, sdp=SDP, credentials=("agent", "s3cret"))
    (invite,) = rig.requests()
    ok = invite.response(200, to_tag="pt")
    ok.headers.add("Contact", "<sip:desk@192.0.2.9:5070>")
    ok.headers.add("Content-Type", "application/sdp")
    ok.body = SDP
    rig.receive(ok)
    rig.sent()
    rig.endpoint.transfers.refer(leg, "sip:x@example.com", rig.now)
    (refer,) = rig.requests()
    asked = refer.response(407)
    asked.headers.add("Proxy-Authenticate", guard.challenge(rig.now)[0])
    rig.receive(asked)
    (again,) = rig.requests()
    assert again.cseq.number == refer.cseq.number + 1 and "Proxy-Authorization" in again.headers
    rig.receive(again.response(202))
    notify = request(
        "NOTIFY",
        uri="sip:agent@192.0.2.1",
        call_id=invite.call_id,
        from_tag="pt",
        to_tag=invite.from_.tag,
        extra=[f"Event: refer;id={again.cseq.number}", "Subscription-State: terminated", FRAGMENT],
        body=b"SIP/2.0 200 OK",
    )
    rig.events()
    rig.receive(notify)
    assert rig.statuses() == [200]
    assert rig.events() == [TransferProgress(leg, 200, "OK", True)]


# The peer's REFER


def asked(call: Call, *extra: str, to: str = "Refer-To: <sip:desk@example.com>") -> TransferAsked:
    call.send("REFER", to, *extra)
    assert not call.rig.sent()
    (event,) = call.rig.events()
    assert isinstance(event, TransferAsked) and event.leg == call.leg
    return event


def notified(call: Call, status: int = 200) -> tuple[str, str, bytes]:
    """The one NOTIFY just sent, answered with `status`: its Event, its Subscription-State, its body."""
    (notify,) = call.rig.requests()
    assert notify.method == "NOTIFY"
    call.rig.receive(notify.response(status))
    return notify.headers.get("Event") or "", notify.headers.get("Subscription-State") or "", notify.body


def accept(call: Call) -> Response:
    call.rig.endpoint.transfers.accept(call.leg, call.rig.now)
    response, notify = call.rig.sent()
    assert isinstance(response, Response) and isinstance(notify, Request)
    assert (notify.headers.get("Subscription-State"), notify.body) == ("active;expires=300", b"SIP/2.0 100 Trying\r\n")
    call.rig.receive(notify.response(200))
    return response


def test_a_transfer_the_peer_asks_for() -> None:
    call = Call()
    event = asked(call, "Referred-By: <sip:boss@example.com>")
    assert (str(event.target), event.replaces) == ("<sip:desk@example.com>", None)
    assert event.referred_by == "<sip:boss@example.com>"
    accepted = accept(call)
    assert accepted.status == 202 and accepted.contact is not None
    call.rig.endpoint.transfers.progress(call.leg, 180, "Ringing", call.rig.now)
    assert notified(call) == ("refer", "active;expires=300", b"SIP/2.0 180 Ringing\r\n")
    call.rig.endpoint.transfers.progress(call.leg, 200, "OK\r\nX: y", call.rig.now)
    assert notified(call) == ("refer", "terminated;reason=noresource", b"SIP/2.0 200 OK X: y\r\n")
    call.rig.endpoint.transfers.progress(call.leg, 200, "OK", call.rig.now)
    assert not call.rig.sent(), "the end is told once"
    assert asked(call)
    accept(call)
    call.rig.endpoint.transfers.progress(call.leg, 486, "Busy Here", call.rig.now)
    event_of_second, _, _ = notified(call)
    assert event_of_second == f"refer;id={call.cseq}"
    call.end()


def test_a_rejected_transfer() -> None:
    call = Call()
    asked(call)
    call.rig.endpoint.transfers.reject(call.leg, 603, call.rig.now)
    assert call.status() == 603
    call.rig.endpoint.transfers.accept(call.leg, call.rig.now)
    call.rig.endpoint.transfers.progress(call.leg, 200, "OK", call.rig.now)
    assert not call.rig.sent()
    call.end()


def test_a_refer_repeated_is_not_asked_twice() -> None:
    call = Call()
    asked(call)
    call.send("REFER", "Refer-To: <sip:desk@example.com>", cseq=call.cseq)
    assert not call.rig.sent() and not call.rig.events()
    accept(call)
    call.send("REFER", "Refer-To: <sip:desk@example.com>", cseq=call.cseq)
    assert call.status() == 202 and not call.rig.events()
    call.end()


def test_one_transfer_at_a_time() -> None:
    call = Call()
    asked(call)
    call.send("REFER", "Refer-To: <sip:other@example.com>")
    assert call.status() == 491
    accept(call)
    call.send("REFER", "Refer-To: <sip:other@example.com>")
    assert call.status() == 491 and not call.rig.events()
    call.end()


@pytest.mark.parametrize(
    ("to", "target", "replaces"),
    [
        ("Refer-To: sip:a@b", "<sip:a@b>", None),
        ("r: <tel:+15551234>", "<tel:+15551234>", None),
        ("Refer-To: <sip:a@b;method=INVITE;transport=tcp?Subject=x>", "<sip:a@b;transport=tcp>", None),
        (
            'Refer-To: "A" <sip:a@b?Accept-Contact=x&rePlaces=c%40h%3Bto-tag%3D1%3Bfrom-tag%3D2>',
            '"A" <sip:a@b>',
            "c@h;to-tag=1;from-tag=2",
        ),
    ],
)
def test_targets_of_every_form(to: str, target: str, replaces: str | None) -> None:
    event = asked(Call(), to=to)
    assert (str(event.target), event.replaces) == (target, replaces)


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("Subject: none", 400),
        ("Refer-To: <sip:a@b", 400),
        ("Refer-To: <sip:a@b>, <sip:c@d>", 400),
        ("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>", 400),
        ("Refer-To: <sip:a@b?Replaces=1&Replaces=2>", 400),
        ("Refer-To: <sip:a@b?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3%0D%0AX-Evil%3A%20yes>", 400),
        ("Refer-To: <sip:a@b;method=BYE>", 501),
    ],
)
def test_a_refer_that_makes_no_sense(to: str, status: int) -> None:
    call = Call()
    call.send("REFER", to)
    assert call.status() == status and not call.rig.events()
    call.end()


def test_a_refer_outside_of_a_call_is_refused() -> None:
    rig = Rig()
    refer = request("REFER", extra=["Refer-To: <sip:a@b>"])
    rig.receive(refer)
    assert rig.statuses() == [403] and rig.is_empty()
    guard = DigestAuthenticator("pbx", {"agent": "s3cret"}, b"key")
    guarded = Rig(door=DigestDoor(authenticator=guard))
    guarded.receive(refer)
    assert guarded.statuses() == [401]
    unknown = request("REFER", to_tag="x", extra=["Refer-To: <sip:a@b>"])
    rig.receive(unknown)
    assert rig.statuses() == [481]


def test_a_peer_that_does_not_want_to_be_told() -> None:
    call = Call()
    asked(call, "Refer-Sub: false", "Require: norefersub")
    call.rig.endpoint.transfers.accept(call.leg, call.rig.now)
    accepted = call.rig.sent_one()
    assert isinstance(accepted, Response)
    assert (accepted.status, accepted.headers.get("Refer-Sub")) == (202, "false")
    call.rig.endpoint.transfers.progress(call.leg, 200, "OK", call.rig.now)
    assert not call.rig.sent()
    call.end()


def test_notifies_do_not_overtake_each_other() -> None:
    call = Call()
    asked(call)
    call.rig.endpoint.transfers.accept(call.leg, call.rig.now)
    _, first = call.rig.sent()
    for status in (180, 183, 200):
        call.rig.endpoint.transfers.progress(call.leg, status, "", call.rig.now)
    assert not call.rig.sent()
    assert isinstance(first, Request)
    call.rig.receive(first.response(200))
    assert notified(call)[2] == b"SIP/2.0 200 \r\n", "only the last matters"
    assert not call.rig.sent()
    call.end()


@pytest.mark.parametrize("status", [481, 408, 603])
def test_a_peer_that_does_not_take_our_notify_keeps_its_call(status: int) -> None:
    call = Call()
    asked(call)
    call.rig.endpoint.transfers.accept(call.leg, call.rig.now)
    _, notify = call.rig.sent()
    assert isinstance(notify, Request)
    call.rig.receive(notify.response(status))
    call.rig.endpoint.transfers.progress(call.leg, 200, "OK", call.rig.now)
    assert not call.rig.sent() and not call.rig.events() and call.rig.endpoint.legs == 1
    call.end()


def test_a_transfer_goes_on_after_the_peer_has_hung_up() -> None:
    call = Call()
    asked(call)
    accept(call)
    call.send("BYE")
    assert call.status() == 200
    call.rig.events()
    call.rig.endpoint.transfers.progress(call.leg, 180, "Ringing", call.rig.now)
    assert notified(call)[2] == b"SIP/2.0 180 Ringing\r\n"
    call.rig.endpoint.transfers.progress(call.leg, 200, "OK", call.rig.now)
    assert notified(call)[1] == "terminated;reason=noresource"
    call.rig.advance(400)
    assert call.rig.is_empty() and not call.rig.endpoint.transfers.theirs._referrals


def test_nobody_decides() -> None:
    call = Call()
    asked(call)
    call.rig.advance(17)
    assert call.status() == 500
    asked(call)
    call.send("BYE")
    call.rig.sent()
    call.rig.advance(17)
    assert call.status() == 481
    call.rig.advance(400)
    assert call.rig.is_empty()


def test_a_transfer_that_takes_too_long_is_ended() -> None:
    call = Call()
    asked(call)
    accept(call)
    call.rig.advance(300.1)
    assert notified(call) == ("refer", "terminated;reason=timeout", b"SIP/2.0 100 Trying\r\n")
    call.end()


def test_the_peer_may_prolong_or_end_the_subscription() -> None:
    call = Call()
    call.send("SUBSCRIBE", "Event: refer")
    assert call.status() == 481
    asked(call)
    accept(call)
    call.send("SUBSCRIBE", "Event: presence")
    assert call.status() == 489
    call.send("SUBSCRIBE", "Event: refer", "Expires: 100")
    response, notify = call.rig.sent()
    assert isinstance(response, Response) and isinstance(notify, Request)
    assert (response.status, response.headers.get("Expires")) == (200, "100")
    assert notify.headers.get("Subscription-State") == "active;expires=100"
    call.rig.receive(notify.response(200))
    call.send("SUBSCRIBE", "Event: refer", "Expires: 0")
    response, notify = call.rig.sent()
    assert isinstance(notify, Request) and "terminated" in (notify.headers.get("Subscription-State") or "")
    call.rig.receive(notify.response(200))
    call.rig.endpoint.transfers.progress(call.leg, 200, "OK", call.rig.now)
    assert not call.rig.sent()
    call.end()


def test_commands_that_make_no_sense() -> None:
    call = Call()
    with pytest.raises(LocalProtocolError):
        call.rig.endpoint.transfers.progress(call.leg, 99, "", call.rig.now)
    with pytest.raises(LocalProtocolError):
        call.rig.endpoint.transfers.reject(call.leg, 200, call.rig.now)
    ringing = Rig()
    ringing.receive(request())
    with pytest.raises(LocalProtocolError):
        ringing.endpoint.transfers.refer(1, "sip:a@b", ringing.now)
