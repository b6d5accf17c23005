import wave

import numpy as np
import pytest

from mediaserver.load.recording import Track
from mediaserver.load.report import CallReport, answer_after, stopped_after, talkspurts
from mediaserver.load.script import Spoken


def track(*spurts, seconds=10.0, at=100.0):
    samples = np.zeros(round(seconds * 8000), np.int16)
    for begin, end in spurts:
        samples[round(begin * 8000) : round(end * 8000)] = 5000
    return Track(samples, at)


def test_talkspurts_are_found_and_pauses_bridged():
    found = talkspurts(track((1.0, 2.0), (2.2, 3.0), (5.0, 6.0)))
    assert [(round(a, 2), round(b, 2)) for a, b in found] == [(101.0, 103.0), (105.0, 106.0)]
    assert talkspurts(None) == []


def test_answers_and_interruptions_are_timed():
    spurts = [(101.0, 103.0), (105.0, 106.12)]
    assert answer_after(Spoken("", 103.5, 104.4, 104.2), spurts) == pytest.approx(0.8)
    assert stopped_after(Spoken("", 106.0, 107.0, 107.0), spurts) == pytest.approx(0.12)
    assert stopped_after(Spoken("", 103.5, 104.0, 104.0), spurts) is None
    assert answer_after(Spoken("", 106.5, 107.0, 107.0), spurts) is None


def test_a_report_is_recorded_in_stereo_and_told_in_plain_values(tmp_path):
    report = CallReport("sip:a@b", status=200, placed_at=99.0, answered_at=100.0, ended_at=110.0, ended_by="agent")
    report.sent, report.heard = track((1.0, 2.0)), track((3.0, 4.0))
    report.spoken = [Spoken("hello", 101.0, 102.0, 102.0)]
    report.record(tmp_path / "call.wav")
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 80000)
        rows = np.frombuffer(file.readframes(80000), "<i2").reshape(-1, 2)
    assert rows[8000 + 10].tolist() == [5000, 0]
    assert rows[24000 + 10].tolist() == [0, 5000]
    told = report.to_json()
    assert told["answered_s"] == 1.0
    assert told["spoken"] == [{"label": "hello", "began_s": 2.0, "ended_s": 3.0}]
    assert told["agent_spoke"] == [[4.0, 5.0]]
    assert report.duration_s == 10.0


def test_an_unanswered_call_has_no_duration():
    report = CallReport("sip:a@b", status=486, reason="Busy Here")
    assert not report.answered
    assert report.duration_s == 0.0
    assert report.to_json()["agent_spoke"] == []
