"""Keep-alives in virtual time."""

from itertools import count

import pytest

from mediaserver.net import stun
from mediaserver.net.keepalive import Failed, KeepAlives, Ping
from mediaserver.sip.events import Flow

TCP = Flow("tcp", ("192.0.2.1", 5060), ("192.0.2.9", 5060))
UDP = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.9", 5060))
CRLF = b"\r\n\r\n"
SEEN = ("198.51.100.1", 40000)


class Rig:
    """Time, and what was done when."""

    def __init__(self, spread: float = 1.0) -> None:
        numbers = count()
        self.now = 100.0
        self.kept = KeepAlives(lambda: spread, lambda: next(numbers).to_bytes(12, "big"))
        self.done: list[tuple[float, Ping | Failed]] = []

    def run(self, until: float) -> list[tuple[float, Ping | Failed]]:
        """What happens up to then, from now on."""
        begun = len(self.done)
        while (at := self.kept.next()) is not None and at <= until:
            self.now = at
            self.done += [(at, act) for act in self.kept.due(at)]
        self.now = until
        return self.done[begun:]


def test_a_peer_that_never_answers_is_pinged_for_ever() -> None:
    rig = Rig()
    rig.kept.keep(TCP, 25.0, rig.now)
    rig.kept.keep(UDP, 25.0, rig.now)
    assert rig.run(176.0) == [(at, Ping(flow, CRLF)) for at in (125.0, 150.0, 175.0) for flow in (TCP, UDP)]


def test_the_interval_is_80_to_100_percent_of_what_was_asked() -> None:
    rig = Rig(spread=0.0)
    rig.kept.keep(TCP, 100.0, rig.now)
    assert [at for at, _ in rig.run(350.0)] == [180.0, 260.0, 340.0]


def test_a_peer_that_has_answered_once_has_to_go_on() -> None:
    rig = Rig()
    rig.kept.keep(TCP, 25.0, rig.now)
    rig.run(125.0)
    rig.kept.pong(TCP)
    assert rig.run(151.0) == [(150.0, Ping(TCP, CRLF))]
    rig.kept.pong(TCP)
    rig.run(175.0)
    assert rig.run(1000.0) == [(185.0, Failed(TCP, "no answer to a keep-alive in 10 s"))]
    assert len(rig.kept) == 0


def test_a_peer_that_has_promised_to_answer_has_to() -> None:
    rig = Rig()
    rig.kept.keep(TCP, 25.0, rig.now, answered=True)
    assert [type(act) for _, act in rig.run(1000.0)] == [Ping, Failed]


@pytest.mark.parametrize("every_s", [2.0, 10.0, 30.0])
@pytest.mark.parametrize("flow", [TCP, UDP])
def test_an_answer_is_waited_for_ten_seconds_however_often_it_is_asked_for(flow: Flow, every_s: float) -> None:
    rig = Rig()
    rig.kept.keep(flow, every_s, rig.now, answered=True)
    at, last = rig.run(1000.0)[-1]
    assert at == 100.0 + every_s + 10.0 and isinstance(last, Failed)


def test_asked_again_it_goes_on_as_it_was() -> None:
    rig = Rig()
    rig.kept.keep(TCP, 25.0, rig.now)
    rig.run(120.0)
    rig.kept.keep(TCP, 25.0, rig.now)
    assert [at for at, _ in rig.run(126.0)] == [125.0]
    rig.kept.keep(TCP, 10.0, rig.now)
    assert [at for at, _ in rig.run(137.0)] == [136.0]
    rig.kept.stop(TCP)
    rig.kept.stop(TCP)
    assert rig.run(1000.0) == [] and rig.kept.next() is None


def transaction_of(act: Ping | Failed) -> bytes:
    assert isinstance(act, Ping) and stun.is_stun(act.data)
    return act.data[8:20]


def test_over_udp_a_binding_is_asked_for_repeated_and_given_up() -> None:
    rig = Rig()
    rig.kept.keep(UDP, 25.0, rig.now, answered=True)
    happened = rig.run(1000.0)
    assert [at for at, _ in happened] == [125.0, 127.0, 129.0, 131.0, 133.0, 135.0]
    assert len({transaction_of(act) for _, act in happened[:-1]}) == 1
    assert isinstance(happened[-1][1], Failed)


def test_over_udp_the_address_must_not_change() -> None:
    rig = Rig()
    rig.kept.keep(UDP, 25.0, rig.now, answered=True)
    for other in (SEEN, SEEN, ("198.51.100.1", 40001)):
        ((_, ping),) = rig.run(rig.now + 25.0)
        transaction = transaction_of(ping)
        assert rig.kept.bound(("192.0.2.66", 5060), transaction, ("10.0.0.1", 1)) is None, "not from there"
        assert rig.kept.bound(UDP.remote, bytes(11) + b"x", ("10.0.0.1", 1)) is None, "not asked for"
        failed = rig.kept.bound(UDP.remote, transaction, other)
    assert failed is not None and "40001" in failed.why
    assert len(rig.kept) == 0
