"""A registration of ours in virtual time: what is asked when, and what it says of itself."""

from collections.abc import Sequence

import pytest

from mediaserver.sip.headers import Headers
from mediaserver.sip.message import Request, Response
from mediaserver.sip.registration import Registration
from mediaserver.sip.registration_state import Register, RegistrationSettings, Status
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import tokens

ACCOUNT = NameAddr.parse('"Anna" <sip:anna@example.com>')
DOMAIN = SipUri.parse("sip:example.com")
INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
PLAIN = "<sip:anna@192.0.2.1:5060>"


class Owner:
    """Runs a registration by hand."""

    def __init__(self, *, chance: float = 0.0, **how: object) -> None:
        settings = RegistrationSettings(ACCOUNT, DOMAIN, **how)  # type: ignore[arg-type]
        self.it = Registration(settings, token=tokens(), chance=lambda: chance)
        self.now = 1000.0
        self.it.start(self.now)

    def asked(self) -> Register:
        (ask,) = self.it.actions()
        self.contact = self.it.contact(PLAIN) if ask.contact else None
        self.request = Request("REGISTER", ask.target, ask_headers(ask))
        return ask

    def reply(self, status: int, *headers: tuple[str, str], reason: str | None = None) -> None:
        response = self.request.response(status, reason)
        for name, value in headers:
            response.headers.add(name, value)
        self.it.replied(status, response.reason, response, self.now)

    def granted(self, seconds: int = 600) -> None:
        self.reply(200, ("Contact", f"{PLAIN};expires={seconds}"))

    def silence(self, status: int = 408, reason: str = "timeout") -> None:
        self.it.replied(status, reason, None, self.now)

    def registered(self, seconds: int = 600) -> None:
        self.asked()
        self.granted(seconds)

    def wait(self) -> float:
        """Until the next thing happens; how long it was."""
        at = self.it.next_deadline()
        assert at is not None
        waited, self.now = at - self.now, at
        self.it.handle_timer(at)
        return waited

    @property
    def status(self) -> Status:
        return self.it.state.status


def ask_headers(ask: Register) -> Headers:
    return Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1:5060;rport=4711;received=198.51.100.7;branch=z9hG4bK1"),
            ("From", str(ask.from_)),
            ("To", str(ask.to)),
            ("Call-ID", ask.call_id),
            ("CSeq", f"{ask.cseq} REGISTER"),
        ]
    )


def test_registering_and_refreshing() -> None:
    owner = Owner()
    assert owner.status is Status.TRYING and owner.it.next_deadline() is None
    first = owner.asked()
    assert (first.target, first.from_, first.to, first.contact) == (DOMAIN, ACCOUNT, ACCOUNT, True)
    assert owner.contact == f"{PLAIN};expires=600"
    owner.granted(600)
    state = owner.it.state
    assert (state.status, state.until, state.failure) == (Status.REGISTERED, 1600.0, None)
    assert state.seen_as == ("198.51.100.7", 4711)
    assert owner.wait() == 540, "a tenth of the time ahead"
    second = owner.asked()
    assert second.call_id == first.call_id and second.cseq > first.cseq
    owner.granted(600)
    assert owner.it.state.until == 1540 + 600


@pytest.mark.parametrize(
    ("granted", "refreshed"), [(3600, 3240), (120, 80), (60, 30), (1, 0.5)], ids=lambda value: str(value)
)
def test_a_refresh_leaves_time_for_another(granted: int, refreshed: float) -> None:
    owner = Owner()
    owner.registered(granted)
    assert owner.wait() == refreshed


def test_by_chance_refreshes_are_spread() -> None:
    owner = Owner(chance=0.999)
    owner.registered(1000)
    assert 850 < owner.wait() < 900


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ([("Contact", f"<sip:other@192.0.2.7>;expires=77, {PLAIN};expires=120")], 120),
        ([("Contact", f"<sip:other@192.0.2.7>;expires=77, {PLAIN}"), ("Expires", "90")], 90),
        ([("Contact", "<sip:anna@198.51.100.7:4711>;expires=50")], 50),
        ([("Contact", "<sip:a@192.0.2.3>;expires=1, <sip:a@192.0.2.4>;expires=2")], 600),
        ([("Expires", "300")], 300),
        ([("Expires", "soon")], 600),
        ([], 600),
        ([("Contact", f"{PLAIN};expires=99999999999999999999")], 2**32 - 1),
    ],
)
def test_where_the_granted_time_is_read(headers: Sequence[tuple[str, str]], granted: int) -> None:
    owner = Owner()
    owner.asked()
    owner.reply(200, *headers)
    assert owner.it.state.until == owner.now + granted


