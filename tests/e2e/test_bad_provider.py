"""A model that refuses, never answers, stalls, floods, sends nonsense or dies: never dead air for ever."""

import asyncio
import math
from pathlib import Path

import numpy as np
import pytest

from mediacodecs.g711 import PCMU
from mediaproviders.emulators.openai import EmulatorSettings, Fault, Pace, Refuse
from mediaserver.load.recording import write_wav
from mediaserver.load.script import Play, Silence, WaitForAnswer
from support import rig
from support.hearing import answer, heard_at, hears, place, tone
from support.sip_wire import session, sip_wire

SECOND = 8000
REASONS = {503: "model-server_error", 401: "model-invalid_api_key"}
STILL_SPEAKING = Pace(rate=1.5)
"""Slow enough for a misfortune in the middle of an answer to be one in the caller's ear."""


def once(number: int, count: int = 1) -> range:
    """The nth connection of the emulator's life, from 0."""
    return range(number, number + count)


async def test_refused_at_the_handshake_or_without_an_answer(tmp_path: Path) -> None:
    settings = EmulatorSettings(
        answer_ms=500,
        refusals=(Refuse(503, once(0, 2)), Refuse(401, once(2)), Refuse(429, once(3, 2), retry_after_s=20)),
        faults=(Fault("mute", at_s=0.0, connections=once(0)),),
    )
    sip = {"answer_deadline_s": 1.5, "retry_after_s": 9}
    tries = {"reconnect_delays_s": [0.0, 0.2]}
    async with rig.with_emulator(tmp_path, settings, sip=sip, continuity=tries) as (server, emulator):
        async with sip_wire((server.host, server.port)) as wire:
            for code in ("server_error", "invalid_api_key", "rate_limit_exceeded"):
                response = await wire.invite(session(4000))
                assert (response.status, response.headers.get("Retry-After")) == (503, "9")
                await server.line("call.rejected", reason=f"model-{code}")
            assert emulator.sessions == ()
            response = await wire.invite(session(4000))
            assert (response.status, response.headers.get("Retry-After")) == (503, "9")
        # Given up a little before the deadline, so that the log says why.
        late = await server.line("call.rejected", reason="model-timeout")
        ringing = server.lines("call.ringing")[-1]
        assert late.at - ringing.at == pytest.approx(0.9 * 1.5, abs=0.3)
        await rig.eventually(lambda: bool(emulator.sessions[0].of("closed")))
        report = await server.call(WaitForAnswer(), Silence(0.1))
    assert hears(report, answer(emulator, 0))


async def test_an_answer_that_never_begins_ends_in_the_agents_own_words(tmp_path: Path) -> None:
    sorry = rig.speech(0.8, seed=41)
    write_wav(tmp_path / "sorry.wav", sorry)
    settings = EmulatorSettings(answer_ms=3000, faults=(Fault("stall", on_turn=1, seconds=60.0, connections=once(0)),))
    agent = {"stall_timeout_s": 2.0, "welcome": "", "fault_audio": str(tmp_path / "sorry.wav")}
    async with rig.with_emulator(tmp_path, settings, agent=agent) as (server, emulator):
        report = await server.call(Silence(0.2), Play(rig.speech(0.8), "question"), Silence(60.0))
        await server.line("call.ended", reason="model-stalled")
    assert report.ended_by == "agent"
    assert 'text="model-stalled"' in report.reason
    began = heard_at(report, _through_mu_law(sorry))
    # Asked by 1.0, the turn closed at 1.5; then 2 s of patience and its grain of 1 s.
    assert 1.5 + 2.0 < began < 1.5 + 2.0 + 1.0 + 0.5
    assert report.duration_s - began == pytest.approx(0.8, abs=0.3), "dead air after the last words"
    assert place(report, answer(emulator, 0)[:2000])[1] < 0.5


