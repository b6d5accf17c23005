"""A whole call, both ends, in which every message in turn is lost once, or comes twice: it goes on all the same."""

from collections.abc import Iterable

import pytest

from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import (
    Acknowledged,
    Answered,
    Cancelled,
    Ended,
    Event,
    Flow,
    IncomingCall,
    InfoReceived,
    Progress,
    Refused,
    Reinvited,
    SessionChanged,
)
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, Wire, tokens

CALLER = ("192.0.2.10", 5060)
CALLEE = ("192.0.2.20", 5060)
FLOW = Flow("udp", CALLEE, CALLER)
FIRST, SECOND, THIRD = (SDP + mark for mark in (b"a=first\r\n", b"a=second\r\n", b"a=third\r\n"))
MESSAGES = 21
"""What the call below takes when nothing is lost."""


class Play:
    """A 183 that needs its PRACK, a change of either side, an INFO, a refresh, and the hang-up of one of them."""

    def __init__(self, wire: Wire, hangs_up: str) -> None:
        self.wire = wire
        self.hangs_up = hangs_up
        settings = EndpointSettings(session_timer="request", session_expires=200)
        self.caller = SipEndpoint(token=tokens("a"), settings=settings)
        self.callee = SipEndpoint(token=tokens("b"), settings=settings)
        self.log: dict[str, list[Event]] = {"caller": [], "callee": []}
        wire.join(CALLER, self.caller, self.of_caller)
        wire.join(CALLEE, self.callee, self.of_callee)

    def run(self) -> None:
        self.leg = self.caller.invite(
            target=SipUri.parse("sip:desk@192.0.2.20"),
            flow=FLOW,
            from_=NameAddr.parse("<sip:a@192.0.2.10>"),
            now=0.0,
            sdp=FIRST,
        )
        self.wire.run(100)  # the call stands
        self.callee.reinvite(self.called, THIRD, self.wire.now)
        self.wire.run(130)
        self.caller.info(self.leg, "application/dtmf-relay", b"Signal=1", self.wire.now)
        self.wire.run(270)  # long enough for a refresh
        if self.hangs_up == "caller":
            self.caller.bye(self.leg, self.wire.now)
        else:
            self.callee.bye(self.called, self.wire.now)
        self.wire.run(500)

    @property
    def called(self) -> int:
        return next(event.leg for event in self.log["callee"] if isinstance(event, IncomingCall))

    def of_caller(self, event: Event) -> None:
        self.log["caller"].append(event)
        if isinstance(event, Answered):
            self.caller.reinvite(event.leg, SECOND, self.wire.now)
        elif isinstance(event, Reinvited):
            self.caller.answer_reinvite(event.leg, FIRST, self.wire.now)

    def of_callee(self, event: Event) -> None:
        self.log["callee"].append(event)
        if isinstance(event, IncomingCall):
            self.callee.provisional(event.leg, 183, self.wire.now, SDP)
            self.callee.answer(event.leg, SDP, self.wire.now)
        elif isinstance(event, Reinvited):
            self.callee.answer_reinvite(event.leg, SECOND, self.wire.now)

    def told(self, party: str, kinds: tuple[type[Event], ...]) -> list[Event]:
        return [event for event in self.log[party] if isinstance(event, kinds)]


def check(play: Play) -> None:
    leg, called = play.leg, play.called
    by_caller = play.hangs_up == "caller"
    tag = next(event.fork for event in play.log["caller"] if isinstance(event, Answered))
    assert play.told("caller", (Answered, SessionChanged, Reinvited, Ended)) == [
        Answered(leg, SDP, tag),
        SessionChanged(leg, SECOND),
        Reinvited(leg, THIRD),
        Ended(leg, not by_caller, 200 if by_caller else None, "OK" if by_caller else ""),
    ]
    assert set(play.told("caller", (Progress,))) <= {Progress(leg, 183, SDP, tag)}
    assert play.told("callee", (Reinvited, SessionChanged, InfoReceived, Ended)) == [
        Reinvited(called, SECOND),
        SessionChanged(called, FIRST),
        InfoReceived(called, "application/dtmf-relay", b"Signal=1"),
        Ended(called, by_caller, None if by_caller else 200, "" if by_caller else "OK"),
    ]
    assert play.told("callee", (Acknowledged,)) == [Acknowledged(called, None)] * 2
    for endpoint in (play.caller, play.callee):
        assert endpoint.legs == endpoint.transactions == 0 and endpoint.next_deadline() is None


def played(hangs_up: str, *, lost: Iterable[int] = (), repeated: Iterable[int] = ()) -> Play:
    play = Play(Wire(lost=frozenset(lost), repeated=frozenset(repeated)), hangs_up)
    play.run()
    return play


@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_nothing_is_lost(hangs_up: str) -> None:
    play = played(hangs_up)
    check(play)
    assert play.wire.carried == MESSAGES
    starts = [message.split(b" ", 1)[0] for message in play.wire.messages]
    assert {b"INVITE", b"ACK", b"PRACK", b"UPDATE", b"INFO", b"BYE"} <= set(starts)


@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
@pytest.mark.parametrize("number", range(MESSAGES))
def test_one_message_is_lost(number: int, hangs_up: str) -> None:
    check(played(hangs_up, lost=[number]))


@pytest.mark.parametrize("number", range(MESSAGES))
def test_one_message_comes_twice(number: int) -> None:
    check(played("caller", repeated=[number]))


@pytest.mark.parametrize("number", range(MESSAGES))
def test_two_in_a_row_are_lost(number: int) -> None:
    check(played("callee", lost=[number, number + 1]))


class Brief:
    """A call that is refused, or given up by the caller."""

    def __init__(self, wire: Wire, refused: bool) -> None:
        self.wire = wire
        self.refused = refused
        self.caller = SipEndpoint(token=tokens("a"))
        self.callee = SipEndpoint(token=tokens("b"))
        self.log: list[Event] = []
        self.heard: list[Event] = []
        wire.join(CALLER, self.caller, self.of_caller)
        wire.join(CALLEE, self.callee, self.of_callee)
        self.caller.invite(
            target=SipUri.parse("sip:desk@192.0.2.20"),
            flow=FLOW,
            from_=NameAddr.parse("<sip:a@192.0.2.10>"),
            now=0.0,
            sdp=FIRST,
        )
        wire.run(10)
        if not refused:
            self.caller.cancel(1, wire.now)
        wire.run(200)

    def of_caller(self, event: Event) -> None:
        self.log.append(event)

    def of_callee(self, event: Event) -> None:
        self.heard.append(event)
        if isinstance(event, IncomingCall):
            self.callee.provisional(event.leg, 180, self.wire.now)
            if self.refused:
                self.callee.reject(event.leg, 486, self.wire.now)


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("refused", [True, False])
@pytest.mark.parametrize("number", range(8))
def test_a_call_that_comes_to_nothing(number: int, refused: bool, repeated: bool) -> None:
    chosen = frozenset((number,))
    wire = Wire(repeated=chosen) if repeated else Wire(lost=chosen)
    play = Brief(wire, refused)
    (end,) = [event for event in play.log if isinstance(event, Refused)]
    assert end.status == (486 if refused else 487)
    assert [type(event) for event in play.heard] == ([IncomingCall] if refused else [IncomingCall, Cancelled])
    for endpoint in (play.caller, play.callee):
        assert endpoint.legs == endpoint.transactions == 0 and endpoint.next_deadline() is None
