"""One call between a network and a media plane that do what the test says, in virtual time."""

import asyncio
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from mediaproviders.contract import ProviderError
from mediaserver.net.rtp_port import NoPortError
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.plan import Direction
from mediaserver.sip.events import Cancelled, ChangeRefused, SessionChanged
from mediaserver.talk.orders import Close, Connect, Describe, Dialled, Greet
from support.exchange import PORT, Exchange, sdp
from support.virtual_time import tell

type Lines = list[MutableMapping[str, Any]]
NONSENSE = b"v=0\r\nthis is no description\r\n"


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def end_of(lines: Lines) -> tuple[Any, ...]:
    (ended,) = [line for line in lines if line["event"] == "call.ended"]
    return ended["result"], ended["reason"], ended["sip_status"]


def told(story: Callable[[Exchange], None], **settings: Any) -> Exchange:
    """The exchange after a story that takes no time."""

    async def whole() -> Exchange:
        exchange = Exchange(**settings)
        story(exchange)
        return exchange

    return tell(whole())


# --- answering -----------------------------------------------------------------------------------------------------


def test_it_rings_answers_and_greets_when_acknowledged() -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(sdp())
        assert exchange.network.sent == [(180,)]
        assert exchange.plane.orders == [Connect(exchange.id, "PCMU")]
        exchange.ready()
        assert exchange.network.names() == [180, 200]
        answer = exchange.network.sent[-1][1]
        assert isinstance(answer, bytes)
        assert b"c=IN IP4 192.0.2.1" in answer and b"m=audio %d RTP/AVP 0" % PORT in answer
        (description,) = exchange.plane.plans
        assert description.plan.remote_rtp == ("198.51.100.7", 4000)
        assert exchange.plane.names() == ["Connect", "Describe"], "nothing is said to a caller who is not there yet"
        exchange.acknowledged()
        assert exchange.plane.orders[-1] == Greet(exchange.id)
        exchange.acknowledged()
        assert exchange.plane.names().count("Greet") == 1

    told(story)


@pytest.mark.parametrize("early_media", [False, True])
def test_a_caller_whose_address_may_be_forged_hears_nothing_before_the_ack(early_media: bool) -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(sdp(), proven=False)
        exchange.ready()
        assert exchange.network.names() == [180, 200] and exchange.plane.names() == ["Connect"]
        exchange.acknowledged()
        assert exchange.plane.names() == ["Connect", "Describe", "Greet"]
        exchange.acknowledged()
        assert exchange.plane.names() == ["Connect", "Describe", "Greet"]

    told(story, early_media=early_media)


@pytest.mark.parametrize(("formats", "law"), [("8 0", "PCMA"), ("0 8", "PCMU"), ("8", "PCMA")])
def test_the_model_is_connected_for_the_law_that_was_agreed(formats: str, law: str) -> None:
    exchange = told(lambda exchange: exchange.invited(sdp(formats)))
    (connect,) = exchange.plane.orders
    assert connect == Connect(exchange.id, law)  # type: ignore[arg-type]


def test_without_an_offer_the_200_offers_and_the_ack_answers() -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(None)
        exchange.ready()
        assert b"m=audio %d RTP/AVP 0 8" % PORT in exchange.network.sent[-1][1]  # type: ignore[operator]
        assert exchange.plane.orders == [Connect(exchange.id, "PCMU")], "nothing is agreed yet"
        exchange.acknowledged(sdp("8"))
        assert exchange.plane.names() == ["Connect", "Describe", "Greet"]
        assert exchange.plane.plans[0].plan.send.encoding == "PCMA"
        exchange.reinvited(sdp(direction="sendonly"))
        exchange.acknowledged()  # of a change of the caller's: it answers nothing of ours
        assert len(exchange.plane.plans) == 2 and len(exchange.reception) == 1

    told(story)


def test_without_an_offer_the_model_is_connected_for_our_first_codec() -> None:
    exchange = told(lambda exchange: exchange.invited(None), capabilities=Capabilities(codecs=("PCMA", "PCMU")))
    assert exchange.plane.orders == [Connect(exchange.id, "PCMA")]


@pytest.mark.parametrize("answer", [None, NONSENSE, sdp("9")])
def test_an_ack_that_answers_nothing_ends_the_call(lines: Lines, answer: bytes | None) -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(None)
        exchange.ready()
        exchange.acknowledged(answer)
        assert exchange.network.names() == [180, 200, "BYE"]
        assert "Greet" not in exchange.plane.names()

    told(story)
    assert end_of(lines) == ("failed", "unacceptable-media", None)