def test_outbound_and_what_the_registrar_says_of_it() -> None:
    owner = Owner(instance=INSTANCE, reg_id=1, q=0.5)
    ask = owner.asked()
    assert owner.contact == f'{PLAIN};expires=600;q=0.5;+sip.instance="<{INSTANCE}>";reg-id=1'
    assert ("Supported", "path, outbound") in ask.headers
    listed = f'<sip:x@203.0.113.1>;+sip.instance="<{INSTANCE.upper()}>";reg-id=1;expires=200'
    owner.reply(
        200,
        ("Contact", f'<sip:x@203.0.113.2>;+sip.instance="<{INSTANCE}>";reg-id=2;expires=9, {listed}'),
        ("Require", "outbound"),
        ("Flow-Timer", "120"),
        ("Service-Route", "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>"),
    )
    state = owner.it.state
    assert (state.until, state.outbound, state.flow_timer) == (1200.0, True, 120)
    assert state.service_routes == ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>")
    assert len(state.bindings) == 2


def test_a_first_hop_without_outbound_is_asked_without_it() -> None:
    owner = Owner(instance=INSTANCE, reg_id=1)
    owner.asked()
    owner.reply(439)
    ask = owner.asked()
    assert "reg-id" not in (owner.contact or "") and ("Supported", "path") in ask.headers
    owner.granted()
    assert owner.status is Status.REGISTERED


def test_an_interval_too_brief_is_raised() -> None:
    owner = Owner(expires=60)
    first = owner.asked()
    owner.reply(423, ("Min-Expires", "300"))
    second = owner.asked()
    assert second.cseq > first.cseq and owner.contact == f"{PLAIN};expires=300"
    owner.granted(300)
    assert owner.wait() == 260
    owner.asked()
    assert owner.contact == f"{PLAIN};expires=300", "it is remembered"


@pytest.mark.parametrize("least", [[], [("Min-Expires", "60")], [("Min-Expires", "x")]])
def test_an_interval_too_brief_that_names_no_longer_one_is_a_failure(least: list[tuple[str, str]]) -> None:
    owner = Owner(expires=60)
    owner.asked()
    owner.reply(423, *least)
    assert owner.status is Status.FAILED and not owner.it.actions()


def test_a_registrar_that_raises_its_least_for_ever_is_not_followed() -> None:
    owner = Owner(expires=60)
    asked = 0
    while owner.it._under_way is not None:
        owner.asked()
        asked += 1
        owner.reply(423, ("Min-Expires", str(60 + asked)))
    assert asked == 4 and owner.status is Status.FAILED


def test_failures_wait_longer_and_longer() -> None:
    least, most = Owner(chance=0.0), Owner(chance=0.999999)
    waits: list[tuple[float, float]] = []
    for _ in range(9):
        for owner in (least, most):
            owner.asked()
            owner.silence()
        waits.append((round(least.wait()), round(most.wait())))
    assert waits == [(30, 60), (60, 120), (120, 240), (240, 480), (480, 960), *[(900, 1800)] * 4]
    assert least.it.state.failures == 9 and least.it.state.failed_status == 408
    least.asked()
    least.granted()
    assert (least.it.state.failures, least.it.state.failure) == (0, None)


@pytest.mark.parametrize("status", [401, 403, 404, 407])
def test_a_refusal_for_good_is_not_repeated_soon(status: int) -> None:
    owner = Owner()
    owner.asked()
    owner.reply(status)
    state = owner.it.state
    assert (state.status, state.failed_status) == (Status.FAILED, status)
    assert str(status) in (state.failure or "")
    assert owner.wait() == 1800


@pytest.mark.parametrize(("value", "wait"), [("120", 120), ("18 (busy)", 18), ("0", 1), ("9999999", 86400)])
def test_retry_after_is_kept_to(value: str, wait: float) -> None:
    owner = Owner()
    owner.asked()
    owner.reply(503, ("Retry-After", value))
    assert owner.wait() == wait


def test_a_refresh_that_fails_leaves_us_registered_until_the_time_is_up() -> None:
    owner = Owner(chance=0.5)
    owner.registered(120)
    while owner.it.state.until is not None:
        owner.wait()
        if owner.it._under_way is not None:
            owner.asked()
            assert owner.status is Status.REGISTERED
            owner.silence(503, "connection refused")
            assert "connection refused" in (owner.it.state.failure or "")
    assert owner.now == 1120 and owner.status is Status.FAILED
    assert owner.it.state.next_try is not None


def test_a_lost_connection_means_registering_anew_at_once() -> None:
    owner = Owner()
    owner.registered()
    owner.it.flow_failed(owner.now)
    assert owner.wait() == 0
    owner.asked()
    owner.it.flow_failed(owner.now)
    owner.silence(503, "transport")
    assert owner.wait() == 30, "and then as after any failure"


