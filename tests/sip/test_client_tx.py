"""The client transactions of RFC 3261 17.1 and RFC 6026, by their tables and in virtual time."""

import pytest

from mediaserver.sip.client_tx import (
    INVITE_CLIENT,
    NON_INVITE_CLIENT,
    cancel_request,
    client_transaction,
    first_actions,
    response_key,
)
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request, Response, parse
from mediaserver.sip.timers import Timer, TimerSettings
from mediaserver.sip.transaction import Cause, Engine, Input, State, Transaction
from support.sip_rig import TCP, UDP, Rig, request


class Stage:
    """One transaction, its engine, and everything that came of it, with instants."""

    def __init__(self, method: str, flow: Flow, timers: TimerSettings | None = None) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, bytes]] = []
        self.passed_up: list[int] = []
        self.failures: list[tuple[float, Cause]] = []
        self.engine = Engine(timers or TimerSettings(), lambda flow, data: self.sent.append((self.now, data)), self)
        message = parse(request(method, extra=["Route: <sip:192.0.2.77;lr>"]))
        assert isinstance(message, Request)
        self.request = message
        self.transaction = client_transaction(message, flow)
        self.engine.add(self.transaction, first_actions(message), 0.0)

    def passed(self, transaction: Transaction, message: Request | Response | None, now: float) -> None:
        assert isinstance(message, Response)
        self.passed_up.append(message.status)

    def failed(self, transaction: Transaction, cause: Cause, now: float) -> None:
        self.failures.append((self.now, cause))

    def hear(self, status: int) -> None:
        response = self.request.response(status, to_tag="other")
        self.engine.feed(self.transaction, Input.of(status), self.now, response)

    def run(self, until: float) -> None:
        while (at := self.engine.next_deadline()) is not None and at <= until:
            self.now = at
            self.engine.handle_timer(at)
        self.now = until

    def times(self) -> list[float]:
        return [at for at, _ in self.sent]

    @property
    def ended(self) -> float | None:
        """When the transaction vanished; None while it lives."""
        return self.now if len(self.engine) == 0 else None

    def lifetime(self) -> float:
        """How much longer the transaction lives without any further input."""
        start = self.now
        while len(self.engine):
            at = self.engine.next_deadline()
            assert at is not None, "lives for ever"
            self.run(at)
        return self.now - start


@pytest.mark.parametrize(
    ("method", "flow", "instants", "timeout"),
    [
        ("INVITE", UDP, [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5], 32.0),  # A doubles without limit, B
        ("INVITE", TCP, [0], 32.0),
        ("BYE", UDP, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5], 32.0),  # E up to T2, F
        ("BYE", TCP, [0], 32.0),
    ],
)
def test_an_unanswered_request_is_repeated_and_given_up(
    method: str, flow: Flow, instants: list[float], timeout: float
) -> None:
    stage = Stage(method, flow)
    stage.run(1000)
    assert stage.times() == instants
    assert stage.failures == [(timeout, Cause.TIMEOUT)]
    assert len(stage.engine) == 0


def test_timers_scale_with_their_settings() -> None:
    stage = Stage("BYE", UDP, TimerSettings(t1=0.1, t2=0.3, t4=1))
    stage.run(1.3)
    assert stage.times() == pytest.approx([0, 0.1, 0.3, 0.6, 0.9, 1.2])
    stage.run(10)
    assert stage.failures == [(pytest.approx(6.4), Cause.TIMEOUT)]


def test_a_provisional_response_stops_the_invite_for_good() -> None:
    stage = Stage("INVITE", UDP)
    stage.run(0.7)
    stage.hear(180)
    stage.run(500)
    assert stage.times() == [0, 0.5]
    assert stage.transaction.state is State.PROCEEDING
    assert stage.passed_up == [180]
    assert not stage.failures


