import numpy as np

from mediaserver.load.ear import Ear, is_loud
from mediaserver.load.script import (
    At,
    Digits,
    HangUp,
    Leave,
    Performance,
    Play,
    Silence,
    StopRtp,
    Vanish,
    WaitForAnswer,
    WhileAgentSpeaks,
)

LOUD = np.full(160, 4000, np.int16)
QUIET = np.zeros(160, np.int16)


def perform(steps, seconds, heard=lambda t: False):
    """Frames of a performance in virtual time; `heard(t)` says whether the agent is loud at t."""
    ear = Ear()
    performance = Performance(steps, ear, 20)
    frames = []
    for index in range(round(seconds * 50)):
        now = 100.0 + index * 0.02
        ear.hear(LOUD if heard(index * 0.02) else QUIET, now)
        frames.append(performance.frame(now))
    return performance, frames


def loud_frames(frames):
    return [i for i, frame in enumerate(frames) if isinstance(frame, np.ndarray) and is_loud(frame)]


def test_speech_is_played_frame_by_frame_and_padded():
    performance, frames = perform([Play(np.full(200, 3000, np.int16), "hello")], 0.1)
    assert loud_frames(frames) == [0, 1]
    assert frames[1][:40].all()
    assert not frames[1][40:].any()
    assert performance.done
    assert performance.spoken[0].label == "hello"
    assert performance.spoken[0].began_at == 100.0
    assert abs(performance.spoken[0].ended_at - 100.04) < 1e-9


def test_waits_are_silence_of_their_length():
    _, frames = perform([Silence(0.2), Play(LOUD), At(0.6), Play(LOUD)], 1.0)
    assert loud_frames(frames) == [10, 30]


def test_voice_ends_with_the_last_loud_frame():
    performance, _ = perform([Play(np.concatenate((LOUD, QUIET, QUIET)))], 0.2)
    assert abs(performance.spoken[0].voice_ended_at - 100.02) < 1e-9
    assert abs(performance.spoken[0].ended_at - 100.06) < 1e-9


def test_an_answer_is_waited_for_to_its_end():
    _, frames = perform([WaitForAnswer(quiet_s=0.5), Play(LOUD)], 4.0, lambda t: 1.0 <= t < 2.0)
    (spoken,) = loud_frames(frames)
    assert 2.0 + 0.46 <= spoken * 0.02 <= 2.0 + 0.54


def test_a_pause_between_words_is_not_the_end():
    _, frames = perform([WaitForAnswer(quiet_s=0.5), Play(LOUD)], 4.0, lambda t: 1.0 <= t < 1.4 or 1.6 <= t < 2.0)
    assert loud_frames(frames)[0] * 0.02 >= 2.4


def test_speech_from_before_the_step_is_no_answer():
    performance, frames = perform([Silence(1.0), WaitForAnswer(0.5, timeout_s=1.0), Play(LOUD)], 4.0, lambda t: t < 0.5)
    assert 100 <= loud_frames(frames)[0] <= 102
    assert performance.timed_out == [WaitForAnswer(0.5, timeout_s=1.0)]


def test_barge_in_comes_after_the_agents_onset_not_after_its_last_word():
    heard = lambda t: 1.0 <= t < 1.5 or 1.8 <= t < 5.0  # noqa: E731
    performance, frames = perform([WhileAgentSpeaks(after_s=1.2), Play(LOUD)], 4.0, heard)
    assert abs(loud_frames(frames)[0] * 0.02 - 2.2) < 0.03
    assert performance.timed_out == []


def test_digits_stop_and_leaving():
    _, frames = perform([Digits("1#"), StopRtp(0.1), HangUp()], 0.3)
    assert frames[:2] == ["1", "#"]
    assert frames[2:7] == [None] * 5
    assert frames[7] is Leave.HANG_UP
    _, frames = perform([Vanish()], 0.02)
    assert frames == [Leave.VANISH]


def test_silence_after_the_last_step():
    performance, frames = perform([], 0.1)
    assert performance.done
    assert loud_frames(frames) == []
    assert len(frames) == 5