def test_stopping_takes_the_binding_away() -> None:
    owner = Owner()
    owner.registered()
    owner.it.stop(owner.now)
    assert owner.status is Status.LEAVING
    owner.asked()
    assert owner.contact == f"{PLAIN};expires=0"
    owner.reply(200)
    assert owner.status is Status.STOPPED and owner.it.next_deadline() is None and not owner.it.actions()
    owner.it.stop(owner.now)
    owner.it.start(owner.now)
    owner.registered()
    assert owner.status is Status.REGISTERED


def test_stopping_while_a_register_is_under_way_waits_for_its_reply() -> None:
    owner = Owner()
    owner.asked()
    owner.it.stop(owner.now)
    assert not owner.it.actions() and owner.status is Status.LEAVING
    owner.granted()
    assert owner.asked().expires == 0
    owner.silence()
    assert owner.status is Status.STOPPED
    again = Owner()
    again.asked()
    again.it.stop(again.now)
    again.silence()
    assert again.status is Status.STOPPED and not again.it.actions()


def test_a_query_lists_the_bindings_and_changes_nothing() -> None:
    owner = Owner()
    owner.registered()
    until = owner.it.state.until
    owner.it.query(owner.now)
    ask = owner.asked()
    assert not ask.contact and owner.contact is None
    owner.reply(200, ("Contact", f"{PLAIN};expires=500, <sip:anna@192.0.2.8>;expires=3"))
    assert len(owner.it.state.bindings) == 2 and owner.it.state.until == until
    assert owner.wait() == 540
    owner.asked()
    owner.granted()
    owner.it.query(owner.now)
    owner.asked()
    owner.it.stop(owner.now)
    owner.silence()
    assert owner.asked().expires == 0, "left after the query"


def test_nothing_granted_is_a_failure() -> None:
    owner = Owner()
    owner.registered(0)
    assert owner.status is Status.FAILED and "no time" in (owner.it.state.failure or "")


def test_the_cseq_is_above_what_challenges_made_of_it() -> None:
    owner = Owner()
    first = owner.asked()
    owner.request.headers.set("CSeq", f"{first.cseq + 40} REGISTER")
    owner.granted()
    owner.wait()
    assert owner.asked().cseq == first.cseq + 41


def test_a_reply_nobody_waits_for_is_nothing() -> None:
    owner = Owner()
    owner.registered()
    before = owner.it.state
    owner.silence()
    assert owner.it.state == before


def test_an_operator_need_not_wait() -> None:
    owner = Owner()
    owner.asked()
    owner.reply(403)
    owner.it.refresh(owner.now)
    owner.asked()
    owner.granted()
    assert owner.status is Status.REGISTERED


def test_whatever_the_registrar_answers_there_is_always_a_next_step() -> None:
    for status in (*range(200, 300, 33), 302, *range(400, 700, 7)):
        owner = Owner()
        owner.asked()
        owner.reply(status)
        assert isinstance(owner.request.response(status), Response)
        assert owner.it._under_way is not None or owner.it.next_deadline() is not None, status


def test_an_address_that_has_changed_takes_the_old_one_away() -> None:
    owner = Owner()
    owner.registered(600)
    owner.it.refresh(owner.now)
    (ask,) = owner.it.actions()
    assert ask.contact
    assert owner.it.contact("<sip:u@198.51.100.9>") == f"<sip:u@198.51.100.9>;expires=600, {PLAIN};expires=0"
    owner.granted()
    owner.it.stop(owner.now)
    (ask,) = owner.it.actions()
    assert owner.it.contact(PLAIN) == f"{PLAIN};expires=0", "it leaves, and says no more than that"


def test_an_instance_takes_its_old_place_by_itself() -> None:
    owner = Owner(instance=INSTANCE, reg_id=1)
    owner.asked()
    owner.granted()
    owner.it.refresh(owner.now)
    owner.it.actions()
    assert "expires=0" not in owner.it.contact("<sip:u@198.51.100.9>")


def test_a_start_waits_for_the_reply_to_a_query() -> None:
    owner = Owner()
    owner.it = Registration(RegistrationSettings(ACCOUNT, DOMAIN), token=tokens(), chance=lambda: 0.0)
    owner.it.query(owner.now)
    assert not owner.asked().contact
    owner.it.start(owner.now)
    assert owner.it.actions() == [], "one REGISTER at a time (RFC 3261 10.2)"
    owner.reply(200)
    owner.registered()
    assert owner.status is Status.REGISTERED
