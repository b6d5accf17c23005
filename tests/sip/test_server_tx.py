"""The server transactions of RFC 3261 17.2 and RFC 6026, by their tables and in virtual time."""

import pytest

from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request, Response, parse
from mediaserver.sip.server_tx import INVITE_SERVER, NON_INVITE_SERVER, request_key, server_transaction
from mediaserver.sip.timers import Timer, TimerSettings
from mediaserver.sip.transaction import Cause, Engine, Input, State, Transaction
from support.sip_rig import TCP, UDP, request


def parsed(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


class Stage:
    def __init__(self, method: str, flow: Flow) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, bytes]] = []
        self.passed_up: list[object] = []
        self.failures: list[Cause] = []
        self.engine = Engine(TimerSettings(), lambda flow, data: self.sent.append((self.now, data)), self)
        self.request = parsed(request(method))
        self.transaction = server_transaction(self.request, request_key(self.request), flow)
        self.engine.add(self.transaction, (), 0.0)

    def passed(self, transaction: Transaction, message: Request | Response | None, now: float) -> None:
        self.passed_up.append(message)

    def failed(self, transaction: Transaction, cause: Cause, now: float) -> None:
        self.failures.append(cause)

    def respond(self, status: int) -> None:
        self.transaction.wire = b"%d" % status
        self.engine.feed(self.transaction, Input.of(status), self.now)

    def feed(self, what: Input) -> None:
        self.engine.feed(self.transaction, what, self.now, self.request)

    def run(self, until: float) -> None:
        while (at := self.engine.next_deadline()) is not None and at <= until:
            self.now = at
            self.engine.handle_timer(at)
        self.now = until

    def lifetime(self) -> float:
        start = self.now
        while len(self.engine):
            at = self.engine.next_deadline()
            assert at is not None, "lives for ever"
            self.run(at)
        return self.now - start


@pytest.mark.parametrize(
    ("flow", "instants"),
    [(UDP, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]), (TCP, [0])],
)
def test_g_repeats_a_refusal_until_h_gives_up(flow: Flow, instants: list[float]) -> None:
    stage = Stage("INVITE", flow)
    stage.respond(486)
    assert stage.lifetime() == 32.0
    assert [at for at, _ in stage.sent] == instants
    assert stage.failures == [Cause.TIMEOUT]


@pytest.mark.parametrize(("flow", "lifetime"), [(UDP, 5.0), (TCP, 0.0)])
def test_i_absorbs_acks_after_the_first(flow: Flow, lifetime: float) -> None:
    stage = Stage("INVITE", flow)
    stage.respond(486)
    stage.run(0.7)
    sent = len(stage.sent)
    stage.feed(Input.ACK)
    stage.feed(Input.ACK)
    stage.feed(Input.REQUEST)
    assert stage.lifetime() == pytest.approx(lifetime)
    assert len(stage.sent) == sent
    assert not stage.passed_up and not stage.failures


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_l_absorbs_the_invite_after_a_2xx(flow: Flow) -> None:
    stage = Stage("INVITE", flow)
    stage.respond(200)
    stage.feed(Input.REQUEST)
    assert stage.lifetime() == 32.0
    assert [data for _, data in stage.sent] == [b"200"]
    assert not stage.failures


@pytest.mark.parametrize(("flow", "lifetime"), [(UDP, 32.0), (TCP, 0.0)])
def test_j_answers_repeated_requests(flow: Flow, lifetime: float) -> None:
    stage = Stage("BYE", flow)
    stage.feed(Input.REQUEST)
    assert not stage.sent  # nothing to repeat yet
    stage.respond(200)
    if not flow.reliable:
        stage.run(20.0)
        stage.feed(Input.REQUEST)
        assert [data for _, data in stage.sent] == [b"200", b"200"]
        lifetime -= 20.0  # J is not prolonged by a retransmission
    assert stage.lifetime() == pytest.approx(lifetime)


def test_the_last_provisional_response_answers_a_repeated_invite() -> None:
    stage = Stage("INVITE", UDP)
    stage.respond(100)
    stage.feed(Input.REQUEST)
    stage.respond(180)
    stage.feed(Input.REQUEST)
    assert [data for _, data in stage.sent] == [b"100", b"100", b"180", b"180"]
    assert stage.engine.next_deadline() is None  # it waits for the user without limit


def test_an_ack_within_the_branch_of_an_accepted_invite_is_passed_up() -> None:
    stage = Stage("INVITE", UDP)
    stage.respond(200)
    stage.feed(Input.ACK)
    assert stage.passed_up == [stage.request]


def test_a_lost_connection_before_the_final_response_is_told() -> None:
    stage = Stage("INVITE", TCP)
    stage.respond(180)
    stage.engine.flow_closed(TCP, None, 1.0)
    assert stage.failures == [Cause.TRANSPORT]
    assert len(stage.engine) == 0


def test_a_lost_connection_after_a_2xx_leaves_the_transaction() -> None:
    stage = Stage("INVITE", TCP)
    stage.respond(200)
    stage.engine.flow_closed(TCP, None, 1.0)
    assert stage.transaction.state is State.ACCEPTED  # RFC 6026 7.1
    assert stage.lifetime() == 32.0


@pytest.mark.parametrize(
    ("change", "matches"),
    [
        ({}, True),
        ({"method": "ACK"}, True),
        ({"cseq": 9, "call_id": "elsewhere", "uri": "sip:x@y"}, True),  # only the branch counts
        ({"branch": "z9hG4bKb"}, False),
        ({"method": "CANCEL"}, False),
        ({"via": "Via: SIP/2.0/UDP 192.0.2.9:5071;branch=z9hG4bKa"}, False),
        ({"via": "Via: SIP/2.0/UDP 192.0.2.8:5070;branch=z9hG4bKa"}, False),
    ],
)
def test_matching_by_branch_and_sent_by(change: dict[str, object], matches: bool) -> None:
    invite = request_key(parsed(request()))
    other = request_key(parsed(request(**change)))  # type: ignore[arg-type]
    assert (invite == other) is matches


def test_a_cancel_finds_its_invite() -> None:
    cancel = parsed(request("CANCEL"))
    assert request_key(cancel, "INVITE") == request_key(parsed(request()))


@pytest.mark.parametrize(
    ("change", "matches"),
    [
        ({}, True),
        ({"method": "ACK", "to_tag": "ours"}, True),
        ({"uri": "sip:x@y"}, False),
        ({"from_tag": "ft2"}, False),
        ({"call_id": "call-2"}, False),
        ({"cseq": 2}, False),
        ({"branch": "12"}, False),
    ],
)
def test_matching_of_an_rfc_2543_peer(change: dict[str, object], matches: bool) -> None:
    base: dict[str, object] = {"branch": None}
    invite = request_key(parsed(request(**base)))  # type: ignore[arg-type]
    other = request_key(parsed(request(**{**base, **change})))  # type: ignore[arg-type]
    assert (invite == other) is matches


@pytest.mark.parametrize("table", [INVITE_SERVER, NON_INVITE_SERVER])
def test_every_timer_started_is_heard_where_it_leads(table: object) -> None:
    assert isinstance(table, dict)
    for row in table.values():
        for state, actions in row.values():
            for timer in set(actions) & set(Timer):
                assert timer in table[state]
