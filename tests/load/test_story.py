import io

import numpy as np
import pytest
from rich.console import Console

from mediaserver.load.demo_story import Story
from mediaserver.load.recording import Track
from mediaserver.load.report import CallReport
from mediaserver.load.screen import Screen
from mediaserver.load.script import Spoken
from mediaserver.load.server_process import LogLine


def sound(*spurts):
    samples = np.zeros(30 * 8000, np.int16)
    for begin, end in spurts:
        samples[round(begin * 8000) : round(end * 8000)] = 5000
    return Track(samples, 100.0)


@pytest.fixture
def told():
    """A story of a greeting, a question, and an answer that is interrupted."""
    output = io.StringIO()
    story = Story(Screen(Console(file=output, width=120), "test"), answered_at=100.0)
    lines = [
        (103.0, "transcript", {"speaker": "agent", "text": "Hello, this is the clinic."}),
        (106.4, "transcript", {"speaker": "caller", "text": "tell me a story"}),
        (107.0, "turn", {"endpoint_ms": 430.0, "think_ms": 240.0, "playout_ms": 30.0}),
        (112.1, "barge_in", {"stop_ms": 210.0}),
        (112.1, "transcript", {"speaker": "agent", "text": "A sailor came to town.", "heard_text": "A sailor"}),
    ]
    story.said("Please tell me a story.")
    for at, event, fields in lines:
        story._read(LogLine(at, event, fields))
    report = CallReport("sip:x", status=200, answered_at=100.0, ended_at=120.0, codec="PCMU")
    report.heard = sound((1.0, 3.0), (7.0, 12.1))
    report.sent = sound((4.0, 6.0), (11.9, 13.0))
    report.spoken = [
        Spoken("Please tell me a story.", 104.0, 106.0, 106.0),
        Spoken("Where are you?", 111.9, 113.0, 113.0),
    ]
    return story, report, output


def test_the_picture_puts_words_to_sounds(told):
    story, report, _ = told
    picture = story.picture(report)
    assert [(round(u.begin, 1), round(u.end, 1), u.text, u.interrupted) for u in picture.agent] == [
        (1.0, 3.0, "Hello, this is the clinic.", False),
        (7.0, 12.1, "A sailor", True),
    ]
    assert [u.text for u in picture.caller] == ["Please tell me a story.", "Where are you?"]
    (barge_in,) = picture.barge_ins
    assert barge_in.at == pytest.approx(11.9)
    assert barge_in.stop_ms == pytest.approx(200, abs=21)
    (latency,) = picture.latencies
    assert (latency.at, latency.total_ms) == (pytest.approx(7.0), 700.0)


def test_plain_lines_are_written_without_a_terminal(told):
    _, _, output = told
    text = output.getvalue()
    assert "caller Please tell me a story." in text
    assert "agent  Hello, this is the clinic." in text
    assert "answered after 700 ms = 430 hears the end + 240 thinks + 30 reaches the ear" in text
    assert "interrupted here" in text


def test_what_went_as_expected_is_no_fault(told):
    story, report, _ = told
    assert (
        story.faults(report, [("Please tell me a story.", "sailor", False), ("Where are you?", "sailor", True)]) == []
    )


def test_everything_unexpected_is_named(told):
    story, report, _ = told
    assert story.faults(report, [("What does it cost?", "dollars", False)]) == [
        "no answer with “dollars” to “What does it cost?”"
    ]
    story.barge_ins.clear()
    assert story.faults(report, [("x", "sailor", True)]) == ["the server did not notice the interruption"]
    report.heard = None
    assert "the caller heard nothing" in story.faults(report, [])
    assert story.faults(CallReport("sip:x", status=503, reason="busy"), []) == ["the call was not answered: 503 busy"]
