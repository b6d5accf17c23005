"""Transfers and registrations over UDP when any one message is lost: they come about all the same."""

import pytest

from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import (
    Acknowledged,
    Answered,
    BindingsChanged,
    Ended,
    Event,
    Flow,
    IncomingCall,
    Replied,
    Send,
    TransferAsked,
    TransferProgress,
)
from mediaserver.sip.registrar import Registrar
from mediaserver.sip.registration import Registration
from mediaserver.sip.registration_state import RegistrationSettings, Status
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, Wire, tokens

ONE = ("192.0.2.10", 5060)
TWO = ("192.0.2.20", 5060)
FLOW = Flow("udp", TWO, ONE)
ME = NameAddr.parse("<sip:anna@192.0.2.20>")


class Forgetful(Wire):
    """Loses one message by its number."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.lost = lost
        self.drops: bytes | None = None

    def _carry(self, send: Send) -> None:
        if self.carried + 1 == self.lost:
            self.carried += 1
            self.drops = send.data
        else:
            super()._carry(send)


def is_empty(endpoint: SipEndpoint) -> bool:
    return endpoint.legs == endpoint.transactions == 0 and endpoint.next_deadline() is None


class Transfer:
    """One calls Two and refers it elsewhere; Two rings there, gets through, and One hangs up."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.one, self.two = SipEndpoint(token=tokens("a")), SipEndpoint(token=tokens("b"))
        self.progress: list[tuple[int, bool]] = []
        self.asked = 0
        self.ended: list[str] = []
        wire.join(ONE, self.one, self.of_one)
        wire.join(TWO, self.two, self.of_two)
        target = SipUri.parse("sip:two@192.0.2.20")
        self.one.invite(target=target, flow=FLOW, from_=NameAddr.parse("<sip:one@x>"), now=wire.now, sdp=SDP)

    def of_one(self, event: Event) -> None:
        if isinstance(event, Answered):
            self.one.transfers.refer(event.leg, "sip:desk@example.com", self.wire.now)
        elif isinstance(event, TransferProgress):
            self.progress.append((event.status, event.final))
            if event.final:
                self.one.bye(event.leg, self.wire.now)
        elif isinstance(event, Ended):
            self.ended.append("one")

    def of_two(self, event: Event) -> None:
        if isinstance(event, IncomingCall):
            self.two.answer(event.leg, SDP, self.wire.now)
        elif isinstance(event, TransferAsked):
            self.asked += 1
            self.two.transfers.accept(event.leg, self.wire.now)
            self.two.transfers.progress(event.leg, 180, "Ringing", self.wire.now)
            self.two.transfers.progress(event.leg, 200, "OK", self.wire.now)
        elif isinstance(event, Ended):
            self.ended.append("two")
        else:
            assert isinstance(event, Acknowledged)


MESSAGES_OF_A_TRANSFER = 12
"""INVITE 100 200 ACK, REFER 202, NOTIFY 200 twice, BYE 200."""


def test_a_transfer_loses_nothing() -> None:
    wire = Forgetful(lost=0)
    play = Transfer(wire)
    wire.run(500)
    assert wire.carried == MESSAGES_OF_A_TRANSFER
    assert play.progress == [(202, False), (100, False), (200, True)] and sorted(play.ended) == ["one", "two"]


@pytest.mark.parametrize("lost", range(1, MESSAGES_OF_A_TRANSFER + 1))
def test_a_transfer_that_loses_one_message(lost: int) -> None:
    wire = Forgetful(lost)
    play = Transfer(wire)
    wire.run(500)
    assert wire.drops is not None
    assert play.progress[-1] == (200, True) and [final for _, final in play.progress].count(True) == 1, wire.drops
    assert play.asked == 1 and sorted(play.ended) == ["one", "two"]
    assert is_empty(play.one) and is_empty(play.two)


@pytest.mark.parametrize("seed", range(5))
def test_transfers_over_a_bad_wire(seed: int) -> None:
    wire = Wire(seed, lose=0.15, repeat=0.1, delay=0.1)
    play = Transfer(wire)
    wire.run(500)
    assert play.progress[-1] == (200, True) and play.asked == 1 and sorted(play.ended) == ["one", "two"]
    assert is_empty(play.one) and is_empty(play.two)


class Phone:
    """One registers with Two, again when it is time, and leaves."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        guard = DigestAuthenticator("192.0.2.20", {"anna": "secret"}, b"key")
        self.registrar = Registrar()
        self.one = SipEndpoint(token=tokens("a"))
        self.two = SipEndpoint(token=tokens("b"), door=DigestDoor(authenticator=guard), registrar=self.registrar)
        self.changes: list[int] = []
        wire.join(ONE, self.one, self.of_one)
        wire.join(TWO, self.two, self.of_two)
        settings = RegistrationSettings(ME, SipUri.parse("sip:192.0.2.20"), expires=120)
        self.registration = Registration(settings, token=tokens("r"), chance=lambda: 0.5)

    def of_one(self, event: Event) -> None:
        assert isinstance(event, Replied)
        self.registration.replied(event.status, event.reason, event.response, self.wire.now)
        self.pump()

    def of_two(self, event: Event) -> None:
        assert isinstance(event, BindingsChanged)
        self.changes.append(event.contacts)

    def pump(self) -> None:
        for ask in self.registration.actions():
            self.one.outside.request(
                "REGISTER",
                target=ask.target,
                flow=FLOW,
                from_=ask.from_,
                to=ask.to,
                now=self.wire.now,
                call_id=ask.call_id,
                cseq=ask.cseq,
                contact=self.registration.contact(self.one.outside.contact(FLOW, "anna")),
                headers=ask.headers,
                credentials=("anna", "secret"),
            )

    def run(self, until: float) -> None:
        self.pump()
        while (at := self.registration.next_deadline()) is not None and at <= until:
            self.wire.run(at)
            self.registration.handle_timer(at)
            self.pump()
            self.wire.run(at)
        self.wire.run(until)


@pytest.mark.parametrize("lost", range(13))
def test_a_registration_that_loses_one_message(lost: int) -> None:
    """Each REGISTER is challenged: four messages for each of register, refresh and leave."""
    wire = Forgetful(lost)
    phone = Phone(wire)
    phone.registration.start(0)
    phone.run(60)
    assert phone.registration.state.status is Status.REGISTERED and phone.changes == [1]
    phone.run(150)
    assert phone.registration.state.status is Status.REGISTERED and phone.changes == [1]
    (binding,) = phone.registrar.contacts("anna")
    assert binding.flow == Flow("udp", ONE, TWO) and binding.expires_at > 150
    phone.registration.stop(wire.now)
    phone.run(400)
    assert phone.registration.state.status is Status.STOPPED and phone.changes == [1, 0]
    assert is_empty(phone.one) and is_empty(phone.two)
    assert (wire.drops is None) == (lost == 0)
