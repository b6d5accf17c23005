"""Interruption on a real call: what the model is told was heard is what the caller's own packet log shows."""

from pathlib import Path

import numpy as np
import pytest

from mediacodecs.g711 import PCMU
from mediaproviders.emulators.openai import BURST, EmulatorSettings, OpenAIEmulator, Pace
from mediaserver.load.report import CallReport
from mediaserver.load.script import Play, Silence, WhileAgentSpeaks
from support import rig
from support.real_speech import recordings

pytestmark = pytest.mark.tool("pocketsphinx-testdata")


def answer(emulator: OpenAIEmulator, number: int) -> np.ndarray:
    """What a caller hears of an answer, sample by sample: it went through mu-law once."""
    return PCMU.decode(PCMU.encode(emulator.answers.pcm(number, 8000)))


def heard_of(report: CallReport, reference: np.ndarray) -> tuple[int, np.ndarray]:
    """Where an answer begins in what the caller heard, and all that was heard from there on."""
    assert report.heard is not None
    at, fit = rig.where(reference[:4000], report.heard.samples)
    assert fit > 0.99
    return at, report.heard.samples[at:]


@pytest.mark.parametrize("pace", [Pace(rate=1.3), BURST], ids=["a little faster than speech", "whole answer at once"])
@pytest.mark.parametrize("interruption", ["provider", "local"])
async def test_real_speech_truncates_at_what_was_heard(tmp_path: Path, interruption: str, pace: Pace) -> None:
    settings = EmulatorSettings(pace=pace, answer_ms=6000)
    async with rig.with_emulator(tmp_path, settings, agent={"interruption": interruption}) as (server, emulator):
        report = await server.call(WhileAgentSpeaks(1.4), Play(recordings()[0][:20000], "barge in"), Silence(1.0))
        barge_in = await server.line("barge_in")
    assert barge_in.fields["decided_by"] == interruption
    (session,) = emulator.sessions
    truncated = session.of("truncate")[0]["audio_end_ms"]
    reference = answer(emulator, 0)
    _, heard = heard_of(report, reference)
    begin, end = rig.loud_spans(heard[: 8 * 5900])[0]
    played_ms = (end - begin) / 8
    assert abs(truncated - played_ms) <= 20, (truncated, played_ms)
    # And it is that answer's audio all along, to the very byte where nothing ducked it.
    untouched = 8 * (truncated - 60)
    assert np.array_equal(heard[:untouched], reference[:untouched])
    if pace is not BURST:  # it was still being generated
        assert session.of("response_done")[0]["status"] == "cancelled"
        ours = [event for _, event in session.client_events if event["type"] == "response.cancel"]
        assert bool(ours) == (interruption == "local")


async def test_a_cough_ducks_and_resumes_from_the_very_sample(tmp_path: Path) -> None:
    settings = EmulatorSettings(answer_ms=5000)
    async with rig.with_emulator(tmp_path, settings, agent={"interruption": "local"}) as (server, emulator):
        report = await server.call(WhileAgentSpeaks(1.0), Play(rig.noise(0.16), "cough"), Silence(6.5))
        await server.line("resume")
        assert not server.lines("barge_in")
    (session,) = emulator.sessions
    assert not session.of("truncate") and not session.of("cancel")
    reference = answer(emulator, 0)
    _, heard = heard_of(report, reference)
    (_, first_end), (second_begin, _) = rig.loud_spans(heard[: 8 * 6500], level=30)[:2]
    held_ms = (second_begin - first_end) / 8
    assert held_ms >= 100, "the agent did not fall silent for the cough"
    # Every sample is there once: what was heard, without the silence, is as long as the answer and is the answer.
    ramp = 8 * 80
    same = int(np.argmin(heard[: len(reference)] == reference))
    assert same > 8 * 900
    tail = reference[same + ramp + 480 :]
    at, fit = rig.where(tail, heard)
    assert fit > 0.999
    assert np.array_equal(heard[at : at + len(tail)], tail)
    gap = at - (same + ramp + 480)  # how much later the rest comes: the time nothing was played
    assert gap % 8 == 0 or gap > 0
    silent = heard[same : same + ramp + 480 + gap]
    quiet = np.count_nonzero(np.abs(silent.astype(int)) <= 8)
    assert abs(quiet - gap) <= 8 * 30, (quiet, gap)
    ducked_level = np.abs(heard[same : same + 160].astype(int)).mean()
    assert ducked_level < np.abs(reference[same : same + 160].astype(int)).mean()


async def test_the_agent_stops_within_a_packet_of_the_models_word(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=6000)) as (server, emulator):
        report = await server.call(WhileAgentSpeaks(1.2), Play(recordings()[1][:16000], "barge in"), Silence(0.5))
    (session,) = emulator.sessions
    said_at = session.of("speech_started")[0]["t"]
    assert report.heard is not None
    _, end = rig.loud_spans(report.heard.samples)[0]
    stopped_at = report.heard.starts_at + end / 8000
    # 20 ms for the packet under way, and the rest for two processes on a busy machine.
    assert stopped_at - said_at <= 0.020 + 0.030
