"""A peer that says anything of the protocol at any time, and a user that commands anything: nothing breaks or stays."""

from random import Random

import pytest

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.events import IncomingCall
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import PEER, SDP, TCP, UDP, Rig, request

METHODS = ("INVITE", "INVITE", "ACK", "ACK", "PRACK", "UPDATE", "BYE", "CANCEL", "INFO", "OPTIONS", "NOTIFY", "REFER")
STATUSES = (100, 180, 183, 183, 199, 200, 200, 202, 302, 401, 408, 421, 422, 481, 486, 487, 488, 491, 500, 503)
EXTRAS = (
    "Require: 100rel",
    "Supported: 100rel, timer",
    "Session-Expires: 90;refresher=uac",
    "Session-Expires: 200;refresher=uas",
    "Session-Expires: x",
    "Min-SE: 400",
    "Allow: INVITE, UPDATE, PRACK, BYE",
    "Retry-After: 1",
    "RSeq: 1",
    "RSeq: 2",
    "RAck: 1 1 INVITE",
    "Expires: 3",
    'WWW-Authenticate: Digest realm="r", nonce="n"',
    "Refer-To: <sip:other@example.com>",
    "Event: refer",
    "Subscription-State: terminated",
    "Replaces: call-1;to-tag=t1;from-tag=ft",
    "Reason: SIP;cause=200",
    "Record-Route: <sip:192.0.2.60;lr>",
)


