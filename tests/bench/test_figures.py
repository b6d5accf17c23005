import json

import numpy as np
import pytest

from bench.figures import CallLog, SessionLog, measure, read_timeline
from bench.speech import (
    CYCLE_S,
    MOVED_MS,
    SHORT_ANSWER_MS,
    SHORT_CYCLE_S,
    SILENCE_MS,
    make_cycle,
    make_short_cycle,
)
from mediaproviders.emulators.speech import floor_of, loudness


def call(loud_from, loud_to, *, seconds=10.0, jitter=None):
    """A caller's log: constant 20 ms packets from second 100 on, loud between two times."""
    count = round(seconds * 50)
    at = 100.0 + 0.02 * np.arange(count)
    loud = (at >= loud_from - 1e-9) & (at < loud_to - 1e-9)
    if jitter is not None:
        at = at + jitter
    return CallLog(at, np.arange(count) & 0xFFFF, 160 * np.arange(count), np.zeros(count, np.int64), loud)


def test_the_added_path_is_uplink_decision_and_downlink():
    log = call(102.02, 106.0)
    log.marks["question_end"], log.marks["question_decided"] = [101.0], [101.5]
    session = SessionLog(speech_stopped=[101.502], responses=[101.505], first_deltas=[102.012])
    media = measure({0: log}, [session], stop_event=None)
    assert media.uplink.p50 == pytest.approx(2.0)
    assert media.decision.p50 == pytest.approx(3.0)
    assert media.downlink.p50 == pytest.approx(8.0)
    assert media.added_path.p50 == pytest.approx(13.0)
    assert (media.turns, media.unanswered, media.missing) == (1, 0, 0)


def test_what_the_model_decides_by_itself_is_its_own_time():
    log = call(102.02, 106.0)
    log.marks["question_end"], log.marks["question_decided"] = [101.0], [101.5]
    media = measure({0: log}, [SessionLog(speech_stopped=[101.502], responses=[101.507], first_deltas=[102.012])])
    assert media.decision.count == 0
    assert media.added_path.p50 == pytest.approx(10.0)


def test_downlink_is_by_scheduled_playout_not_by_arrival():
    jitter = np.zeros(500)
    jitter[102] = -0.005  # the first loud packet comes 5 ms before its turn; it is not played any earlier for that
    log = call(102.04, 106.0, jitter=jitter)
    log.marks["question_end"], log.marks["question_decided"] = [101.0], [101.5]
    media = measure({0: log}, [SessionLog(speech_stopped=[101.5], first_deltas=[102.022])])
    assert media.downlink.p50 == pytest.approx(18.0)
    assert media.lateness.max == pytest.approx(5.0)


def test_barge_in_stop_is_the_last_loud_packet_after_the_event():
    log = call(102.0, 104.06)
    log.marks["barge_in"] = [103.98]
    media = measure({0: log}, [SessionLog(speech_started=[104.025])])
    assert media.barge_in_stop.p50 == pytest.approx(15.0)
    assert media.barge_in_stop_from_onset.p50 == pytest.approx(60.0)


def test_of_a_service_that_reports_no_speech_its_interruption_counts():
    log = call(102.0, 104.06)
    log.marks["barge_in"] = [103.98]
    session = SessionLog(speech_started=[104.0], interrupted=[104.03])
    assert measure({0: log}, [session], stop_event="interrupted").barge_in_stop.p50 == pytest.approx(10.0)
    assert measure({0: log}, [SessionLog(speech_started=[104.0])], stop_event="interrupted").barge_in_stop.count == 0


def test_where_the_server_decides_only_the_callers_voice_counts():
    log = call(102.0, 104.06)
    log.marks["barge_in"] = [103.98]
    media = measure({0: log}, [SessionLog(speech_started=[104.025])], stop_event=None)
    assert media.barge_in_stop.count == 0
    assert media.barge_in_stop_from_onset.p50 == pytest.approx(60.0)


