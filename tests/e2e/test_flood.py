"""More than there is room for: every call too many hears 503 once, and those that are there do not notice."""

import asyncio
from contextlib import closing
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket

from bench.excess import Excess
from deploy.healthcheck import alive
from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.script import Silence, WaitForAnswer
from support import rig
from support.sip_rig import request
from support.sipp import sipp

ROOM = 5
EXCESS = 300
GUARD = {"trusted": [], "calls_per_s": 5.0, "others_per_s": 20.0}
"""Loopback is like any other address."""


async def test_over_the_limit_every_invite_hears_one_503_and_no_call_suffers(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, limits={"max_calls": ROOM}) as (server, _):
        async with Excess(server.host, server.port) as caller:
            await caller.place(ROOM, 50)
            await server.line("call.answered", count=ROOM)
            await caller.place(EXCESS, 150)
            await asyncio.sleep(0.8)  # whoever repeats a final response does so after half a second
            before = caller.tally()
            await caller.hang_up()
            tally = caller.tally()
        assert tally.finals == {(200,): ROOM, (503,): EXCESS}
        assert all(call.retry_after for call in tally.calls)
        assert all(call.hung_up for call in tally.admitted) and tally.unasked == 0
        assert before.rtp > 50 * ROOM and before.rtp_missing == 0
        await server.line("call.ended", count=ROOM)
        assert {line.fields["reason"] for line in server.lines("call.ended")} == {"caller-hung-up"}
        assert len(server.lines("call.refused")) <= EXCESS
        assert (await server.call(Silence(0.1))).status == 200  # there is room again


async def test_hundreds_of_short_calls_by_sipp_leave_nothing_behind(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, limits={"max_calls": 100}) as (server, _):
        target = f"{server.host}:{server.port}"
        outcome = await sipp(tmp_path, "call", target, "-m", "200", "-r", "40", "-d", "50", max_s=60)
        outcome.assert_followed()
        await server.line("call.ended", count=200, timeout_s=30)
        assert {line.fields["reason"] for line in server.lines("call.ended")} == {"caller-hung-up"}


async def test_a_stranger_that_floods_is_not_heard_and_a_call_goes_on(tmp_path: Path) -> None:
    """Another address of loopback sends a thousand INVITEs; the caller on the usual one hears its answer whole."""
    emulated = EmulatorSettings(answer_ms=1500)
    async with rig.with_emulator(tmp_path, emulated, sip={"guard": GUARD}) as (server, emulator):
        call = asyncio.create_task(server.call(WaitForAnswer(), Silence(0.2)))
        await server.line("call.answered")
        with closing(socket(AF_INET, SOCK_DGRAM)) as attacker:
            attacker.bind(("127.0.0.2", 0))
            attacker.setblocking(False)
            for number in range(1000):
                data = request(branch=f"z9hG4bK{number}", call_id=f"flood-{number}", via=_via(attacker, number))
                attacker.sendto(data, (server.host, server.port))
                if number % 20 == 0:
                    await asyncio.sleep(0.01)
            flood = await server.line("sip.flood")
            assert flood.fields["source"] == "127.0.0.2"
            assert await asyncio.to_thread(alive, server.host, server.port)
            report = await call
        assert (report.status, report.timed_out) == (200, [])
        assert report.reception is not None and report.reception.missing == 0
        assert len(server.lines("call.incoming")) <= 1 + 3 * GUARD["calls_per_s"] + 20  # type: ignore[operator]
        assert len(server.lines("sip.flood")) == 1
    assert emulator.sessions


async def test_a_scanner_hears_nothing_and_is_banned(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, sip={"guard": {"trusted": []}}) as (server, _):
        with closing(socket(AF_INET, SOCK_DGRAM)) as scanner:
            scanner.bind(("127.0.0.3", 0))
            scanner.setblocking(False)
            probe = request("OPTIONS", extra=["User-Agent: friendly-scanner"], via=_via(scanner, 1), contact=None)
            innocent = request("OPTIONS", via=_via(scanner, 2), contact=None)
            for data in (probe, innocent):
                scanner.sendto(data, (server.host, server.port))
            banned = await server.line("sip.banned")
            assert (banned.fields["source"], banned.fields["why"]) == ("127.0.0.3", "a scanner")
            assert await asyncio.to_thread(alive, server.host, server.port)  # what came before is done with
            assert _heard(scanner) == b""


async def test_who_guesses_passwords_is_banned(tmp_path: Path) -> None:
    sip = {"users": {"alice": "wonderland"}, "guard": {"trusted": [], "failures": 3}}
    wrong = ("-m", "1", "-au", "alice", "-ap", "looking-glass")
    async with rig.with_emulator(tmp_path, sip=sip) as (server, _):
        target = f"{server.host}:{server.port}"
        for _ in range(3):
            (await sipp(tmp_path, "digest_refused", target, *wrong)).assert_followed()
        banned = await server.line("sip.banned")
        assert (banned.fields["why"], banned.fields["seconds"]) == ("wrong passwords", 600)
        with closing(socket(AF_INET, SOCK_DGRAM)) as same:
            same.bind(("127.0.0.1", 0))
            same.settimeout(0.5)
            same.sendto(request("OPTIONS", via=_via(same, 1), contact=None), (server.host, server.port))
            assert await asyncio.to_thread(_heard, same) == b""


def _via(sock: socket, number: int) -> str:
    host, port = sock.getsockname()
    return f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{number};rport"


def _heard(sock: socket) -> bytes:
    try:
        return sock.recv(4096)
    except (BlockingIOError, TimeoutError):
        return b""
