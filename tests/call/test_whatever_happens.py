"""Calls by SIP both ways and by HTTP, transfers and referrals in any order: all ends, once, and gives all back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from mediaserver.call.feed import Reader
from mediaserver.call.route import RouteRefusedError
from mediaserver.call.transfer import Transfers
from mediaserver.call.web import Begun, RefusedError, WebCalls
from mediaserver.sip.events import (
    Acknowledged,
    Answered,
    ChangeRefused,
    Ended,
    Event,
    IncomingCall,
    InfoReceived,
    Progress,
    Refused,
    Reinvited,
    SessionChanged,
    TransferAsked,
    TransferProgress,
)
from mediaserver.sip.uri import NameAddr
from mediaserver.talk.orders import (
    Close,
    HangUp,
    KeysWanted,
    Lost,
    Noted,
    Ready,
    Report,
    Silent,
    TransferWanted,
    Unprotected,
)
from support.exchange import FLOW, Exchange, invite, sdp, way
from support.virtual_time import settle, tell
from support.web_offers import fragment, stream
from support.web_offers import offer as web_offer

CERTIFICATE = "sha-256 " + ":".join(["AB"] * 32)
NONSENSE = b"v=0\r\nnonsense"
BOB = NameAddr.parse("<sip:bob@far.example>")


class World:
    """What may happen to an exchange, as SIP allows it for the state a leg is in; `pick` chooses among its legs."""

    def __init__(self) -> None:
        self.exchange = Exchange(max_calls=4, accept_transfers=True, max_call_s=600.0, fingerprint=CERTIFICATE)
        self.posts: list[asyncio.Task[Begun]] = []
        self.readers: list[Reader] = []
        ways = self.exchange.ways
        ways.known["200"] = [way("one.example", "one"), way("two.example", "two")]
        ways.known["300"] = [replace(way(f"198.51.100.{n}", None), flow=FLOW, rank=1 - n // 3) for n in (1, 2, 3)]
        ways.known["sip:no@far.example"] = RouteRefusedError("no", code="forbidden-number")

    def legs(self, *states: str) -> list[int]:
        return [leg for leg, state in self.exchange.network.legs.items() if state in states]

    def tell(self, pick: int, states: tuple[str, ...], event: Callable[[int], Event], becomes: str | None) -> None:
        if legs := self.legs(*states):
            leg = legs[pick % len(legs)]
            if becomes is not None:
                self.exchange.network.legs[leg] = becomes
            self.exchange.reception.sip(event(leg))

    def report(self, pick: int, report: Callable[[str], Report]) -> None:
        if opened := self.exchange.plane.opened:
            self.exchange.reception.media(report(opened[pick % len(opened)].call))

    def arrives(self, pick: int, offer: bytes | None, *, replaces: bool = False) -> None:
        exchange, legs = self.exchange, self.legs("answered", "ringing", "calling")
        exchange.legs += 1
        exchange.network.legs[exchange.legs] = "ringing"
        replaced = legs[pick % len(legs)] if replaces and legs else None
        exchange.reception.sip(IncomingCall(exchange.legs, invite(), FLOW, offer, replaces=replaced))

    # By HTTP

    def posts_offer(self, offer: bytes) -> None:
        self.posts.append(asyncio.ensure_future(self.exchange.reception.web.begin("a", offer, "198.51.100.9", {})))

    def gives_up(self, pick: int) -> None:
        if waiting := [post for post in self.posts if not post.done()]:
            waiting[pick % len(waiting)].cancel()

    def sessions(self) -> list[str]:
        done = [post for post in self.posts if post.done() and not post.cancelled() and post.exception() is None]
        return [post.result().session for post in done]

    def asks(self, pick: int, request: Callable[[WebCalls, str], object]) -> None:
        """Of a session, which may be over."""
        if sessions := self.sessions():
            try:
                request(self.exchange.reception.web, sessions[pick % len(sessions)])
            except RefusedError as refusal:
                assert refusal.status in (404, 429)

    def watches(self, web: WebCalls, session: str) -> None:
        self.readers.append(web.feed(session))

    def reads_no_more(self, pick: int) -> None:
        if self.readers:
            self.readers[pick % len(self.readers)].close()

    def dials(self, number: str = "200") -> None:
        try:
            self.exchange.dial(number)
        except RouteRefusedError as refusal:
            assert refusal.code == "max-calls"


def answers(body: bytes | None) -> Callable[[World, int], None]:
    return lambda w, n: w.tell(n, ("calling",), lambda leg: Answered(leg, body, "f"), "answered")


def refuses(status: int, *contacts: str) -> Callable[[World, int], None]:
    return lambda w, n: w.tell(n, ("calling",), lambda leg: Refused(leg, status, "", None, contacts), "gone")


def says(event: Callable[[int], Event]) -> Callable[[World, int], None]:
    return lambda w, n: w.tell(n, ("answered",), event, None)


def wants(style: Any, target: str = "200") -> Callable[[World, int], None]:
    return lambda w, n: w.report(n, lambda call: TransferWanted(call, "t", target, {}, style, n % 2 == 0))


def restarts(web: WebCalls, session: str) -> None:
    async def restart() -> None:
        try:
            await web.restart(session, fragment("newU", "n" * 22))
        except RefusedError as refusal:
            assert refusal.status == 404

    asyncio.ensure_future(restart())  # noqa: RUF006


HAPPENINGS: list[Callable[[World, int], None]] = [
    lambda w, n: w.posts_offer(web_offer()),
    lambda w, n: w.posts_offer(web_offer(stream(formats="9"))),
    lambda w, n: w.gives_up(n),
    lambda w, n: w.asks(n, lambda web, session: web.end(session)),
    lambda w, n: w.asks(n, restarts),
    lambda w, n: w.asks(n, w.watches),
    lambda w, n: w.reads_no_more(n),
    lambda w, n: w.report(n, lambda call: Noted(call, "digit", 0.0, {"digit": "1"})),
    lambda w, n: w.report(n, lambda call: Unprotected(call, "no way")),
    lambda w, n: w.arrives(n, sdp()),
    lambda w, n: w.arrives(n, None),
    lambda w, n: w.arrives(n, sdp(), replaces=True),
    lambda w, n: w.arrives(n, None, replaces=True),
    lambda w, n: w.dials(),
    lambda w, n: w.dials("300"),
    lambda w, n: w.report(n, Ready),
    lambda w, n: w.report(n, Ready),
    lambda w, n: w.report(n, lambda call: Lost(call, "gone", "gone")),
    lambda w, n: w.report(n, lambda call: HangUp(call, "done")),
    lambda w, n: w.report(n, lambda call: Silent(call, 30.0)),
    lambda w, n: w.report(n, lambda call: KeysWanted(call, "k", "1w2")),
    wants("refer"),
    wants("invite"),
    wants("attended"),
    wants("invite", "300"),
    wants(None, "sip:no@far.example"),
    answers(sdp("0")),
    answers(sdp("8")),
    answers(None),
    answers(NONSENSE),
    refuses(486),
    refuses(503),
    refuses(302, "<sip:elsewhere@far.example>"),
    refuses(603),
    lambda w, n: w.tell(n, ("calling",), lambda leg: Progress(leg, 180, None, "f"), None),
    lambda w, n: w.tell(n, ("calling",), lambda leg: Progress(leg, 183, sdp("0"), "f"), None),
    lambda w, n: w.tell(n, ("answered",), lambda leg: Ended(leg, by_peer=True, status=None, reason=""), "gone"),
    lambda w, n: w.tell(n, ("answered",), lambda leg: Ended(leg, by_peer=False, status=408, reason="gone"), "gone"),
    lambda w, n: w.exchange.reception.sip(says_ack(w, n)),
    says(lambda leg: Reinvited(leg, sdp(direction="inactive"))),
    says(lambda leg: Reinvited(leg, NONSENSE)),
    says(lambda leg: SessionChanged(leg, sdp())),
    says(lambda leg: ChangeRefused(leg, 488, "")),
    says(lambda leg: InfoReceived(leg, "application/dtmf", b"5")),
    says(lambda leg: TransferAsked(leg, BOB, None, None)),
    says(lambda leg: TransferProgress(leg, 100, "", final=False)),
    says(lambda leg: TransferProgress(leg, 200, "", final=True)),
    says(lambda leg: TransferProgress(leg, 501, "", final=True)),
    says(lambda leg: TransferProgress(leg, 486, "", final=True)),
]


def says_ack(world: World, pick: int) -> Event:
    legs = [leg for leg in world.legs("answered") if leg < 100] or [0]
    return Acknowledged(legs[pick % len(legs)], sdp() if pick % 2 else None)


def talks(world: World, pick: int) -> None:
    """A call comes, is answered and acknowledged."""
    world.arrives(pick, sdp())
    leg = world.exchange.legs
    world.report(len(world.exchange.plane.opened) - 1, Ready)
    if world.exchange.network.legs[leg] == "answered":
        world.exchange.reception.sip(Acknowledged(leg, None))


def posts(world: World, pick: int) -> None:
    """A call comes by HTTP, and its model is ready."""
    world.posts_offer(web_offer())


def web_ready(world: World, pick: int) -> None:
    world.report(len(world.exchange.plane.opened) - 1, Ready)


def first(happening: Callable[[World, int], None]) -> Callable[[World, int], None]:
    """To the first leg and the first call."""
    return lambda world, pick: happening(world, 0)


ASKED = says(lambda leg: TransferAsked(leg, BOB, None, None))
BEGINNINGS: list[list[Callable[[World, int], None]]] = [
    [],
    [talks],
    [talks, first(wants("refer"))],
    [talks, first(wants("invite"))],
    [talks, first(wants("invite")), answers(sdp("0"))],
    [talks, first(wants("invite", "300"))],
    [talks, first(wants("attended"))],
    [talks, first(wants("attended")), answers(sdp("0"))],
    [talks, first(ASKED)],
    [talks, first(ASKED), answers(sdp("0"))],
    [posts],
    [posts, web_ready],
    [posts, web_ready, first(wants("refer")), answers(sdp("0"))],
    [posts, web_ready, first(wants("attended"))],
    [lambda w, n: w.dials(), first(lambda w, n: w.report(n, Ready))],
    [lambda w, n: w.dials("300"), first(lambda w, n: w.report(n, Ready))],
    [lambda w, n: w.dials(), first(lambda w, n: w.report(n, Ready)), answers(sdp("0"))],
]


def nobody_is_left_alone(exchange: Exchange) -> None:
    """Who is not talking to an agent talks to somebody else, or is being called for somebody."""
    calls = list(exchange.reception._calls)
    awaited = [call.handover._second for call in calls if isinstance(call.handover, Transfers)]
    for call in calls:
        assert call.agent is not None or call.partner is not None or call in awaited
        assert call.partner is None or call.partner in calls


STEPS = st.lists(
    st.tuples(
        st.sampled_from(HAPPENINGS),
        st.integers(0, 3),
        st.sampled_from([0.0, 0.0, 0.0, 0.0, 7.0, 61.0]),
    ),
    max_size=12,
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(BEGINNINGS), STEPS)
def test_whatever_happens_everything_ends_once_and_is_given_back(
    beginning: list[Callable[[World, int], None]], steps: list[tuple[Callable[[World, int], None], int, float]]
) -> None:
    async def story() -> World:
        world = World()
        for happening, pick, wait_s in [*((each, 0, 0.0) for each in beginning), *steps]:
            happening(world, pick)
            await settle()
            if wait_s:
                await asyncio.sleep(wait_s)
        nobody_is_left_alone(world.exchange)
        world.exchange.reception.drop_all()
        await asyncio.sleep(5)  # parting peers are hung up on a little later
        for post in world.posts:
            assert post.done() and (post.cancelled() or isinstance(post.exception(), RefusedError | type(None)))
        for reader in world.readers:
            async for _ in reader:  # each ends with its call
                pass
        return world

    with capture_logs() as lines:
        world = tell(story())
    exchange = world.exchange
    assert exchange.nothing_left()
    web = exchange.reception.web
    assert not len(web) and not len(web._line) and not len(exchange.reception._desk.feeds)
    assert exchange.ways.held == []
    assert [leg for leg, state in exchange.network.legs.items() if state != "gone"] == []
    opened = [order.call for order in exchange.plane.opened]
    closed = [order.call for order in exchange.plane.orders if isinstance(order, Close)]
    assert sorted(set(closed)) == sorted(closed) and set(opened) <= set(closed)
    assert not [line for line in lines if line["event"] == "call.failed"], lines
    ended = [line["call"] for line in lines if line["event"] == "call.ended"]
    assert len(ended) == len(set(ended)) and set(opened) <= set(ended)
