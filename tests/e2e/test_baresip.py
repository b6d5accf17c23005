"""baresip calls the server; what counts is the recording that baresip made."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from mediacodecs.g711 import PCMA, PCMU
from mediaproviders.emulators.openai import BURST, EmulatorSettings, Pace
from mediaproviders.local.hear import transcribe
from mediaproviders.local.speak import synthesise
from mediaserver.load.recording import Samples
from support import rig
from support.baresip import calling, padded

pytestmark = pytest.mark.tool("baresip")

LAW = {"PCMU": PCMU, "PCMA": PCMA}
IN_FLIGHT_S = 0.2
"""For baresip to take in what was sent last: its jitter buffer holds two packets."""


def question() -> Samples:
    return synthesise("What are your opening hours?", rig.RATE)


async def test_it_hears_the_emulator_answer(tmp_path: Path) -> None:
    """One call of each law at the same time."""
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=1200)) as (server, emulator):
        recordings = await asyncio.gather(*(_question_and_answer(tmp_path / codec, server, codec) for codec in LAW))
        for number in (1, 2):
            await server.line("call.ended", count=number, reason="caller-hung-up", lost=0, underruns=0)
    assert [len(session.of("speech_started")) for session in emulator.sessions] == [1, 1], "one question each"
    for (codec, law), heard in zip(LAW.items(), recordings, strict=True):
        begins = []
        for number in (0, 1):
            # The provider takes PCMU and PCMA as they are: one encoding, baresip's decoding, nothing in between.
            said = law.decode(law.encode(emulator.answers.pcm(number, rig.RATE)))
            at, fit = rig.where(said, heard)
            assert fit > 0.999, f"{codec}: answer {number} is not in the recording (best fit {fit:.3f})"
            begins.append(at)
        assert begins[0] + 1200 * 8 <= begins[1]


async def _question_and_answer(folder: Path, server: rig.Rig, codec: str) -> Samples:
    """What a caller heard who waited for the greeting, asked, and waited for the answer."""
    async with calling(folder, server.uri, padded(question(), 1.8, 30), codec=codec) as phone:
        # A line of either call will do: the two run side by side, and neither waits for less than both.
        await server.line("transcript", speaker="agent", count=4, timeout_s=20)
        await asyncio.sleep(IN_FLIGHT_S)
        await phone.hang_up()
        return phone.heard


async def test_it_hears_the_local_model_answer(tmp_path: Path) -> None:
    async with (
        rig.rig(tmp_path, agent={"model": "local", "greeting": "Hello, this is the clinic."}) as server,
        calling(tmp_path / "phone", server.uri, padded(question(), 2.5, 40)) as phone,
    ):
        heard_by_agent = await server.line("transcript", speaker="caller", timeout_s=30)
        await server.line("transcript", speaker="agent", count=2, timeout_s=30)
        await asyncio.sleep(IN_FLIGHT_S)
        await phone.hang_up()
        await server.line("call.ended")
    assert "opening hours" in heard_by_agent.fields["text"].lower()
    words = (await asyncio.to_thread(transcribe, phone.heard, rig.RATE)).lower()
    assert "clinic" in words
    assert "open" in words and "monday" in words, words
    assert "saturday" in words, f"the answer's end is missing: {words}"


@pytest.mark.parametrize("pace", [Pace(rate=1.3), BURST], ids=["a little faster than speech", "whole answer at once"])
async def test_speech_it_plays_interrupts_and_truncates_at_what_it_heard(tmp_path: Path, pace: Pace) -> None:
    """baresip records what it decodes as packets come out of its jitter buffer, not what a loudspeaker has played,
    so the recording is compared with what the server is told to take for heard at once: no receiver buffer."""
    settings = EmulatorSettings(pace=pace, answer_ms=6000)
    async with (
        rig.with_emulator(tmp_path, settings, agent={"interruption": "provider"}) as (server, emulator),
        calling(tmp_path / "phone", server.uri, padded(question(), 2.0, 30)) as phone,
    ):
        barge_in = await server.line("barge_in")
        await asyncio.sleep(0.6)
        await phone.hang_up()
    assert barge_in.fields["decided_by"] == "provider"
    (session,) = emulator.sessions
    truncated = session.of("truncate")[0]["audio_end_ms"]
    assert 500 < truncated < 5000
    reference = PCMU.decode(PCMU.encode(emulator.answers.pcm(0, rig.RATE)))
    at, fit = rig.where(reference[:4000], phone.heard)
    assert fit > 0.999
    heard = phone.heard[at : at + 8 * 5900]
    begin, end = rig.loud_spans(heard)[0]
    assert begin == 0
    assert abs(truncated - end / 8) <= 20, (truncated, end / 8)
    # By content: up to there it is that answer, sample by sample. (baresip's table says 2 where ITU's says 0.)
    sure = 8 * (truncated - 60)
    assert np.abs(heard[:sure].astype(int) - reference[:sure]).max() <= 2


async def test_it_meets_a_challenge(tmp_path: Path) -> None:
    quiet = padded(rig.speech(0.1), 5, 0)
    async with (
        rig.with_emulator(tmp_path, sip={"users": {"alice": "wonderland"}}) as (server, _),
        calling(tmp_path / "phone", server.uri, quiet, credentials=("alice", "wonderland")) as phone,
    ):
        await server.line("call.answered", timeout_s=3)
        await phone.hang_up()
        assert (await server.line("call.ended")).fields["reason"] == "caller-hung-up"
