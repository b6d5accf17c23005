"""SIPp calls the server: load, the corners of SIP, and media played from a capture."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from mediacodecs.g711 import PCMA, PCMU
from mediacodecs.pcm import Pcm
from mediaproviders.emulators.openai import EmulatorSettings
from mediaproviders.local.hear import transcribe
from mediaproviders.local.speak import synthesise
from support import rig
from support.baresip import padded
from support.real_speech import recordings
from support.rig import Rig
from support.sipp import free_port, receiver, sipp, tap, write_capture

pytestmark = pytest.mark.tool("sipp")

LAW = {0: ("PCMU", PCMU), 8: ("PCMA", PCMA)}


def target(server: Rig) -> str:
    return f"{server.host}:{server.port}"


async def ends(server: Rig, count: int) -> list[str]:
    """How the calls ended, once `count` have."""
    await server.line("call.ended", count=count)
    return [line.fields["reason"] for line in server.lines("call.ended")]


# --- signalling -------------------------------------------------------------------------------------------------------


async def test_a_hundred_calls_by_each_transport_and_none_is_left(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=1000)) as (server, emulator):

        async def hundred(name: str, port: int, mode: str) -> None:
            (tmp_path / name).mkdir()
            options = ("-t", mode, "-m", "100", "-r", "20", "-d", "1000")
            (await sipp(tmp_path / name, "call", f"{server.host}:{port}", *options)).assert_followed()

        await asyncio.gather(hundred("udp", server.port, "u1"), hundred("tcp", server.tcp_port, "t1"))
        assert await ends(server, 200) == ["caller-hung-up"] * 200
        await rig.eventually(lambda: all(session.of("closed") for session in emulator.sessions))
    assert len(emulator.sessions) == 200
    (stopping,) = server.lines("stopping")
    assert stopping.fields["calls"] == 0
    assert len(server.lines("call.ended")) == 200
    assert "Traceback" not in server.server.tail()


async def test_options_and_a_call_nobody_could_understand(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path) as (server, emulator):
        (await sipp(tmp_path, "options", target(server), "-m", "1")).assert_followed()
        (await sipp(tmp_path, "g729_only", target(server), "-m", "1")).assert_followed()
        rejected = await server.line("call.rejected")
    assert rejected.fields["sip_status"] == 488
    assert not emulator.sessions


@asynccontextmanager
async def a_model_that_never_answers() -> AsyncIterator[str]:
    """The base URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}/v1"


async def test_the_caller_gives_up_while_it_rings(tmp_path: Path) -> None:
    async with (
        a_model_that_never_answers() as url,
        rig.rig(
            tmp_path, agent={"model": "gpt-realtime"}, providers__openai={"api_key": "sk-test", "base_url": url}
        ) as server,
    ):
        (await sipp(tmp_path, "cancel", target(server), "-m", "3", "-d", "200")).assert_followed()
        assert await ends(server, 3) == ["cancelled"] * 3
        assert not server.lines("call.answered")


async def test_the_offer_comes_late(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=800)) as (server, emulator):
        with receiver() as (port, ear):
            options = ("-key", "media_at", str(port), "-m", "1", "-d", "1500")
            (await sipp(tmp_path, "late_offer", target(server), *options)).assert_followed()
        assert await ends(server, 1) == ["caller-hung-up"]
    said = PCMU.decode(PCMU.encode(emulator.answers.pcm(0, rig.RATE)))
    assert rig.where(said, ear.heard)[1] > 0.999


async def test_hold_and_resume(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=4000)) as (server, _):
        with receiver() as (port, ear):
            options = ("-key", "media_at", str(port), "-m", "1", "-d", "1000")
            (await sipp(tmp_path, "hold", target(server), *options)).assert_followed()
        assert await ends(server, 1) == ["caller-hung-up"]
        changes = [line for event in ("call.held", "call.resumed") for line in server.lines(event)]
    assert [(line.event, line.fields["direction"]) for line in changes] == [
        ("call.held", "recvonly"),
        ("call.resumed", "sendrecv"),
    ]
    times = [arrival.at for arrival in ear.arrivals]
    pauses = [after - before for before, after in pairwise(times) if after - before > 0.5]
    assert len(pauses) == 1, f"nothing is sent to a caller on hold, once: {pauses}"
    assert pauses[0] > 0.8
    assert len({arrival.ssrc for arrival in ear.arrivals}) == 1