@pytest.mark.parametrize(
    ("offer", "status"), [(sdp("9 18"), 488), (sdp(profile="RTP/SAVP"), 488), (sdp(port=0), 488), (NONSENSE, 400)]
)
def test_an_offer_we_cannot_use_is_refused_and_the_ports_go_back(lines: Lines, offer: bytes, status: int) -> None:
    exchange = told(lambda exchange: exchange.invited(offer))
    assert exchange.network.sent == [(status,)]
    assert exchange.plane.orders == [Close(exchange.id)]
    assert end_of(lines) == ("rejected", "unacceptable-media", status)


@pytest.mark.parametrize("why", [NoPortError("none left"), ProviderError("none", code="x", retryable=False)])
def test_without_ports_or_a_model_it_is_503_with_retry_after(lines: Lines, why: Exception) -> None:
    def story(exchange: Exchange) -> None:
        exchange.plane.refuses = why
        exchange.invited(sdp())
        assert exchange.network.sent == [(503, ("Retry-After", "9"))]
        assert len(exchange.reception) == 0

    told(story, retry_after_s=9)
    assert end_of(lines) == ("rejected", "no-media", 503)


# --- times ---------------------------------------------------------------------------------------------------------


def test_a_model_that_takes_too_long_is_503_with_retry_after(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(answer_deadline_s=8.0, retry_after_s=5)
        exchange.invited(sdp())
        await asyncio.sleep(7.9)
        assert exchange.network.names() == [180]
        await asyncio.sleep(0.2)
        assert exchange.network.sent[-1] == (503, ("Retry-After", "5"))
        assert exchange.plane.orders[-1] == Close(exchange.id)

    tell(story())
    assert end_of(lines) == ("rejected", "answer-deadline", 503)


def test_a_model_in_time_disarms_the_deadline() -> None:
    async def story() -> None:
        exchange = Exchange(answer_deadline_s=8.0)
        exchange.talking()
        await asyncio.sleep(100)
        assert exchange.network.names() == [180, 200]

    tell(story())


def test_the_longest_call_ends_with_a_reason(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(max_call_s=60.0)
        exchange.talking()
        await asyncio.sleep(59)
        assert exchange.network.names() == [180, 200]
        await asyncio.sleep(2)
        assert exchange.network.sent[-1] == ("BYE", 'Q.850;cause=102;text="max-duration"')

    tell(story())
    assert end_of(lines) == ("completed", "max-duration", None)


def test_no_timer_survives_the_call() -> None:
    async def story() -> None:
        exchange = Exchange(answer_deadline_s=1.0, max_call_s=10.0)
        exchange.talking()
        calls = [exchange.call]
        exchange.ended()
        exchange.invited(sdp())
        calls.append(exchange.call)
        exchange.cancelled()
        assert [call and call._timers for call in calls] == [[], []]
        await asyncio.sleep(60)
        assert exchange.network.names() == [180, 200, 180]

    tell(story())


# --- changes -------------------------------------------------------------------------------------------------------


def version(sdp: object) -> int:
    assert isinstance(sdp, bytes)
    return int(sdp.split(b"o=", 1)[1].split(b" ")[2])


def test_hold_and_resume() -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        exchange.reinvited(sdp(direction="sendonly"))
        exchange.acknowledged()
        exchange.reinvited(sdp())
        exchange.acknowledged()
        directions = [order.plan.direction for order in exchange.plane.plans]
        assert directions == [Direction.SENDRECV, Direction.RECVONLY, Direction.SENDRECV]
        answers = [exchange.network.sent[at][-1] for at in (1, 2, 3)]
        assert b"a=recvonly" in answers[1]  # type: ignore[operator]
        assert [version(answer) - version(answers[0]) for answer in answers] == [0, 1, 2]
        assert exchange.plane.names().count("Greet") == 1

    told(story)


@pytest.mark.parametrize(("offer", "status"), [(sdp("9"), 488), (NONSENSE, 400)])
def test_a_change_we_cannot_follow_is_refused_and_the_call_goes_on(offer: bytes, status: int) -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        before = version(exchange.network.sent[-1][1])
        exchange.reinvited(offer)
        assert exchange.network.sent[-1] == ("reinvite", status)
        assert len(exchange.plane.plans) == 1
        assert len(exchange.reception) == 1
        exchange.reinvited(sdp("8"))
        assert version(exchange.network.sent[-1][2]) == before + 1

    told(story)


def test_asked_for_an_offer_within_the_call() -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        exchange.reinvited(None)
        assert exchange.network.names()[-1] == "reinvite"
        assert len(exchange.plane.plans) == 1
        exchange.acknowledged(sdp("8", port=5000))
        assert exchange.plane.plans[-1].plan.remote_rtp == ("198.51.100.7", 5000)
        assert exchange.plane.names().count("Greet") == 1

    told(story)


def test_we_may_hold_and_resume_ourselves() -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        call = exchange.call
        assert call is not None
        call.hold(on=True)
        name, leg, offer = exchange.network.sent[-1]
        assert (name, leg) == ("re-INVITE", 1) and b"a=sendonly" in offer  # type: ignore[operator]
        exchange.reception.sip(SessionChanged(1, sdp("0", direction="recvonly")))
        assert exchange.plane.plans[-1].plan.direction is Direction.SENDONLY
        exchange.silent()
        assert len(exchange.reception) == 1
        call.hold(on=False)
        exchange.reception.sip(ChangeRefused(1, 488, "Not Acceptable Here"))
        assert exchange.plane.plans[-1].plan.direction is Direction.SENDONLY
        call.hold(on=False)
        exchange.reception.sip(SessionChanged(1, sdp("0")))
        assert exchange.plane.plans[-1].plan.direction is Direction.SENDRECV
        call.hold(on=True)
        exchange.reception.sip(SessionChanged(1, NONSENSE))
        assert exchange.network.names()[-1] == "BYE" and exchange.nothing_left()

    told(story)


def test_a_refresh_that_the_peer_answers_with_other_media_is_followed() -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        exchange.reception.sip(SessionChanged(1, sdp("8", port=4600)))
        assert exchange.plane.plans[-1].plan.remote_rtp == ("198.51.100.7", 4600)
        assert exchange.plane.plans[-1].plan.send.encoding == "PCMA"
        exchange.reception.sip(SessionChanged(1, None))
        exchange.reception.sip(SessionChanged(1, NONSENSE))
        assert exchange.network.names() == [180, 200] and len(exchange.reception) == 1
        assert len(exchange.plane.plans) == 2

    told(story)


def test_early_media_open_the_stream_before_the_answer() -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(sdp())
        status, description = exchange.network.sent[0]
        assert status == 183
        assert exchange.plane.names() == ["Describe", "Connect"]
        assert exchange.plane.plans[0].plan.direction is Direction.SENDONLY, "nobody is heard yet"
        exchange.ready()
        assert exchange.network.sent[-1] == (200, description)
        exchange.acknowledged()
        assert exchange.plane.plans[-1].plan.direction is Direction.SENDRECV
        assert exchange.plane.names()[-2:] == ["Describe", "Greet"]
        exchange.ended()

    told(story, early_media=True)


def test_without_an_offer_there_are_no_early_media() -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(None)
        assert exchange.network.sent == [(180,)]
        exchange.cancelled()

    told(story, early_media=True)


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("", "cancelled"),
        ('SIP;cause=200;text="Call completed elsewhere"', "answered-elsewhere"),
        ('SIP ;cause = 200 ;text="x"', "answered-elsewhere"),
        ('Q.850;cause=16;text="x"', "cancelled"),
    ],
)
def test_why_a_caller_gave_up(lines: Lines, why: str, reason: str) -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(sdp())
        exchange.network.legs[1] = "gone"
        exchange.reception.sip(Cancelled(1, why))

    told(story)
    assert end_of(lines) == ("cancelled", reason, 487)


