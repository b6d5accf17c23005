"""Session timers in both roles: what is agreed, who refreshes and how, and when the call is given up (RFC 4028)."""

import pytest

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.events import Answered, Ended, Refused, SessionChanged
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Response
from mediaserver.sip.session_timer import SessionExpires
from support.sip_calls import ANSWER, HOLD, OFFER, Callee, Caller, reply
from support.sip_rig import SDP, Rig, request

REQUEST = EndpointSettings(session_timer="request", session_expires=600)
OFF = EndpointSettings(session_timer="off")
ALLOWED = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1800", SessionExpires(1800)),
        ("90 ; refresher = uac", SessionExpires(90, "uac")),
        ("90;x=1;Refresher=UAS", SessionExpires(90, "uas")),
        ("90;refresher=somebody", SessionExpires(90)),
    ],
)
def test_reading_it(text: str, meant: SessionExpires) -> None:
    assert SessionExpires.parse(text) == meant


@pytest.mark.parametrize("text", ["", "soon", "-1", "99999999999"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        SessionExpires.parse(text)
    rig = Rig()
    rig.receive(request(extra=[f"Session-Expires: {text}"]))
    assert rig.statuses() == [400]


@pytest.mark.parametrize(
    ("extra", "settings", "expires", "required"),
    [
        # Table 2: the caller cannot
        (["Session-Expires: 600"], None, "600;refresher=uas", False),
        (["Session-Expires: 600;refresher=uas"], None, "600;refresher=uas", False),
        # Table 2: it can
        (["Supported: timer", "Session-Expires: 600"], None, "600;refresher=uas", True),
        (["Supported: timer", "x: 600;refresher=uac"], None, "600;refresher=uac", True),
        (["Supported: timer", "Session-Expires: 600;refresher=uas"], None, "600;refresher=uas", True),
        (["Require: timer", "Session-Expires: 600;refresher=uac"], None, "600;refresher=uac", True),
        # It does not ask
        (["Supported: timer"], None, None, False),
        (["Supported: timer"], REQUEST, "600;refresher=uas", True),
        (["Supported: timer", "Min-SE: 900"], REQUEST, "900;refresher=uas", True),
        ([], REQUEST, "600;refresher=uas", False),
        (["Supported: timer", "Session-Expires: 600"], OFF, None, False),
    ],
)
def test_what_our_200_says(
    extra: list[str], settings: EndpointSettings | None, expires: str | None, required: bool
) -> None:
    ok = Callee(*extra, settings=settings).answer()
    assert ok.headers.get("Session-Expires") == expires
    assert ("timer" in ok.headers.get_all("Require")) is required


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        (["Supported: timer", "Session-Expires: 60"], 422),
        (["Supported: timer", "Session-Expires: 90"], 100),
        (["Session-Expires: 60"], 100),  # a proxy's wish: the caller would not understand
        (["Supported: timer", "Require: timer", "Session-Expires: 299"], 422),
    ],
)
def test_intervals_too_short_for_us(extra: list[str], status: int) -> None:
    rig = Rig(EndpointSettings(min_se=300 if "299" in extra[-1] else 90))
    rig.receive(request(extra=extra))
    (response,) = rig.sent()
    assert isinstance(response, Response) and response.status == status
    if status == 422:
        assert response.headers.get("Min-SE") == ("300" if "299" in extra[-1] else "90")


def test_we_refresh_by_update_at_half_time() -> None:
    callee = Callee("Supported: timer", "Session-Expires: 600", ALLOWED).confirm()
    for _ in range(3):
        start = callee.rig.now
        callee.rig.advance(300)
        ((at, _, update),) = callee.rig.wire
        (update,) = callee.rig.requests()
        assert (at - start, update.method, update.body) == (300, "UPDATE", b"")
        assert update.headers.get("Session-Expires") == "600;refresher=uac"
        callee.rig.receive(reply(update, 200, "ft", extra=(("Session-Expires", "600;refresher=uac"),)))
    assert not callee.rig.events()


