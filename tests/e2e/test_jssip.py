"""JsSIP in Chromium: a phone in a page, by secure WebSocket, with encrypted media that find their way by ICE."""

from pathlib import Path

import pytest

from support.jssip import jssip
from support.switchboard import switchboard
from support.telephone import AGENT, MODEL, calls_the_agent, is_called

pytestmark = pytest.mark.tool("chromium", "node", "jssip")


@pytest.mark.parametrize(("codec", "keys"), [("opus", "INFO"), ("PCMU", "RFC2833")])
async def test_it_calls_and_is_called(tmp_path: Path, codec: str, keys: str) -> None:
    async with switchboard(tmp_path, MODEL, agent=AGENT) as board:
        socket = f"wss://{board.address('wss')}"
        async with jssip(tmp_path / "page", socket, "alice", codec=codec, keys=keys) as phone:
            await board.is_registered("alice")
            await calls_the_agent(board, phone, "sip:assistant@127.0.0.1", user="alice")
            await is_called(board, phone, "alice")