def test_an_agent_that_does_not_stop_is_seen_and_the_next_answer_is_not_taken_for_it():
    deaf = call(102.0, 110.0)
    deaf.marks["barge_in"] = [103.98]
    assert measure({0: deaf}, [SessionLog()]).barge_in_stop_from_onset.p50 > 1500
    answered = call(102.0, 104.06)
    answered.loud |= answered.at > 105.7
    answered.marks["barge_in"] = [103.98]
    assert measure({0: answered}, [SessionLog()]).barge_in_stop_from_onset.p50 == pytest.approx(60.0)


def test_a_barge_in_into_silence_is_not_counted():
    log = call(101.0, 102.0)
    log.marks["barge_in"] = [103.98]
    media = measure({0: log}, [SessionLog(speech_started=[104.04])])
    assert media.barge_in_stop.count == media.barge_in_stop_from_onset.count == 0


def test_an_unanswered_turn_is_counted():
    log = call(109.0, 109.0)
    log.marks["question_end"], log.marks["question_decided"] = [101.0], [101.5]
    media = measure({0: log}, [SessionLog(speech_stopped=[101.5])])
    assert (media.turns, media.unanswered) == (1, 1)


def test_the_answer_to_the_next_short_turn_is_not_taken_for_this_ones():
    log = call(102.8, 103.1)
    log.marks["question_end"], log.marks["question_decided"] = [101.0], [101.3]
    session = SessionLog(speech_stopped=[101.3, 102.6], first_deltas=[102.8])
    assert measure({0: log}, [session], turn_s=1.5).unanswered == 1


def test_the_timeline_is_read_by_session_in_order(tmp_path):
    path = tmp_path / "timeline.jsonl"
    moments = [("b", "session", 1), ("a", "session", 2), ("b", "first_delta", 3), ("a", "speech_started", 4)]
    moments += [("a", "response_created", 5), ("a", "interrupted", 6)]
    path.write_text("".join(json.dumps({"session": s, "kind": k, "at": t}) + "\n" for s, k, t in moments))
    first, second = read_timeline(path)
    assert first.first_deltas == [3]
    assert second.speech_started == [4]
    assert second.responses == [5]
    assert second.interrupted == [6]


def test_the_cycle_holds_one_question_and_one_barge_in():
    cycle = make_cycle()
    assert len(cycle.frames) == CYCLE_S * 50
    assert {len(frame) for frame in cycle.frames} == {160}
    assert cycle.question_end * 20 + SILENCE_MS < cycle.barge_in * 20
    assert 1.0 < cycle.question_end * 0.02 < 1.6
    assert 0.7 < (cycle.barge_in_end - cycle.barge_in) * 0.02 < 1.2
    assert set(cycle.marks.values()) == {
        "question_end", "question_decided", "barge_in", "barge_in_end", "barge_in_decided",
    }  # fmt: skip


def test_every_service_hears_a_turn_end_at_the_same_frame():
    cycle = make_cycle()
    for last in (cycle.question_end, cycle.barge_in_end):
        assert loudness(cycle.frames[last], "audio/pcmu") > 2 * floor_of(0.5)
        assert set(cycle.frames[last][-MOVED_MS * 8 :]) == {0xFF}
        assert set(b"".join(cycle.frames[last + 1 : last + 26])) == {0xFF}


def test_a_short_turn_leaves_room_for_its_answer():
    cycle = make_short_cycle()
    assert len(cycle.frames) == SHORT_CYCLE_S * 50
    assert set(cycle.marks.values()) == {"question_end", "question_decided"}
    assert 0.2 < cycle.question_end * 0.02 < 0.36
    # 200 ms until the model speaks, and 100 ms to spare.
    assert cycle.question_end * 20 + cycle.silence_ms + 200 + SHORT_ANSWER_MS + 100 < SHORT_CYCLE_S * 1000