def test_we_refresh_by_the_same_offer_again_where_update_is_unknown() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"), ("Require", "timer"))
    caller.rig.advance(300)
    change = caller.request()
    assert (change.method, change.body) == ("INVITE", OFFER)
    assert change.headers.get("Session-Expires") == "600;refresher=uac"
    caller.rig.receive(reply(change, 200, body=SDP, extra=(("Session-Expires", "600;refresher=uac"),)))
    assert caller.request().method == "ACK"
    assert not caller.events()
    caller.rig.advance(300)
    change = caller.request()
    caller.rig.receive(reply(change, 200, body=HOLD, extra=(("Session-Expires", "600;refresher=uac"),)))
    assert caller.events() == [SessionChanged(caller.leg, HOLD)]  # it took the occasion


def test_the_offer_repeated_is_the_last_that_holds() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"))
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    caller.rig.receive(reply(caller.request(), 200, body=SDP, extra=(("Session-Expires", "600;refresher=uac"),)))
    caller.rig.endpoint.reinvite(caller.leg, ANSWER, caller.rig.now)
    _, refused = caller.requests()
    caller.rig.receive(reply(refused, 488))
    caller.requests()
    caller.rig.advance(300)
    assert caller.request().body == HOLD


def test_an_update_not_implemented_is_replaced_by_a_reinvite() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    caller.rig.advance(300)
    update = caller.request()
    caller.rig.receive(update.response(501))
    change = caller.request()
    assert (change.method, change.body) == ("INVITE", OFFER)


def test_a_peer_that_does_not_refresh_loses_the_call() -> None:
    callee = Callee("Supported: timer", "Session-Expires: 600;refresher=uac").confirm()
    callee.rig.advance(567)
    assert not callee.rig.sent()
    callee.rig.advance(1.1)  # 32 s before the end
    (bye,) = callee.rig.requests()
    assert bye.method == "BYE"
    assert callee.rig.events() == [Ended(callee.leg, False, 408, "session timer")]


def test_a_short_session_leaves_a_third() -> None:
    callee = Callee("Supported: timer", "Session-Expires: 90;refresher=uac").confirm()
    callee.rig.advance(59.9)
    assert not callee.rig.sent()
    callee.rig.advance(0.2)
    assert [message.method for message in callee.rig.requests()] == ["BYE"]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_the_peers_refresh_keeps_the_call(method: str) -> None:
    callee = Callee("Supported: timer", "Session-Expires: 600;refresher=uac").confirm()
    for _ in range(3):
        callee.rig.advance(300)
        callee.receive(
            method, "Supported: timer", "Session-Expires: 600;refresher=uac", body=SDP if method == "INVITE" else b""
        )
        if method == "INVITE":
            callee.rig.sent()
            callee.rig.endpoint.answer_reinvite(callee.leg, ANSWER, callee.rig.now)
        (ok,) = callee.rig.sent()
        assert isinstance(ok, Response)
        assert (ok.status, ok.headers.get("Session-Expires")) == (200, "600;refresher=uac")
        if method == "INVITE":
            callee.receive("ACK", cseq=ok.cseq.number)
    callee.rig.advance(500)
    assert not [event for event in callee.rig.events() if isinstance(event, Ended)]


def test_a_refresh_too_short_is_422_and_changes_nothing() -> None:
    callee = Callee("Supported: timer", "Session-Expires: 600;refresher=uac").confirm()
    callee.receive("UPDATE", "Supported: timer", "Session-Expires: 20")
    refused = callee.answered_with()
    assert (refused.status, refused.headers.get("Min-SE")) == (422, "90")


def test_a_refresh_that_fails_is_tried_again_until_the_time_is_over() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"), ("Allow", "UPDATE"))
    caller.rig.advance(300)
    for _ in range(4):
        update = caller.request()
        assert update.method == "UPDATE"
        caller.rig.receive(update.response(488))
        caller.rig.advance(75 if caller.rig.now < 600 else 43)
    assert caller.request().method == "BYE"
    assert caller.events() == [Ended(caller.leg, False, 408, "session timer")]


