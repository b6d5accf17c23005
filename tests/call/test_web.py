"""Calls by HTTP, with neither sockets nor audio: what is answered, refused and released, and when."""

import asyncio
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.call.web import Begun, RefusedError
from mediaserver.call.web_call import UNREAD_S
from mediaserver.sdp.fragment import Fragment
from mediaserver.sdp.session import SessionDescription
from mediaserver.talk.orders import Bridge, Describe, Greet, Noted, Ready, TransferWanted, Unprotected, Watch
from support.exchange import Exchange
from support.virtual_time import settle, tell
from support.web_offers import fragment, offer, stream

type Lines = list[MutableMapping[str, Any]]
CERTIFICATE = "sha-256 " + ":".join(["AB"] * 32)
SOURCE = "198.51.100.9"


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def exchange(max_calls: int = 10, **settings: object) -> Exchange:
    return Exchange(max_calls, **{"fingerprint": CERTIFICATE, **settings})


def calling(at: Exchange, given: bytes | None = None, **about: str) -> "asyncio.Task[Begun]":
    told: Mapping[str, str] = about
    return asyncio.ensure_future(at.reception.web.begin("a", offer() if given is None else given, SOURCE, told))


async def answered(at: Exchange, given: bytes | None = None) -> Begun:
    """A call that is answered."""
    task = calling(at, given)
    await settle()
    at.ready()
    begun = await task
    await settle()
    return begun


async def refused(at: Exchange, given: bytes | None = None, agent: str = "a") -> RefusedError:
    with pytest.raises(RefusedError) as error:
        await at.reception.web.begin(agent, offer() if given is None else given, SOURCE, {})
    return error.value


def nothing_left(at: Exchange) -> bool:
    web = at.reception.web
    return at.nothing_left() and not len(web) and not len(web._line) and not len(at.reception._desk.feeds)


def end_of(lines: Lines) -> tuple[Any, ...]:
    (ended,) = [line for line in lines if line["event"] == "call.ended"]
    return ended["result"], ended["reason"]