HOLDS = [
    pytest.param(sdp(direction="sendonly"), Direction.RECVONLY, id="sendonly"),
    pytest.param(sdp(direction="inactive"), Direction.INACTIVE, id="inactive"),
    pytest.param(sdp(direction="recvonly"), Direction.SENDONLY, id="recvonly"),
    pytest.param(sdp().replace(b"c=IN IP4 198.51.100.7", b"c=IN IP4 0.0.0.0"), Direction.RECVONLY, id="0.0.0.0"),
]


@pytest.mark.parametrize(("offer", "direction"), HOLDS)
def test_hold_in_every_style_is_no_silence(lines: Lines, offer: bytes, direction: Direction) -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        exchange.reinvited(offer)
        exchange.reinvited(offer)
        assert exchange.plane.plans[-1].plan.direction is direction
        exchange.silent()
        assert len(exchange.reception) == 1
        exchange.reinvited(sdp())
        exchange.silent()
        assert exchange.nothing_left()

    told(story)
    named = [line["event"] for line in lines]
    assert (named.count("call.held"), named.count("call.resumed")) == (1, 1)
    assert end_of(lines) == ("failed", "media-timeout", None)


@pytest.mark.parametrize(
    "offer",
    [
        b"v=0\r\no=- 1 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=image 4002 udptl t38\r\n",
        sdp(port=0) + b"m=image 4002 udptl t38\r\n",
        sdp().replace(b"m=audio", b"m=video"),
    ],
)
def test_fax_and_video_are_refused_and_the_call_is_kept(offer: bytes) -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        exchange.reinvited(offer)
        assert exchange.network.sent[-1] == ("reinvite", 488)
        assert len(exchange.reception) == 1 and len(exchange.plane.plans) == 1

    told(story)


# --- ends ----------------------------------------------------------------------------------------------------------


