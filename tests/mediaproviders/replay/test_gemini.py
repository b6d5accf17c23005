"""What the bridge makes of sessions with Gemini Live."""

import json

from mediaproviders.contract import Usage
from mediaproviders.gemini_live.session import Session
from support.geminiemulator import brief


class Bridge:
    """A session that is told what the service sent, and does what the client did."""

    def __init__(self):
        self.now = 100.0
        self.sent = []
        self.session = Session(brief(), self, lambda: self.now, "s")

    def add_audio(self, data):
        raise AssertionError("no audio is sent here")

    def add_command(self, message):
        self.sent.append(json.loads(message))

    def end_chunk(self):
        raise AssertionError("no audio is sent here")

    def play(self, sequence):
        for sender, message in sequence:
            self.now += 0.02
            if sender == "service":
                self.session.receive(json.dumps(message))
            elif "tool_response" in message:
                for each in message["tool_response"]["functionResponses"]:
                    self.session.send_tool_result(each["id"], each["response"]["output"])
            elif message.get("client_content", {}).get("turnComplete"):
                (turn,) = message["client_content"]["turns"]
                self.session.send_text(turn["parts"][0]["text"])
        assert self.session.malformed == 0 and self.session.failure is None
        return self.session.events


def test_a_tool_round(sequence, told):
    bridge = Bridge()
    report = told(bridge.play(sequence("gemini_tool_round")))
    assert report.marks == [
        "ResponseStarted", "ToolCall", "ResponseDone", "ResponseStarted", "AgentTranscript", "AudioDone",
        "ResponseDone", "Usage",
    ]  # fmt: skip
    assert [(each.call, each.name, json.loads(each.arguments)) for each in report.calls] == [
        ("function-call-1", "keep_number", {"value": 9})
    ]
    (text,) = report.finals.values()
    assert text == "The number 9 is now kept."
    assert list(report.audio_ms.values()) == [34 * 40]
    assert report.usage == [Usage(1236, 77, 0, 64)]
    answer = bridge.sent[-1]["tool_response"]["function_responses"]
    assert answer == [{"id": "function-call-1", "name": "keep_number", "response": {"output": "Kept 9."}}]


def test_thoughts_are_not_said(sequence, told):
    report = told(Bridge().play(sequence("gemini_history")))
    assert report.marks == ["ResponseStarted", "AgentTranscript", "AudioDone", "ResponseDone", "Usage"]
    assert list(report.finals.values()) == list(report.pieces.values()) == ["You live in Oslo, as you told me before."]
    assert list(report.audio_ms.values()) == [54 * 40]
    assert report.usage == [Usage(1150, 85 + 28, 0, 85)]


def test_an_answer_that_is_cut_after_it_was_generated(sequence, told):
    report = told(Bridge().play(sequence("gemini_barge_in")))
    assert report.marks == [
        "TurnCommitted", "ResponseStarted", "AudioDone", "ResponseDone", "Interrupted", "Usage",
        "TurnCommitted", "ResponseStarted", "AgentTranscript", "AudioDone", "ResponseDone", "CallerTranscript", "Usage",
    ]  # fmt: skip
    assert sorted(report.finals.values()) == ["Ada again, of course.", "Good, this is Ada Byron."]
    assert list(report.audio_ms.values()) == [13 * 40, 15 * 40]
    assert report.usage == [Usage(1201, 109 + 34, 1, 109), Usage(1352, 44 + 18, 7, 44)]


def test_nothing_is_a_fault(sequence, told):
    for name in ("gemini_tool_round", "gemini_history", "gemini_barge_in"):
        assert told(Bridge().play(sequence(name))).faults == []