class Chaos:
    def __init__(self, seed: int) -> None:
        self.die = Random(seed)
        mode = self.die.choice(("off", "accept", "request"))
        reliable = self.die.choice(("off", "supported", "supported", "require"))
        self.rig = Rig(EndpointSettings(session_timer=mode, session_expires=100, reliable=reliable, timer_c=60.0))
        self.seen: list[Request | Response] = []
        self.legs: list[int] = []
        (lambda: None, self.be_called, self.call)[seed % 3]()

    def be_called(self) -> None:
        """Begin with a call of the peer's that stands."""
        self.rig.receive(request(extra=["Supported: 100rel, timer", "Allow: INVITE, UPDATE, PRACK"]))
        self.rig.endpoint.answer(1, SDP, self.rig.now)
        *_, answer = self.rig.sent()
        self.rig.receive(request("ACK", branch="z9hG4bKfirst", to_tag=answer.to.tag))
        self.legs, self.seen = [1], [answer]

    def call(self) -> None:
        """Begin with a call of ours that stands."""
        target, me = SipUri("sip", "desk", *PEER), NameAddr.parse("<sip:agent@example.com>")
        self.legs = [self.rig.endpoint.invite(target=target, flow=UDP, from_=me, now=self.rig.now, sdp=SDP)]
        (invite,) = self.rig.requests()
        answer = invite.response(200, to_tag="a")
        answer.headers.add("Contact", "<sip:desk@192.0.2.9:5070>")
        answer.headers.add("Session-Expires", "100;refresher=uac")
        self.rig.receive(answer)
        self.seen = [invite]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.die.choice((self.peer_asks, self.peer_replies, self.peer_replies, self.user, self.user, self.time))()
            self.seen += self.rig.sent()
            del self.seen[:-20]
            self.legs += [event.leg for event in self.rig.events() if isinstance(event, IncomingCall)]
            del self.legs[:-4]

    def extras(self) -> list[str]:
        return self.die.sample(EXTRAS, self.die.randint(0, 4))

    def peer_asks(self) -> None:
        method = self.die.choice(METHODS)
        ours = self.die.choice(self.seen) if self.seen and self.die.random() < 0.8 else None
        call_id, to_tag, from_tag = f"call-{self.die.randint(1, 3)}", None, "ft"
        extras, cseq = self.extras(), self.die.randint(2, 200)
        if isinstance(ours, Response):
            if method == "ACK":
                cseq = ours.cseq.number
            call_id, to_tag, from_tag = ours.call_id, ours.to.tag, ours.from_.tag or "ft"
            if method == "PRACK" and self.die.random() < 0.8:
                extras = [f"RAck: {ours.headers.get('RSeq')} {ours.cseq}"]
        elif isinstance(ours, Request):
            call_id, to_tag, from_tag = ours.call_id, ours.from_.tag, ours.to.tag or self.die.choice("ab")
        data = request(
            method,
            branch=f"z9hG4bK{self.die.randint(1, 12)}{method if method not in ('ACK', 'CANCEL') else 'INVITE'}",
            from_tag=from_tag,
            to_tag=to_tag,
            call_id=call_id,
            cseq=cseq,
            body=self.die.choice((b"", SDP)),
            extra=extras,
            contact=self.die.choice(("<sip:c@192.0.2.9:5070>", "<sip:c@phone.example.com>", None)),
        )
        self.rig.receive(data, self.die.choice((UDP, UDP, TCP)))

    def peer_replies(self) -> None:
        asked = [message for message in self.seen if isinstance(message, Request) and message.method != "ACK"]
        if not asked:
            return
        ours = self.die.choice(asked)
        response = ours.response(self.die.choice(STATUSES), to_tag=self.die.choice(("a", "b", "a")))
        if self.die.random() < 0.8:
            response.headers.add("Contact", "<sip:desk@192.0.2.9:5070>")
        for extra in self.extras():
            name, _, value = extra.partition(": ")
            response.headers.add(name, value)
        response.body = self.die.choice((b"", SDP))
        self.rig.receive(response)

    def user(self) -> None:
        endpoint, now = self.rig.endpoint, self.rig.now
        if not self.legs or self.die.random() < 0.15:
            target, me = SipUri("sip", "desk", *PEER), NameAddr.parse("<sip:agent@example.com>")
            sdp, flow = self.die.choice((SDP, None)), self.die.choice((UDP, TCP))
            leg = endpoint.invite(target=target, flow=flow, from_=me, now=now, sdp=sdp, credentials=("u", "p"))
            self.legs.append(leg)
            return
        leg = self.die.choice(self.legs)
        commands = (
            lambda: endpoint.provisional(leg, self.die.choice((180, 183)), now, self.die.choice((None, SDP))),
            lambda: endpoint.answer(leg, SDP, now),
            lambda: endpoint.answer(leg, SDP, now),
            lambda: endpoint.reject(leg, 486, now),
            lambda: endpoint.answer_reinvite(leg, SDP, now),
            lambda: endpoint.reject_reinvite(leg, 488, now),
            lambda: endpoint.reinvite(leg, self.die.choice((SDP, None)), now),
            lambda: endpoint.acknowledge(leg, SDP, now),
            lambda: endpoint.info(leg, "text/plain", b"x", now),
            lambda: endpoint.cancel(leg, now),
            lambda: endpoint.bye(leg, now) if self.die.random() < 0.3 else None,
            lambda: endpoint.flow_closed(TCP, "reset", now),
        )
        try:
            self.die.choice(commands)()
        except LocalProtocolError:
            pass  # the state does not allow it, and says so

    def time(self) -> None:
        self.rig.advance(self.die.choice((0.0, 0.1, 0.6, 3.0, 33.0)))

    def end(self) -> None:
        """The user hangs up everything, nobody answers any more."""
        for leg in list(self.rig.endpoint._core.legs):
            for command in (self.rig.endpoint.bye, lambda leg, now: self.rig.endpoint.reject(leg, 486, now)):
                try:
                    command(leg, self.rig.now)
                except LocalProtocolError:
                    continue
        self.rig.advance(1000)


@pytest.mark.parametrize("seed", range(60))
def test_anything_goes(seed: int) -> None:
    chaos = Chaos(seed)
    chaos.run(150)
    chaos.end()
    assert chaos.rig.is_empty(), chaos.rig.endpoint._core.legs