def test_the_answer_comes_when_the_model_is_ready_and_the_agent_speaks_when_media_can_flow(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        task = calling(at, caller="+4930123", origin="https://shop.example")
        await settle()
        assert not task.done() and at.plane.names() == ["Connect", "Watch"]
        at.ready()
        begun = await task
        await settle()
        assert at.plane.names() == ["Connect", "Watch", "Describe", "Greet"] and at.network.sent == []
        answer = SessionDescription.parse(begun.sdp)
        assert answer.media[0].attribute("setup") == "passive" and answer.media[0].has("rtcp-mux")
        assert answer.media[0].attribute("fingerprint") == CERTIFICATE
        assert begun.etag.strip('"') and len(begun.session) >= 32 and begun.call == at.id
        at.reception.web.end(begun.session)
        assert nothing_left(at)

    tell(story())
    (came,) = [line for line in lines if line["event"] == "call.incoming"]
    assert (came["way"], came["agent"], came["source"]) == ("whip", "a", SOURCE)
    assert (came["caller"], came["origin"]) == ("+4930123", "https://shop.example")
    assert end_of(lines) == ("completed", "caller-hung-up")


@pytest.mark.parametrize(
    ("given", "status", "why"),
    [
        (b"hello", 400, "must begin with v=0"),
        (offer(stream("video", "0", "96")), 422, "video and no audio"),
        (offer(stream(formats="9 126")), 422, "no codec in common: peer offers G722; we have PCMU, PCMA"),
        (offer(stream(direction="sendonly")), 422, "sendrecv"),
        (offer(stream(without="a=fingerprint:")), 422, "fingerprint"),
        (offer(stream(port=40_000, candidates=2)), 422, "none of its candidates"),
        (offer(stream(profile="RTP/SAVP")), 422, "DTLS"),
    ],
)
def test_an_offer_that_is_of_no_use(given: bytes, status: int, why: str) -> None:
    async def story() -> None:
        at = exchange()
        error = await refused(at, given)
        assert error.status == status and why in str(error) and error.retry_after is None
        assert nothing_left(at)

    tell(story())


def test_further_streams_are_refused_one_by_one_in_the_answer() -> None:
    async def story() -> None:
        at = exchange()
        given = offer(
            stream("video", "v", "96"),
            stream(mid="a"),
            stream("application", "d", "webrtc-datachannel", profile="UDP/DTLS/SCTP"),
            bundle="v a d",
        )
        answer = SessionDescription.parse((await answered(at, given)).sdp)
        assert [(each.kind, bool(each.port), each.attribute("mid")) for each in answer.media] == [
            ("video", False, "v"),
            ("audio", True, "a"),
            ("application", False, "d"),
        ]
        assert ("group", "BUNDLE a") in answer.attributes

    tell(story())


def test_hundreds_of_candidates_are_no_trouble() -> None:
    async def story() -> None:
        at = exchange()
        await answered(at, offer(stream(candidates=400)))

    tell(story())


def test_nobody_of_that_name(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        error = await refused(at, agent="nobody")
        assert (error.status, error.reason) == (404, "unknown-agent") and nothing_left(at)

    tell(story())


def test_a_full_a_late_and_a_draining_server_say_when_to_come_again(lines: Lines) -> None:
    async def story() -> None:
        at = exchange(max_calls=1, retry_after_s=7)
        begun = await answered(at)
        error = await refused(at)
        assert (error.status, error.reason, error.retry_after) == (503, "max-calls", 7)
        at.reception.web.end(begun.session)
        at.reception._late = lambda: True
        assert (await refused(at)).reason == "overloaded"
        at.reception.drain()
        assert (await refused(at)).reason == "draining"
        assert at.reception.refused == 3 and nothing_left(at) and len(at.plane.opened) == 1

    tell(story())
    told = [line for line in lines if line["event"] == "call.refused"]
    assert [line["reason"] for line in told] == ["max-calls", "overloaded", "draining"]
    assert {(line["way"], line["http_status"]) for line in told} == {("whip", 503)}


def test_a_model_that_cannot_be_reached_is_told_by_the_status(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        task = calling(at)
        await settle()
        at.lost()
        with pytest.raises(RefusedError) as error:
            await task
        assert (error.value.status, error.value.reason, error.value.retry_after) == (503, "model-gone", 5)
        assert str(error.value) == "the agent's model cannot be reached now", "whose fault it is, is for the log"
        assert nothing_left(at)

    tell(story())
    assert end_of(lines) == ("rejected", "model-gone")


def test_a_model_that_takes_too_long(lines: Lines) -> None:
    async def story() -> None:
        at = exchange(answer_deadline_s=4)
        began = asyncio.get_running_loop().time()
        error = await refused(at)
        assert (error.status, error.reason) == (503, "answer-deadline") and nothing_left(at)
        assert asyncio.get_running_loop().time() - began == pytest.approx(4)

    tell(story())


def test_no_place_for_media(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        at.plane.refuses = RuntimeError("a bug")
        error = await refused(at)
        assert (error.status, error.reason) == (500, "internal-error") and "bug" not in str(error)
        assert nothing_left(at)

    tell(story())


def test_who_leaves_before_the_answer_has_given_up(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        task = calling(at)
        await settle()
        task.cancel()
        await settle()
        assert task.cancelled() and nothing_left(at)

    tell(story())
    assert end_of(lines) == ("cancelled", "cancelled")


def test_who_leaves_with_the_answer_has_hung_up(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        task = calling(at)
        await settle()
        at.ready()  # the answer is there, and nobody has taken it yet
        task.cancel()
        await settle()
        assert task.cancelled() and nothing_left(at)

    tell(story())
    assert end_of(lines) == ("completed", "caller-hung-up")


def test_ice_or_dtls_that_never_come(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        begun = await answered(at)
        at.reports(Unprotected, "no way to the peer was found within 10 s")
        assert nothing_left(at)
        with pytest.raises(RefusedError) as error:
            at.reception.web.end(begun.session)
        assert error.value.status == 404

    tell(story())
    assert end_of(lines) == ("failed", "media-security")


def test_a_caller_who_vanishes(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        begun = await answered(at)
        reader = at.reception.web.feed(begun.session)
        at.silent()
        events = [each async for each in reader]
        assert events[-1].fields == {"state": "over", "reason": "media-timeout"} and nothing_left(at)
        for gone in (at.reception.web.end, at.reception.web.feed, at.reception.web.find):
            with pytest.raises(RefusedError) as error:
                gone(begun.session)
            assert error.value.status == 404

    tell(story())


def test_the_agent_hangs_up(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        await answered(at)
        at.hang_up()
        assert nothing_left(at) and at.network.sent == []

    tell(story())
    assert end_of(lines) == ("completed", "agent-hung-up")


def test_ice_is_restarted_and_the_call_goes_on() -> None:
    async def story() -> None:
        at = exchange()
        begun = await answered(at)
        web, before = at.reception.web, SessionDescription.parse(begun.sdp).media[0]
        assert await web.restart(begun.session, fragment()) is None, "candidates of this ICE session"
        assert web.find(begun.session).etag == begun.etag and len(at.plane.plans) == 1
        ours = await web.restart(begun.session, fragment("newU", "n" * 22))
        assert ours is not None
        said = Fragment.parse(ours, "0")
        assert said.ufrag not in (None, before.attribute("ice-ufrag")) and said.candidates
        etag = web.find(begun.session).etag
        assert etag != begun.etag
        plan = at.plane.plans[-1].plan
        assert plan.ice is not None and (plan.ice.ours, plan.ice.theirs) == (said.ufrag, "newU")
        assert plan.security == at.plane.plans[0].plan.security, "DTLS is not begun anew"
        assert await web.restart(begun.session, fragment("newU", "n" * 22)) is None
        for bad in (b"", b"a=ice-ufrag:ab\r\n"):
            with pytest.raises(RefusedError) as error:
                await web.restart(begun.session, bad)
            assert error.value.status == 400
        assert web.find(begun.session).etag == etag and len(at.plane.plans) == 2
        web.end(begun.session)
        with pytest.raises(RefusedError) as error:
            await web.restart(begun.session, fragment("more"))
        assert error.value.status == 404

    tell(story())


def test_a_browser_is_put_through_from_here_whatever_the_agent_asks_for() -> None:
    async def story() -> None:
        at = exchange()
        begun = await answered(at)
        await asyncio.sleep(UNREAD_S + 1)
        at.reception.media(TransferWanted(begun.call, "t", "sip:100@trunk.example", style="refer"))
        await settle()
        assert at.network.names() == ["INVITE"]
        at.answered()
        assert at.network.names() == ["INVITE", "ACK"] or at.network.names() == ["INVITE"]
        (bridge,) = [order for order in at.plane.orders if isinstance(order, Bridge)]
        assert bridge.call == begun.call
        at.reception.web.end(begun.session)
        assert at.network.names()[-1] == "BYE" and nothing_left(at)

    tell(story())


def test_the_feed_of_a_call_from_its_beginning() -> None:
    async def story() -> None:
        at = exchange()
        begun = await answered(at)
        at.reception.media(Noted(begun.call, "digit", 0.0, {"digit": "4"}))
        at.reception.media(Noted("nobody", "digit", 0.0, {"digit": "9"}))
        reader = at.reception.web.feed(begun.session)
        await asyncio.sleep(UNREAD_S + 1)
        at.reception.media(Noted(begun.call, "digit", 0.0, {"digit": "2"}))
        at.reception.web.end(begun.session)
        events = [(each.event, dict(each.fields)) async for each in reader]
        assert events == [
            ("state", {"state": "connecting"}),
            ("state", {"state": "talking"}),
            ("digit", {"digit": "4"}),
            ("digit", {"digit": "2"}),
            ("state", {"state": "over", "reason": "caller-hung-up"}),
        ]

    tell(story())


def test_a_feed_that_nobody_comes_to_read_is_told_no_more() -> None:
    async def story() -> None:
        at = exchange()
        begun = await answered(at)
        await asyncio.sleep(UNREAD_S + 1)
        watches = [order for order in at.plane.orders if isinstance(order, Watch)]
        assert watches == [Watch(begun.call, on=True), Watch(begun.call, on=False)]
        at.reception.web.feed(begun.session)
        assert at.plane.orders[-1] == Watch(begun.call, on=True)

    tell(story())


def test_the_feed_of_a_phone_call_by_its_name() -> None:
    async def story() -> None:
        at = exchange()
        at.talking()
        assert not any(isinstance(order, Watch) for order in at.plane.orders)
        reader = at.reception.web.feed(at.id)
        assert at.plane.orders[-1] == Watch(at.id, on=True)
        at.ended()
        assert [each.fields["state"] async for each in reader] == ["talking", "over"]

    tell(story())


def test_the_server_stops(lines: Lines) -> None:
    async def story() -> None:
        at = exchange()
        await answered(at)
        waiting = calling(at)
        await settle()
        at.reception.drain()
        at.reception.drop_all()
        with pytest.raises(RefusedError) as error:
            await waiting
        assert (error.value.status, error.value.reason) == (503, "shutting-down") and nothing_left(at)

    tell(story())


def test_orders_of_an_answered_call_in_their_order() -> None:
    async def story() -> None:
        at = exchange()
        task = calling(at)
        await settle()
        at.reception.media(Ready(at.id))
        await task
        await settle()
        kinds = [type(order) for order in at.plane.orders]
        assert kinds.index(Describe) < kinds.index(Greet)

    tell(story())
