"""What the benchmark's browsers say, and that it is Opus' own delay which is taken out of the figures."""

import pytest

from bench.browser_speech import FRAME, RATE, decoded, delay_ms, encoded, make_browser_cycle, silence, spoken
from bench.rounds import Load, run_round
from bench.speech import make_cycle
from mediaproviders.emulators.speech import floor_of, loudness


def test_the_marks_are_where_the_models_detector_hears_the_decoded_speech_end():
    cycle = make_browser_cycle()
    heard = [loudness(frame.tobytes(), "audio/pcm") >= floor_of(0.5) for frame in decoded(cycle.frames)]
    assert len(heard) == len(cycle.frames) == len(make_cycle().frames)
    for last in (cycle.question_end, cycle.barge_in_end):
        assert heard[last]
        assert not any(heard[last + 1 : last + 1 + 25])
    assert heard[cycle.barge_in]
    assert not any(heard[cycle.question_end + 1 : cycle.barge_in])


def test_opus_delays_by_its_look_ahead():
    # 2.5 ms of an overlap and 4 ms that the encoder looks ahead, as libopus does.
    assert delay_ms() == pytest.approx(6.5, abs=0.5)
    assert len(encoded(spoken())) * FRAME == len(spoken()) == RATE * 11


def test_silence_is_small_and_silent():
    (heard, *_) = decoded((silence(),))
    assert len(silence()) < 60
    assert loudness(heard.tobytes(), "audio/pcm") < 10


def test_two_calls_of_browsers_to_the_server(tmp_path):
    done = run_round("server", "webrtc", Load(calls=2, seconds=9.0), tmp_path)
    media = done.media
    assert media.calls == 2
    assert media.missing == 0
    # Both callers' questions and the first one's barge-in had time for an answer.
    assert media.turns >= 2
    assert media.unanswered == 0
    assert 0 < media.uplink.p50 < 200
    assert 0 < media.downlink.p50 < 400
    assert media.packets >= 2 * 8.5 * 50
    assert media.clock.max < 100
    assert 0 < done.usage.cpu < 400
    assert 10 < done.usage.rss_cold <= done.usage.rss_before < 500