async def test_a_challenge_is_met_and_a_wrong_password_is_not_enough(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, sip={"users": {"alice": "wonderland"}}) as (server, emulator):
        who = ("-m", "1", "-d", "200", "-au", "alice", "-ap")
        (await sipp(tmp_path, "digest_refused", target(server), *who, "looking-glass")).assert_followed()
        (await sipp(tmp_path, "digest", target(server), *who, "wonderland")).assert_followed()
        assert await ends(server, 1) == ["caller-hung-up"]
        assert len(server.lines("call.incoming")) == 1
    assert len(emulator.sessions) == 1


async def test_the_server_hangs_up_by_the_route_of_the_call(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, limits={"max_call_s": 0.5}) as (server, _):
        (await sipp(tmp_path, "agent_hangs_up", target(server), "-m", "1")).assert_followed()
        assert await ends(server, 1) == ["max-duration"]


# --- media from a capture ---------------------------------------------------------------------------------------------


@pytest.mark.tool("raw-sockets", "pocketsphinx-testdata")
async def test_captures_are_answered_by_the_emulator(tmp_path: Path) -> None:
    """One of each law at the same time: the provider takes both as they are, nothing is converted on the way."""
    speaks = padded(recordings()[1][:12000], 1.8, 4.0)
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=1200)) as (server, emulator):
        heard = await asyncio.gather(*(_capture_call(tmp_path, server, speaks, each, 7000) for each in LAW))
        assert await ends(server, 2) == ["caller-hung-up"] * 2
        for ended in server.lines("call.ended"):
            assert ended.fields["lost"] == ended.fields["underruns"] == ended.fields["malformed"] == 0
    assert [len(session.of("speech_started")) for session in emulator.sessions] == [1, 1]
    for (name, law), sound in zip(LAW.values(), heard, strict=True):
        for number in (0, 1):
            said = law.decode(law.encode(emulator.answers.pcm(number, rig.RATE)))
            fit = rig.where(said, sound)[1]
            assert fit > 0.999, f"{name}: answer {number} did not reach the caller (best fit {fit:.3f})"


@pytest.mark.tool("raw-sockets")
async def test_a_capture_is_answered_by_the_local_model(tmp_path: Path) -> None:
    question = synthesise("What are your opening hours?", rig.RATE)
    (tmp_path / "script.toml").write_text(SCRIPT)
    async with rig.rig(
        tmp_path, agent={"model": "local", "greeting": GREETING}, providers__local={"script": tmp_path / "script.toml"}
    ) as server:
        heard = await _capture_call(tmp_path, server, padded(question, 2.5, 6.5), 0, 11_000)
        assert await ends(server, 1) == ["caller-hung-up"]
        texts = [line.fields["text"] for line in server.lines("transcript") if line.fields["speaker"] == "caller"]
    assert len(texts) == 1 and "opening hours" in texts[0].lower()
    words = (await asyncio.to_thread(transcribe, heard, rig.RATE)).lower()
    assert "welcome" in words and "bakery" in words, words
    assert "sunday" in words and "morning" in words, words


GREETING = "Welcome to the bakery."
SCRIPT = """
greeting = "Unused: the agent has its own."
fallback = ["I do not know."]

[[intents]]
name = "hours"
any = ["opening hours"]
say = "We are open every Sunday morning."
"""


async def _capture_call(folder: Path, server: Rig, speaks: Pcm, payload_type: int, length_ms: int) -> Pcm:
    """A call that plays this as a capture; what reached the media port."""
    name, _ = LAW[payload_type]
    folder = folder / name
    folder.mkdir()
    write_capture(folder / "speech.pcap", speaks, payload_type)
    port = free_port()
    with tap(port) as ear:
        options = ("-m", "1", "-d", str(length_ms), "-key", "payload", str(payload_type), "-key", "encoding", name)
        outcome = await sipp(folder, "capture", target(server), *options, media_port=port)
    outcome.assert_followed()
    return ear.heard