async def test_an_answer_that_stalls_in_the_middle_is_given_anew(tmp_path: Path) -> None:
    stall = Fault("stall", on_turn=1, after_ms=500, seconds=60.0, connections=once(0))
    settings = EmulatorSettings(pace=STILL_SPEAKING, answer_ms=1500, faults=(stall,))
    agent = {"stall_timeout_s": 2.0, "welcome": ""}
    async with rig.with_emulator(tmp_path, settings, agent=agent) as (server, emulator):
        report = await server.call(
            Silence(0.2), Play(rig.speech(0.8), "question"), WaitForAnswer(quiet_s=4.0), Silence(0.1), max_s=20.0
        )
        assert [line.fields["reason"] for line in server.lines("provider.reconnected")] == ["stalled"]
        ended = await server.line("call.ended")
    assert (report.ended_by, ended.fields["reason"]) == ("caller", "caller-hung-up")
    assert len(emulator.sessions) == 2
    # The words that were heard stay heard; the whole answer comes after two seconds of patience and the next grain.
    assert hears(report, answer(emulator, 0)[: SECOND // 2])
    assert hears(report, answer(emulator, 0), after_s=1.5 + 2.0)


async def test_a_model_that_goes_mute_between_answers_is_replaced(tmp_path: Path) -> None:
    settings = EmulatorSettings(answer_ms=500, faults=(Fault("mute", at_s=2.5, connections=once(0)),))
    async with rig.with_emulator(tmp_path, settings, agent={"stall_timeout_s": 2.0}) as (server, emulator):
        report = await server.call(
            WaitForAnswer(),
            Silence(3.0),
            Play(rig.speech(1.0), "question"),
            Silence(1.0),
            Play(rig.speech(0.8), "are you there"),
            Silence(4.5),
            Play(rig.speech(0.8), "hello?"),
            WaitForAnswer(),
            max_s=30.0,
        )
        ended = await server.line("call.ended")
        assert [line.fields["reason"] for line in server.lines("provider.reconnected")] == ["stalled"]
    assert (report.ended_by, report.timed_out, ended.fields["reason"]) == ("caller", [], "caller-hung-up")
    assert len(emulator.sessions) == 2
    assert hears(report, answer(emulator, 0))


async def test_a_model_that_is_mute_from_the_beginning_is_not_dead_air_for_ever(tmp_path: Path) -> None:
    settings = EmulatorSettings(answer_ms=500, faults=(Fault("mute", at_s=0.3),))
    agent = {"stall_timeout_s": 2.0, "welcome": ""}
    async with rig.with_emulator(tmp_path, settings, agent=agent) as (server, _):
        report = await server.call(
            Silence(0.5),
            Play(rig.speech(1.0), "question"),
            Silence(1.0),
            Play(rig.speech(0.8), "are you there"),
            Silence(60.0),
            max_s=30.0,
        )
        ended = await server.line("call.ended")
    assert (report.ended_by, ended.fields["reason"]) == ("agent", "model-stalled")
    asked = report.spoken[1].voice_ended_at - (report.answered_at or 0.0)
    assert asked + 2.0 - 0.2 < heard_at(report, tone()) < asked + 2.0 + 1.0 + 0.7


async def test_a_minute_of_audio_at_once(tmp_path: Path) -> None:
    settings = EmulatorSettings(
        answer_ms=2000, faults=(Fault("flood", on_turn=1, after_ms=100, seconds=60.0, connections=once(0)),)
    )
    async with rig.with_emulator(tmp_path, settings) as (server, emulator):
        flooded = await server.call(Silence(4.0))
        ended = await server.line("call.ended")
        after_it = await server.call(Silence(0.2))
    one = answer(emulator, 0)
    assert hears(flooded, np.concatenate([one, one[:SECOND]]))
    assert flooded.reception is not None and flooded.reception.missing == 0
    assert ended.fields["underruns"] == 0
    assert ended.fields["skipped_ms"] == 0
    assert sum(entry["sent_ms"] for entry in emulator.sessions[0].of("response_done")) >= 60_000
    assert after_it.status == 200


async def test_nonsense_is_passed_over(tmp_path: Path) -> None:
    nonsense = ("binary_garbage", "not_json", "truncated_json", "unknown_event", "error")
    faults = tuple(Fault(kind, on_turn=1, after_ms=200.0 + 200 * n) for n, kind in enumerate(nonsense))
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=1200, faults=faults)) as (server, emulator):
        report = await server.call(WaitForAnswer(), Play(rig.speech(0.8), "question"), WaitForAnswer(), Silence(0.1))
        ended = await server.line("call.ended")
        faults_told = [line.fields["code"] for line in server.lines("provider.fault")]
    (session_,) = emulator.sessions
    assert {entry["fault"] for entry in session_.of("fault")} == set(nonsense)
    assert (report.ended_by, report.timed_out, ended.fields["reason"]) == ("caller", [], "caller-hung-up")
    assert hears(report, answer(emulator, 0)) and hears(report, answer(emulator, 1))
    assert faults_told.count("malformed") == 3 and "server_error" in faults_told


