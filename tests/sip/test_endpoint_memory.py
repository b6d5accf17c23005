"""Calls leave nothing behind: not a table entry, not an object."""

import gc

from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Answered, Event, Flow, IncomingCall, Reinvited
from mediaserver.sip.headers import _cseq, _via
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.uri import NameAddr, SipUri, _name_addr
from support.sip_rig import SDP, Wire, tokens

CALLER = ("192.0.2.10", 5060)
CALLEE = ("192.0.2.20", 5060)


class Exchange:
    """Calls with everything on: a reliable 183, a re-INVITE, session timers, and every fourth cancelled."""

    def __init__(self) -> None:
        self.wire = Wire()
        settings = EndpointSettings(session_timer="request", session_expires=90)
        self.caller = SipEndpoint(token=tokens("a"), settings=settings)
        self.callee = SipEndpoint(token=tokens("b"), settings=settings)
        self.wire.join(CALLER, self.caller, self.of_caller)
        self.wire.join(CALLEE, self.callee, self.of_callee)
        self.answered = 0

    def calls(self, count: int) -> None:
        me, target = NameAddr.parse("<sip:a@192.0.2.10>"), SipUri.parse("sip:desk@192.0.2.20")
        legs = [
            self.caller.invite(target=target, flow=Flow("udp", CALLEE, CALLER), from_=me, now=self.wire.now, sdp=SDP)
            for _ in range(count)
        ]
        self.wire.run(self.wire.now + 60)
        for leg in legs:
            self.caller.bye(leg, self.wire.now)
        self.wire.run(self.wire.now + 100)
        self.wire.messages.clear()

    def of_caller(self, event: Event) -> None:
        if isinstance(event, Answered):
            self.answered += 1
            self.caller.reinvite(event.leg, SDP, self.wire.now)

    def of_callee(self, event: Event) -> None:
        if isinstance(event, IncomingCall):
            self.callee.provisional(event.leg, 183, self.wire.now, SDP)
            if event.leg % 4:
                self.callee.answer(event.leg, SDP, self.wire.now)
        elif isinstance(event, Reinvited):
            self.callee.answer_reinvite(event.leg, SDP, self.wire.now)


def objects() -> int:
    """How many there are, without the header values remembered because they were read lately."""
    for cache in (_name_addr, _via, _cseq):
        cache.cache_clear()
    gc.collect()
    return len(gc.get_objects())


def held(endpoint: SipEndpoint) -> list[int]:
    """The sizes of every table of an endpoint."""
    core = endpoint._core
    sizes = [len(core.legs), len(core.dialogs), len(core.alarms), len(core.alarms._heap), len(core.alarms._live)]
    for engine in (endpoint._uac.transactions, endpoint._invitations.transactions):
        alarms = engine._alarms
        sizes += [len(engine), len(engine._by_merge_key), len(engine._by_connection)]
        sizes += [len(alarms), len(alarms._heap), len(alarms._live)]
    return sizes


def test_nothing_is_left_of_a_thousand_calls() -> None:
    exchange = Exchange()
    exchange.calls(100)  # whatever is kept for good is there now
    before = objects()
    for _ in range(3):
        exchange.calls(300)
    for endpoint in (exchange.caller, exchange.callee):
        assert set(held(endpoint)) == {0}, held(endpoint)
    assert objects() - before < 100  # a leak of one object a call would show as 900
    assert exchange.answered == 750
