"""baresip as the phone on the desk, by every transport and with every kind of encrypted media."""

import asyncio
from pathlib import Path

import pytest

from support import baresip
from support.switchboard import Switchboard, switchboard
from support.telephone import AGENT, MODEL, calls_the_agent, is_called

pytestmark = pytest.mark.tool("baresip", "raw-sockets")


async def talks(board: Switchboard, folder: Path, user: str, key: str, transport: str, security: str | None) -> None:
    """Registers, calls and is called."""
    at = board.address(transport)
    async with baresip.softphone(
        folder, at, user, transport=transport, security=security, authority=board.identity.authority
    ) as phone:
        await board.is_registered(user)
        await calls_the_agent(board, phone, f"sip:assistant@{at}", key, user=user)
        if security != "dtls_srtp":  # our offers have keys of SDES; browsers alone are offered DTLS
            await is_called(board, phone, user)


async def test_it_calls_and_is_called_by_udp_and_tcp(tmp_path: Path) -> None:
    async with switchboard(tmp_path, MODEL, agent=AGENT) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "udp", "alice", "4", "udp", None))
        both.create_task(talks(board, tmp_path / "tcp", "bob", "7", "tcp", None))


async def test_it_calls_and_is_called_by_tls_with_encrypted_media(tmp_path: Path) -> None:
    tables = {"agent": AGENT, "rtp": {"srtp": "required"}}
    async with switchboard(tmp_path, MODEL, **tables) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "sdes", "carol", "1", "tls", "srtp-mand"))
        both.create_task(talks(board, tmp_path / "dtls", "dave", "2", "tls", "dtls_srtp"))
