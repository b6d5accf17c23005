"""An account with several telephones, on real sockets: they ring at once, and one has the call."""

import asyncio
import time
from pathlib import Path

from mediaserver.sip.events import Cancelled, Ended, IncomingCall, Replied
from mediaserver.sip.uri import NameAddr, SipUri
from support import rig
from support.phone import Phone, phone
from support.switchboard import Switchboard, switchboard

ALICE = NameAddr.parse("<sip:alice@127.0.0.1>")


async def registers(made: Phone, board: Switchboard, q: float = 1.0) -> None:
    server = SipUri.parse(f"sip:{board.address()}")
    (flow,) = await made.shell.resolve(server)
    made.endpoint.outside.request(
        "REGISTER",
        target=server,
        flow=flow,
        from_=ALICE,
        to=ALICE,
        now=time.monotonic(),
        contact=f"<{made.uri}>;q={q}",
        credentials=("alice", "secret"),
    )
    made.shell.pump()
    assert (await made.event(Replied)).status == 200


async def test_all_ring_and_the_first_to_answer_talks_with_the_agent(tmp_path: Path) -> None:
    async with (
        switchboard(tmp_path) as board,
        phone(refuses=486) as busy,
        phone(answers=False) as slow,
        phone(answers=False) as quick,
        phone() as last,
    ):
        for each, q in ((busy, 1.0), (slow, 1.0), (quick, 1.0), (last, 0.3)):
            await registers(each, board, q)
        board.dial("alice")
        rung = await quick.event(IncomingCall)
        await slow.event(IncomingCall)
        await busy.event(IncomingCall)
        quick.take(rung)
        cancelled = await slow.event(Cancelled)
        assert cancelled.reason == 'SIP;cause=200;text="Call completed elsewhere"'
        (line,) = quick.lines.values()
        said = rig.speech(1.2)
        line.say(said)
        await board.model_hears(said)
        quick.bye(line)
        await board.line("call.ended", reason="callee-hung-up")
        assert not any(isinstance(event, IncomingCall) for event in last.events)


async def test_of_those_who_answer_at_the_same_moment_one_stays(tmp_path: Path) -> None:
    async with switchboard(tmp_path) as board, phone() as first, phone() as second:
        for each in (first, second):
            await registers(each, board)
        board.dial("alice")
        for each in (first, second):
            await each.event(IncomingCall)
        await board.line("call.answered")
        over = [asyncio.create_task(each.event(Ended)) for each in (first, second)]
        done, waiting = await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1 and len(waiting) == 1
        for task in waiting:
            task.cancel()
        assert board.logged("call.ended") == []
        assert len(board.reception) == 1
