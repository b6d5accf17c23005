"""Nothing is left of browsers' calls, however they end: tasks, sockets, places on the port, whatever a call was."""

import asyncio
import gc
import os
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.call.feed import Feed
from mediaserver.call.web_call import WebCall
from mediaserver.call.web_session import WebSession
from mediaserver.load.browser_caller import BrowserCaller
from mediaserver.load.phrasebook import Phrasebook
from mediaserver.load.script import Play, Silence, Vanish
from mediaserver.rtp.session import MediaSession
from mediaserver.talk.conversation import Talk
from mediaserver.talk.leg import Leg
from mediaserver.talk.seat import Seat
from mediaserver.webrtc.association import Association
from mediaserver.webrtc.channel import Channel
from mediaserver.webrtc.dtls import Handshake
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.keyring import Keyring
from mediaserver.webrtc.secure_port import SecurePort
from mediaserver.webrtc.shared_port import Place
from support import rig
from support.web_board import WebBoard, page, web_board

OF_A_CALL = (
    Association, Channel, Feed, Handshake, Keyring, Leg, MediaSession, Place, Seat, SecurePort, Talk, WebCall,
    WebSession,
)  # fmt: skip
SAYS = [Play(rig.speech(0.4, 90), "hello"), Silence(0.2)]
EACH = 2
IDENTITY, BOOK = Identity(), Phrasebook()


def held() -> Counter[str]:
    """What this process has of what calls are made of."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, OF_A_CALL))


def busy() -> tuple[int, int]:
    """Tasks, and files and sockets."""
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))


async def call(web: WebBoard, how: str, connecting: asyncio.Lock) -> BrowserCaller:
    """One that ends by the browser's word, by the server's, or with neither."""
    caller = BrowserCaller(web.endpoint, await web.token(), identity=IDENTITY, book=BOOK)
    async with AsyncExitStack() as stack:
        async with connecting:  # one at a time: a slow machine has enough to do with that
            await stack.enter_async_context(caller)
        if how == "watched":
            assert caller.session is not None and caller.session.events is not None
            async with page(caller.session.events, await web.token()) as told:
                await told.hears_of("state", state="talking")
                await caller.perform(SAYS)
        else:
            await caller.perform({"server": [Silence(60)], "vanishes": [*SAYS, Vanish()]}.get(how, SAYS))
    return caller


async def wave(web: WebBoard) -> None:
    ways = ("browser", "server", "vanishes", "watched") * EACH
    connecting = asyncio.Lock()
    over = await asyncio.gather(*(call(web, how, connecting) for how in ways))
    ended = Counter(caller.report.ended_by for caller in over)
    assert ended == {"caller": 2 * EACH, "agent": EACH, "vanished": EACH}
    reception, port = web.board.reception, web.board.server._browsers._port
    assert port is not None
    await rig.eventually(lambda: not len(reception) and not len(reception.web) and not len(port), 15.0)
    await rig.eventually(lambda: not len(reception._desk.feeds), 10.0)


async def test_nothing_is_left_of_calls_however_they_end(tmp_path: Path) -> None:
    tables = {"rtp": {"silence_timeout_s": 3.0}, "http": {"per_source": 10_000}}
    agent = {"limits": {"max_call_s": 7.0}}
    async with web_board(tmp_path, EmulatorSettings(answer_ms=300), agent=agent, **tables) as web:
        idle, others = busy(), held()  # of tests before this one something may be left, and go meanwhile
        await wave(web)
        await rig.eventually(lambda: busy() == idle, 20.0)  # connections of HTTP are kept for a while
        assert held() - others == Counter()
        others = held()
        talking = await web.caller()
        async with talking:
            assert (held() - others)["MediaSession"] == 1 and busy() > idle, "what there is while there is a call"
