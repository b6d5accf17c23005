"""The detector: on decoded audio, on the buffer's clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaproviders.emulators.openai import EmulatorSettings
from mediaproviders.emulators.speech import floor_of, loudness
from support.openaiemulator import QUICK, Rehearsal, one, only, types


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma", "audio/pcm"])
def test_a_turn_on_the_buffer_clock(kind: str) -> None:
    rehearsal = Rehearsal(kind=kind)
    events = rehearsal.hear(rehearsal.silence(1000))
    assert events == []
    events = rehearsal.hear(rehearsal.speech(600)) + rehearsal.hear(rehearsal.silence(480))
    started = one(events, "input_audio_buffer.speech_started")
    # Speech from 1000 on, less 300 of padding.
    assert started["audio_start_ms"] == 700
    assert only(events, "input_audio_buffer.speech_stopped") == []
    events = rehearsal.hear(rehearsal.silence(20))
    assert types(events)[:5] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert events[0]["audio_end_ms"] == 2100
    assert {each["item_id"] for each in (started, *events[:2])} == {events[2]["item"]["id"]}


def test_padding_never_reaches_before_the_buffer() -> None:
    rehearsal = Rehearsal()
    started = one(rehearsal.hear(rehearsal.speech(300)), "input_audio_buffer.speech_started")
    assert started["audio_start_ms"] == 0


def test_the_clock_counts_audio_not_time() -> None:
    rehearsal = Rehearsal()
    events = rehearsal.hear(rehearsal.speech(400)) + rehearsal.run(30)
    assert only(events, "input_audio_buffer.speech_stopped") == []
    assert one(rehearsal.hear(rehearsal.silence(500)), "input_audio_buffer.speech_stopped")["audio_end_ms"] == 900


def test_settings_are_honoured() -> None:
    rehearsal = Rehearsal()
    rehearsal.detection(prefix_padding_ms=100, silence_duration_ms=200)
    events = rehearsal.hear(rehearsal.silence(500) + rehearsal.speech(300) + rehearsal.silence(200))
    assert one(events, "input_audio_buffer.speech_started")["audio_start_ms"] == 400
    assert one(events, "input_audio_buffer.speech_stopped")["audio_end_ms"] == 1000


def test_threshold_decides() -> None:
    rehearsal = Rehearsal()
    quiet = rehearsal.speech(500, gain=0.05)
    rehearsal.detection(threshold=0.9)
    assert rehearsal.hear(quiet) == []
    rehearsal.detection(threshold=0.2)
    one(rehearsal.hear(quiet), "input_audio_buffer.speech_started")


def test_a_click_is_not_speech() -> None:
    rehearsal = Rehearsal()
    assert rehearsal.hear(rehearsal.speech(40) + rehearsal.silence(200) + rehearsal.speech(40)) == []


def test_a_short_pause_does_not_end_a_turn() -> None:
    rehearsal = Rehearsal()
    pause = rehearsal.silence(480)
    events = rehearsal.hear(rehearsal.speech(300) + pause + rehearsal.speech(300) + pause)
    assert types(events) == ["input_audio_buffer.speech_started"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=40))
def test_findings_do_not_depend_on_how_the_audio_is_cut(sizes: list[int]) -> None:
    settings_ = EmulatorSettings(pace=QUICK, answer_ms=200)
    whole, cut = Rehearsal(settings_), Rehearsal(settings_)
    audio = whole.silence(205) + whole.speech(400) + whole.silence(600)
    kinds = ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")
    expected = [each for each in whole.append(audio) if each["type"] in kinds]
    events, offset, index = [], 0, 0
    while offset < len(audio):
        size = sizes[index % len(sizes)]
        events += cut.append(audio[offset : offset + size])
        offset, index = offset + size, index + 1
    found = [each for each in events if each["type"] in kinds]
    keys = ("type", "audio_start_ms", "audio_end_ms")
    assert [[each.get(key) for key in keys] for each in found] == [[each.get(key) for key in keys] for each in expected]
    assert len(found) == 2


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma", "audio/pcm"])
def test_loudness_agrees_across_formats(kind: str) -> None:
    rehearsal = Rehearsal(kind=kind)
    assert loudness(rehearsal.silence(20), kind) < floor_of(0.0)
    loud = loudness(rehearsal.speech(200, gain=0.3), kind)
    assert loud == pytest.approx(loudness(Rehearsal(kind="audio/pcm").speech(200, gain=0.3), "audio/pcm"), rel=0.1)