def test_a_refresh_nobody_answers_ends_the_call() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"), ("Allow", "UPDATE"))
    caller.rig.advance(333)
    assert [message.method for message in caller.requests()][-1] == "BYE"
    assert caller.events() == [Ended(caller.leg, False, 408, "timeout")]
    caller.rig.advance(64)
    assert caller.rig.is_empty()


def test_what_we_ask_for_and_how_a_422_raises_it() -> None:
    caller = Caller(settings=REQUEST)
    assert caller.invite.headers.get("Session-Expires") == "600"
    assert "timer" in caller.invite.headers.get_all("Supported")
    caller.hear(422, ("Min-SE", "1200"))
    ack, again = caller.requests()
    assert (ack.method, again.method, again.cseq.number, again.call_id) == ("ACK", "INVITE", 2, caller.invite.call_id)
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("1200", "1200")
    caller.invite = again
    caller.hear(200, ("Session-Expires", "1200;refresher=uac"), body=SDP)
    assert caller.events() == [Answered(caller.leg, SDP, "pt")]
    caller.requests()
    caller.rig.advance(600)
    assert caller.request().headers.get("Min-SE") == "1200"


@pytest.mark.parametrize("least", [None, "x", "0"])
def test_a_422_that_does_not_help(least: str | None) -> None:
    caller = Caller(settings=REQUEST)
    caller.hear(422, *([("Min-SE", least)] if least else []))
    assert caller.events() == [Refused(caller.leg, 422, "Session Interval Too Small", None)]


def test_a_422_to_a_refresh() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"), ("Allow", "UPDATE"))
    caller.rig.advance(300)
    caller.rig.receive(reply(caller.request(), 422, extra=(("Min-SE", "1000"),)))
    assert caller.request().headers.get("Session-Expires") == "1000;refresher=uac"


def test_the_peer_refreshes_what_we_asked_for() -> None:
    caller = Caller(settings=REQUEST).connect(("Session-Expires", "600;refresher=uas"), ("Require", "timer"))
    caller.rig.advance(400)
    assert not caller.requests()
    caller.receive("UPDATE", "Supported: timer", "Session-Expires: 600;refresher=uac")
    ok = caller.rig.sent_one()
    assert isinstance(ok, Response) and ok.headers.get("Session-Expires") == "600;refresher=uac"
    caller.rig.advance(560)
    assert not caller.requests()
    caller.rig.advance(10)
    assert [message.method for message in caller.requests()][-1] == "BYE"


def test_a_peer_without_timers_is_left_alone() -> None:
    caller = Caller(settings=REQUEST).connect()
    caller.rig.advance(10_000)
    assert not caller.rig.sent()


def test_the_user_changes_the_session_while_it_is_refreshed() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"), ("Allow", "UPDATE"))
    caller.rig.advance(300)
    update = caller.request()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    assert not caller.requests()
    caller.rig.receive(reply(update, 200, extra=(("Session-Expires", "600;refresher=uac"),)))
    change = caller.request()
    assert (change.method, change.body) == ("INVITE", HOLD)
    caller.rig.receive(reply(change, 200, body=SDP, extra=(("Session-Expires", "600;refresher=uac"),)))
    assert caller.events() == [SessionChanged(caller.leg, SDP)]


def test_a_refresh_waits_for_a_change_under_way() -> None:
    caller = Caller().connect(("Session-Expires", "600;refresher=uac"), ("Allow", "UPDATE"))
    caller.rig.advance(299)
    caller.receive("INVITE", body=SDP)
    caller.rig.sent()
    caller.rig.advance(3)
    assert not caller.requests()
    caller.rig.endpoint.reject_reinvite(caller.leg, 488, caller.rig.now)
    caller.acknowledge()
    caller.rig.advance(5)
    assert [message.method for message in caller.requests()][:1] == ["UPDATE"]


def test_intervals_a_proxy_makes_absurd_do_not_flood() -> None:
    callee = Callee("Session-Expires: 1", ALLOWED).confirm()
    callee.rig.advance(9)
    assert not callee.rig.requests()
    callee.rig.advance(2)
    assert callee.rig.requests()[0].method == "UPDATE"