async def test_death_in_mid_word_is_survived(tmp_path: Path) -> None:
    settings = EmulatorSettings(
        pace=STILL_SPEAKING,
        answer_ms=1200,
        faults=(
            Fault("close", on_turn=1, after_ms=500, code=1011, connections=once(0)),
            Fault("reset", on_turn=2, after_ms=500, connections=once(1)),
        ),
    )
    async with rig.with_emulator(tmp_path, settings) as (server, emulator):
        report = await server.call(
            WaitForAnswer(quiet_s=1.2), Play(rig.speech(0.8), "question"), WaitForAnswer(quiet_s=1.6)
        )
        ended = await server.line("call.ended")
        assert [line.fields["reason"] for line in server.lines("provider.reconnected")] == [
            "closed_1011",
            "closed_1006",
        ]
    assert (report.ended_by, report.timed_out, ended.fields["reason"]) == ("caller", [], "caller-hung-up")
    first, second, third = emulator.sessions
    assert not [entry for entry in first.of("response_done") if entry["status"] == "completed"]
    # Each time the answer that was cut off is given anew, in full, on the next connection.
    assert [entry["sent_ms"] for entry in second.of("response_done") if entry["status"] == "completed"] == [1200]
    assert [entry["sent_ms"] for entry in third.of("response_done") if entry["status"] == "completed"] == [1200]
    asked = report.spoken[0].began_at - (report.answered_at or 0.0)
    whole = answer(emulator, 0)
    assert hears(report, whole, before_s=asked)
    assert hears(report, answer(emulator, 1)[: SECOND // 2], asked)
    assert hears(report, whole, asked)


async def test_death_for_ever_ends_in_a_tone_and_a_bye(tmp_path: Path) -> None:
    async def dies(status: int) -> None:
        (folder := tmp_path / str(status)).mkdir()
        settings = EmulatorSettings(
            pace=Pace(rate=math.inf),
            answer_ms=800,
            faults=(Fault("reset", on_turn=2),),
            refusals=(Refuse(status, once(1, 10)),),
        )
        async with rig.with_emulator(folder, settings) as (server, emulator):
            report = await server.call(WaitForAnswer(), Play(rig.speech(0.8), "question"), Silence(60.0))
            ended = await server.line("call.ended", result="failed")
        assert ended.fields["reason"] == REASONS[status]
        assert (report.ended_by, f'text="{REASONS[status]}"' in report.reason) == ("agent", True)
        assert hears(report, answer(emulator, 0))
        began = heard_at(report, tone())
        assert report.duration_s - began == pytest.approx(len(tone()) / SECOND, abs=0.3), "dead air after the tone"
        asked = report.spoken[0].voice_ended_at - (report.answered_at or 0.0)
        # Half a second closes the turn; then the attempts to reconnect, of which a refusal for good allows one.
        assert began - asked < 0.5 + (0.5 + 1.5 if status == 503 else 0.0) + 1.0

    await asyncio.gather(dies(503), dies(401))


def _through_mu_law(samples: np.ndarray) -> np.ndarray:
    return PCMU.decode(PCMU.encode(samples))
