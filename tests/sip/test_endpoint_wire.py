"""Two endpoints on a wire that loses, repeats and delays: every call completes and nothing is left over."""

import pytest

from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Acknowledged, Answered, Ended, Event, Flow, IncomingCall, Refused, Reinvited
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, Wire, tokens

CALLER = ("192.0.2.10", 5060)
CALLEE = ("192.0.2.20", 5060)
FLOW = Flow("udp", CALLEE, CALLER)


class Play:
    """A caller that hangs up every other call it gets through, and a callee that hangs up the rest."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.caller = SipEndpoint(token=tokens("a"))
        self.callee = SipEndpoint(token=tokens("b"))
        self.log: dict[str, list[Event]] = {"caller": [], "callee": []}
        wire.join(CALLER, self.caller, self.of_caller)
        wire.join(CALLEE, self.callee, self.of_callee)

    def call(self, number: int) -> int:
        return self.caller.invite(
            target=SipUri.parse(f"sip:{number}@192.0.2.20"),
            flow=FLOW,
            from_=NameAddr.parse("<sip:a@192.0.2.10>"),
            now=self.wire.now,
            sdp=SDP,
        )

    def of_caller(self, event: Event) -> None:
        self.log["caller"].append(event)
        if isinstance(event, Answered) and event.leg % 2:
            self.caller.bye(event.leg, self.wire.now)

    def of_callee(self, event: Event) -> None:
        self.log["callee"].append(event)
        if isinstance(event, IncomingCall):
            self.callee.provisional(event.leg, 180, self.wire.now)
            self.callee.answer(event.leg, SDP, self.wire.now)
        elif isinstance(event, Acknowledged) and self.users[event.leg] % 2 == 0:
            # The user called is the caller's leg: the odd ones are the caller's to hang up.
            self.callee.bye(event.leg, self.wire.now)

    @property
    def users(self) -> dict[int, int]:
        calls = (event for event in self.log["callee"] if isinstance(event, IncomingCall))
        return {call.leg: int(call.request.uri.user or 0) for call in calls}


def is_empty(endpoint: SipEndpoint) -> bool:
    return endpoint.legs == endpoint.transactions == 0 and endpoint.next_deadline() is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_hundred_calls_over_a_bad_wire(seed: int) -> None:
    wire = Wire(seed, lose=0.1, repeat=0.1, delay=0.1)
    play = Play(wire)
    legs = [play.call(number) for number in range(1, 101)]
    wire.run(300)
    assert sorted(event.leg for event in play.log["caller"] if isinstance(event, Answered)) == legs
    assert len([event for event in play.log["callee"] if isinstance(event, IncomingCall)]) == 100
    for party in ("caller", "callee"):
        ended = [event for event in play.log[party] if isinstance(event, Ended)]
        assert len(ended) == len({event.leg for event in ended}) == 100
        assert not [event for event in play.log[party] if isinstance(event, (Refused, Reinvited))]
    assert is_empty(play.caller) and is_empty(play.callee)
    assert wire.carried > 600  # it was a bad wire: a clean one needs six messages a call


def test_a_clean_wire_needs_no_retransmission() -> None:
    wire = Wire()
    play = Play(wire)
    for number in range(1, 11):
        play.call(number)
    wire.run(300)
    # INVITE, 100, 180, 200, ACK, BYE, 200
    assert wire.carried == 70
    assert is_empty(play.caller) and is_empty(play.callee)


def test_a_wire_that_breaks_in_the_middle_leaves_nothing() -> None:
    wire = Wire(5)
    play = Play(wire)
    for number in range(1, 11):
        play.call(number)
    wire.run(0.015)  # the answers are under way, no ACK will arrive
    wire._odds = (1.0, 0.0, 0.0)
    wire.run(400)
    callee = [event for event in play.log["callee"] if isinstance(event, Ended)]
    assert len(callee) == 10 and all((event.status, event.reason) == (408, "no ACK") for event in callee)
    # For the caller the calls stand until it has something to say: dead media is not the endpoint's to notice.
    hung_up = {event.leg for event in play.log["caller"] if isinstance(event, Ended)}
    assert hung_up == {1, 3, 5, 7, 9}
    for leg in (2, 4, 6, 8, 10):
        play.caller.bye(leg, wire.now)
    wire.run(600)
    assert len([event for event in play.log["caller"] if isinstance(event, Ended)]) == 10
    assert is_empty(play.caller) and is_empty(play.callee)