def test_a_provisional_response_slows_other_requests_to_t2() -> None:
    stage = Stage("BYE", UDP)
    stage.run(0.7)
    stage.hear(100)
    stage.run(100)
    # Timer E set for 1.5 still fires; from then on every T2; F is not prolonged.
    assert stage.times() == [0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert stage.failures == [(32.0, Cause.TIMEOUT)]


@pytest.mark.parametrize(
    ("method", "status", "flow", "lifetime", "letter"),
    [
        ("INVITE", 486, UDP, 32.0, "D"),
        ("INVITE", 486, TCP, 0.0, "D"),
        ("INVITE", 200, UDP, 32.0, "M"),
        ("INVITE", 200, TCP, 32.0, "M"),
        ("BYE", 200, UDP, 5.0, "K"),
        ("BYE", 481, UDP, 5.0, "K"),
        ("BYE", 200, TCP, 0.0, "K"),
    ],
)
def test_the_life_after_a_final_response(method: str, status: int, flow: Flow, lifetime: float, letter: str) -> None:
    stage = Stage(method, flow)
    stage.run(0.2)
    stage.hear(status)
    assert stage.lifetime() == pytest.approx(lifetime), letter
    assert stage.passed_up == [status]
    assert not stage.failures


def test_each_copy_of_a_refusal_is_acked_and_told_once() -> None:
    stage = Stage("INVITE", UDP)
    stage.hear(486)
    stage.hear(486)
    stage.hear(486)
    assert stage.passed_up == [486]
    acks = [parse(data) for _, data in stage.sent[1:]]
    assert len(acks) == 3
    for ack in acks:
        assert isinstance(ack, Request)
        assert (ack.method, str(ack.cseq)) == ("ACK", "1 ACK")
        assert ack.via == stage.request.via  # 17.1.1.3: the INVITE's own branch
        assert ack.to.tag == "other"
        assert ack.headers.get_all("Route") == ["<sip:192.0.2.77;lr>"]


def test_every_2xx_is_passed_up_and_none_acked_by_the_transaction() -> None:
    stage = Stage("INVITE", UDP)
    for _ in range(3):
        stage.hear(200)
    stage.hear(180)
    stage.hear(486)
    assert stage.passed_up == [200, 200, 200]
    assert len(stage.sent) == 1


def test_repeated_final_responses_to_other_requests_are_absorbed() -> None:
    stage = Stage("BYE", UDP)
    stage.hear(200)
    stage.hear(200)
    assert stage.passed_up == [200]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_broken_connection_is_told_at_once(method: str) -> None:
    stage = Stage(method, TCP)
    stage.engine.flow_closed(TCP, None, 0.3)
    assert [cause for _, cause in stage.failures] == [Cause.TRANSPORT]
    assert len(stage.engine) == 0
    assert stage.engine.next_deadline() is None


def test_an_invite_is_given_up_on_demand_after_a_cancel() -> None:
    stage = Stage("INVITE", UDP)
    stage.hear(180)
    stage.engine.feed(stage.transaction, Input.GIVE_UP, 40.0)
    assert [cause for _, cause in stage.failures] == [Cause.TIMEOUT]


def test_a_response_matches_by_branch_and_method() -> None:
    stage = Stage("INVITE", UDP)
    cancel = cancel_request(stage.request)
    assert cancel.via == stage.request.via
    assert cancel.uri == stage.request.uri
    assert cancel.headers.get_all("Route") == stage.request.headers.get_all("Route")
    assert "Content-Type" not in cancel.headers and not cancel.body
    assert stage.engine.find(response_key(stage.request.response(200))) is stage.transaction
    assert stage.engine.find(response_key(cancel.response(200))) is None


@pytest.mark.parametrize("table", [INVITE_CLIENT, NON_INVITE_CLIENT])
def test_every_state_that_can_be_entered_can_be_left(table: object) -> None:
    assert isinstance(table, dict)
    entered = {step[0] for row in table.values() for step in row.values()}
    assert entered <= set(table)
    for state in entered - {State.TERMINATED}:
        assert any(step[0] is not state for step in table[state].values()), state
    started = {action for row in table.values() for step in row.values() for action in step[1]}
    for timer in started & set(Timer):
        assert any(timer in row for row in table.values()), timer


def test_stray_responses_are_dropped() -> None:
    rig = Rig()
    invite = parse(request())
    assert isinstance(invite, Request)
    rig.receive(invite.response(200, to_tag="x"))
    assert not rig.sent() and not rig.events()
