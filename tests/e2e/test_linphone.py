"""linphonec as the phone on the desk, by every transport and with every kind of encrypted media."""

import asyncio
from pathlib import Path

import pytest

from support.linphone import linphone
from support.switchboard import Switchboard, switchboard
from support.telephone import AGENT, MODEL, calls_the_agent, is_called

pytestmark = pytest.mark.tool("linphonec")


async def talks(
    board: Switchboard, folder: Path, user: str, key: str, transport: str, codec: str, security: str | None = None
) -> None:
    """Registers, calls and is called."""
    at = board.address(transport).replace("127.0.0.1", "localhost")
    async with linphone(
        folder, at, user, transport=transport, codec=codec, security=security, authority=board.identity.authority
    ) as phone:
        await board.is_registered(user)
        await calls_the_agent(board, phone, f"sip:assistant@{at};transport={transport}", key, user=user)
        if security != "dtls":  # our offers have keys of SDES; browsers alone are offered DTLS
            await is_called(board, phone, user)


async def test_it_calls_and_is_called_by_udp_and_tcp(tmp_path: Path) -> None:
    async with switchboard(tmp_path, MODEL, agent=AGENT) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "udp", "alice", "4", "udp", "PCMA"))
        both.create_task(talks(board, tmp_path / "tcp", "bob", "7", "tcp", "opus"))


async def test_it_calls_and_is_called_by_tls_with_encrypted_media(tmp_path: Path) -> None:
    tables = {"agent": AGENT, "rtp": {"srtp": "required"}}
    async with switchboard(tmp_path, MODEL, **tables) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "sdes", "carol", "1", "tls", "PCMU", "srtp"))
        both.create_task(talks(board, tmp_path / "dtls", "dave", "2", "tls", "PCMU", "dtls"))
