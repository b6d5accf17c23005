"""Garbage, truncated and hostile datagrams at a server in the middle of a call: nobody on the call notices."""

import asyncio
import random
import socket
from contextlib import closing
from pathlib import Path

from deploy.healthcheck import alive
from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.script import Play, Silence, WaitForAnswer
from mediaserver.net.stun import is_stun
from mediaserver.rtp.packet import build
from support import rig
from support.hearing import answer, hears
from support.sip_messages import DROPPED, REFUSED
from support.sip_wire import sip_wire

FIRST, LAST = 21_400, 21_407
"""So few media ports that every one of them can be attacked, in use or not."""

LOUD = bytes(random.Random(5).randbytes(160))
SHORT = EmulatorSettings(answer_ms=1600)


def garbage(seed: int = 1) -> list[bytes]:
    """Octets without sense, of every length from nothing to more than a frame of Ethernet."""
    draw = random.Random(seed)
    lengths = [0, 1, 2, 3, 4, 7, 8, 11, 12, 13, 20, 100, 172, 1400, 3000, 60_000]
    return [draw.randbytes(length) for length in lengths for _ in range(4)]


def broken_rtp() -> list[bytes]:
    """What begins as RTP or RTCP and goes wrong after that."""
    sound = build(0, 7, 160, 99, LOUD)
    cut = [sound[:length] for length in range(13)]
    many_sources = bytes([0x8F]) + sound[1:20]
    endless_extension = bytes([0x90]) + sound[1:12] + b"\xbe\xde\xff\xff" + LOUD
    all_padding = bytes([0xA0]) + sound[1:-1] + b"\xff"
    version_1 = bytes([0x40]) + sound[1:]
    report_too_long = bytes([0x81, 200, 0xFF, 0xFF]) + bytes(24)
    goodbye_of_31 = bytes([0x9F, 203, 0, 1]) + bytes(4)
    return [*cut, many_sources, endless_extension, all_padding, version_1, report_too_long, goodbye_of_31]


def injected_rtp() -> list[bytes]:
    """Sound packets of a stranger with loud noise, of the agreed type and of another."""
    return [build(kind, number, 160 * number, 4711, LOUD) for number in range(60) for kind in (0, 8, 77)]


async def test_nobody_on_the_call_notices(tmp_path: Path) -> None:
    rtp = {"ports": f"{FIRST}-{LAST}"}
    async with rig.with_emulator(tmp_path, SHORT, rtp=rtp) as (server, emulator):
        said = rig.speech(1.0)
        call = asyncio.create_task(server.call(WaitForAnswer(), Play(said, "question"), WaitForAnswer(), Silence(0.2)))
        await server.line("call.answered")
        await rig.eventually(lambda: bool(emulator.sessions[0].of("first_delta")))
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as attacker:
            attacker.bind(("127.0.0.1", 0))
            attacker.setblocking(False)
            for datagram in [*garbage(), *broken_rtp(), *injected_rtp()]:
                for port in range(FIRST, LAST + 1):
                    attacker.sendto(datagram, (server.host, port))
                await asyncio.sleep(0.003)
            async with sip_wire((server.host, server.port)) as wire:
                for datagram in [*garbage(2), *DROPPED.values()]:
                    wire.send(datagram)
                    await asyncio.sleep(0.002)
                assert await asyncio.to_thread(alive, server.host, server.port)
                # A STUN request is none: whoever keeps a flow open by it is told his address (RFC 5626 4.4.2).
                assert [each for each in wire.received if not is_stun(each)] == [], "garbage was answered"
            report = await call
            try:
                answered = attacker.recv(2048)
            except BlockingIOError:
                answered = b""
            assert answered == b"", "the call's media went to a stranger"
        ended = await server.line("call.ended")
    assert (report.status, report.ended_by, report.timed_out) == (200, "caller", [])
    assert report.reception is not None and report.reception.missing == 0
    assert hears(report, answer(emulator, 0)) and hears(report, answer(emulator, 1))
    (session,) = emulator.sessions
    assert len(session.of("speech_started")) == 1, "a stranger's noise reached the model"
    assert ended.fields["malformed"] >= len(broken_rtp())
    assert ended.fields["refused"] + ended.fields["unexpected"] >= len(injected_rtp()) // 2
    assert ended.fields["lost"] == 0 and ended.fields["concealed_ms"] == 0


async def test_sip_that_is_refused_or_cut_short_leaves_the_server_well(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, SHORT) as (server, emulator):
        call = asyncio.create_task(server.call(WaitForAnswer(), Silence(0.2)))
        await server.line("call.answered")
        async with sip_wire((server.host, server.port)) as wire:
            for refused, _ in REFUSED.values():
                message = refused.replace(b";branch", b";rport;branch", 1)
                if len(message) > 60_000:
                    continue  # no datagram takes it
                wire.send(message)
                for length in range(0, min(len(message), 300), 23):
                    wire.send(message[:length])
                await asyncio.sleep(0.005)
            # What still says who asked is told 4xx; nothing is accepted.
            await rig.eventually(lambda: len(wire.received) > 20)
            assert {data[:9] for data in wire.received} <= {b"SIP/2.0 4", b"SIP/2.0 5"}
        await asyncio.gather(*(_abuse(server.host, server.tcp_port, *pieces) for pieces in _streams()))
        assert await asyncio.to_thread(alive, server.host, server.port)
        report = await call
        by_tcp = await server.call(Silence(0.3), uri=f"sip:agent@{server.host}:{server.tcp_port};transport=tcp")
        await server.line("call.ended", count=2)
        assert not [line for line in server.server.lines if line.fields.get("level") in ("error", "critical")]
    assert report.reception is not None and report.reception.missing == 0
    assert hears(report, answer(emulator, 0))
    assert (by_tcp.status, by_tcp.ended_by) == (200, "caller")


def _streams() -> list[tuple[bytes, ...]]:
    draw = random.Random(9)
    endless_head = b"INVITE sip:x@h SIP/2.0\r\n" + b"X: y\r\n" * 20_000
    huge_body = b"INVITE sip:x@h SIP/2.0\r\nContent-Length: 999999999\r\n\r\n"
    return [
        (draw.randbytes(5000),),
        (b"\r\n\r\n" * 1000, b"\0" * 100),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",),
        (b"\x16\x03\x01\x02\x00" + draw.randbytes(512),),
        (endless_head,),
        (huge_body, b"x" * 100_000),
        (REFUSED["cut in mid-header"][0],),
        tuple(bytes([octet]) for octet in b"OPTIONS sip:x@h SIP/2.0\r\nVia"),
        (),
    ]


async def _abuse(host: str, port: int, *pieces: bytes) -> None:
    """Send pieces on a connection of their own and leave without a word; the server may have left before."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(0.3):
            answered = await reader.read(4096)
        answered = answered.strip(b"\r\n")  # a pong for every ping (RFC 5626)
        assert answered == b"" or answered.startswith((b"SIP/2.0 4", b"SIP/2.0 5")), answered[:80]
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