ENDS = [
    pytest.param("ringing", Exchange.cancelled, ("cancelled", "cancelled", 487), None, id="CANCEL"),
    pytest.param("ringing", Exchange.lost, ("rejected", "model-gone", 503), 503, id="no model"),
    pytest.param("ringing", lambda e: e.reception.drop_all(), ("rejected", "shutting-down", 503), 503, id="stop"),
    pytest.param("talking", Exchange.ended, ("completed", "caller-hung-up", None), None, id="BYE"),
    pytest.param(
        "talking",
        lambda e: e.ended(by_peer=False, reason="no ACK"),
        ("failed", "no ACK", None),
        None,
        id="SIP cannot go on",
    ),
    pytest.param("talking", Exchange.lost, ("failed", "model-gone", None), "cause=41", id="model lost"),
    pytest.param("answered", Exchange.lost, ("failed", "model-gone", None), "cause=41", id="model lost before ACK"),
    pytest.param("talking", Exchange.hang_up, ("completed", "agent-hung-up", None), "cause=16", id="agent hangs up"),
    pytest.param("talking", Exchange.silent, ("failed", "media-timeout", None), "cause=47", id="silence"),
    pytest.param(
        "talking", lambda e: e.reception.drop_all(), ("completed", "shutting-down", None), "cause=41", id="stopped"
    ),
]


@pytest.mark.parametrize(("state", "happens", "end", "said"), ENDS)
def test_every_end_has_its_name(
    lines: Lines, state: str, happens: Callable[[Exchange], None], end: tuple[Any, ...], said: int | str | None
) -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(sdp())
        if state != "ringing":
            exchange.ready()
        if state == "talking":
            exchange.acknowledged()
        before = len(exchange.network.sent)
        happens(exchange)
        assert len(exchange.reception) == 0
        assert exchange.plane.names().count("Close") == 1
        after = exchange.network.sent[before:]
        if isinstance(said, str):
            ((name, reason),) = after
            assert name == "BYE" and said in str(reason)
        else:
            assert [command[0] for command in after] == ([said] if said else [])
        for late in (exchange.ready, exchange.lost, exchange.hang_up, exchange.silent, exchange.ended):
            late()
        assert len(exchange.network.sent) == before + len(after), "a call that is over is over"

    told(story)
    assert end_of(lines) == end


def test_the_end_counts_what_the_media_plane_counted(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        exchange.ended()

    tell(story())
    (ended,) = [line for line in lines if line["event"] == "call.ended"]
    assert (ended["sent"], ended["jitter_ms"]) == (7, 1.3)
    assert ended["duration_s"] >= 0


EVENTS: list[Callable[[Exchange], None]] = [
    Exchange.ready,
    Exchange.lost,
    Exchange.hang_up,
    Exchange.silent,
    lambda e: e.reports(Dialled, "5"),
    lambda e: e.acknowledged(),
    lambda e: e.acknowledged(sdp("8")),
    lambda e: e.acknowledged(NONSENSE),
    lambda e: e.reinvited(sdp(direction="inactive")),
    lambda e: e.reinvited(NONSENSE),
    lambda e: e.reinvited(None),
    Exchange.cancelled,
    Exchange.ended,
    lambda e: e.ended(by_peer=False, reason="timeout"),
    lambda e: e.reception.drain(),
    lambda e: e.reception.drop_all(),
]
DIALOG_ONLY = range(5, 11)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([sdp(), None, sdp("9"), NONSENSE]),
    st.lists(st.tuples(st.integers(0, len(EVENTS) - 1), st.sampled_from([0.0, 0.0, 3.0, 9.0, 70.0])), max_size=12),
)
def test_whatever_happens_it_ends_once_and_lets_the_media_go(
    offer: bytes | None, happenings: list[tuple[int, float]]
) -> None:
    async def story() -> None:
        exchange = Exchange(max_call_s=60.0)
        exchange.invited(offer)
        for event, wait_s in happenings:
            if event in DIALOG_ONLY and exchange.network.legs[1] == "ringing":
                continue  # SIP itself answers those before there is a dialog
            EVENTS[event](exchange)
            await asyncio.sleep(wait_s)
        exchange.reception.drop_all()
        assert exchange.network.legs[1] == "gone"
        assert [order for order in exchange.plane.orders if isinstance(order, Close)] == [Close(exchange.id)]
        assert exchange.plane.names()[-1] == "Close"
        assert exchange.plane.names().count("Greet") <= 1
        assert exchange.nothing_left()
        first = next((order for order in exchange.plane.orders if isinstance(order, Describe | Greet)), None)
        assert first is None or isinstance(first, Describe), "spoken to before there was a stream"

    with capture_logs() as lines:
        tell(story())
    assert len([line for line in lines if line["event"] == "call.ended"]) == 1
