"""What the bridge makes of sessions with xAI."""

import json

import pytest

from mediaproviders.contract import PCM16_24K, Brief, Usage
from mediaproviders.openai_realtime.dialects import XAI
from mediaproviders.openai_realtime.session import Session

ANSWER = ["AgentTranscript", "AudioDone", "Usage", "ResponseDone"]


class Bridge:
    """A session that is told what the service sent, and answers its tools like the client."""

    def __init__(self):
        self.sent = []
        brief = Brief("m", "", PCM16_24K, PCM16_24K)
        self.session = Session(brief, lambda raw: self.sent.append(json.loads(raw)["type"]), XAI)

    def play(self, sequence):
        for sender, message in sequence:
            if sender == "service":
                self.session.receive(json.dumps(message))
            elif message.get("item", {}).get("type") == "function_call_output":
                self.session.send_tool_result(message["item"]["call_id"], message["item"]["output"])
        assert self.session.malformed == 0 and self.session.failure is None
        assert self.session.ignored > 0
        return self.session.events


def test_only_the_last_complete_transcript_is_final(sequence, told):
    report = told(Bridge().play(sequence("xai_spoken_turn")))
    assert report.marks == [
        "SpeechStarted", "SpeechStopped", "TurnCommitted", "CallerTranscript", "ResponseStarted", *ANSWER
    ]  # fmt: skip
    assert report.finals["item_1"] == "Good day, this is Ada."
    assert report.finals["item_2"] == report.pieces["item_2"] == "Ada, what a pleasure. Whom shall I call for you?"
    assert report.audio_ms == {"item_2": 489 + 520 + 765 + 153 + 581 + 642 + 92 + 78}
    assert report.usage == [Usage(156, 182, 146, 167)]


def test_a_tool_after_words_in_the_same_response(sequence, told):
    bridge = Bridge()
    report = told(bridge.play(sequence("xai_tool_round")))
    assert report.marks == [
        "ResponseStarted", "AgentTranscript", "AudioDone", "ToolCall", "Usage", "ResponseDone", "ResponseStarted"
    ]  # fmt: skip
    assert [(each.call, each.name, each.arguments) for each in report.calls] == [
        ("call-1-0", "next_train", '{"to":"York"}')
    ]
    assert report.audio_ms == {"item_2": 1490, "item_5": 560}
    assert report.usage == [Usage(7, 82, 0, 75)]
    assert bridge.sent == ["conversation.item.create", "response.create"]


def test_a_tool_that_is_answered_after_its_response(sequence, told):
    bridge = Bridge()
    report = told(bridge.play(sequence("xai_tool_round_newer")))
    assert report.marks == [
        "ResponseStarted", "AgentTranscript", "AudioDone", "ToolCall", "Usage", "ResponseDone", "ResponseStarted"
    ]  # fmt: skip
    assert bridge.sent == ["conversation.item.create", "response.create"]


def test_a_turn_that_the_client_closes(sequence, told):
    report = told(Bridge().play(sequence("xai_push_to_talk")))
    assert report.marks == [
        "SpeechStarted", "SpeechStopped", "TurnCommitted", "CallerTranscript", "ResponseStarted", *ANSWER
    ]  # fmt: skip
    assert report.finals["item_2"] == "Good day, this is Ada."
    assert report.audio_ms == {"item_3": 2300}
    assert report.usage == [Usage(202, 125, 192, 116)]


def test_what_was_said_before_is_not_said_again(sequence, told):
    report = told(Bridge().play(sequence("xai_resumed")))
    assert report.marks == ["ResponseStarted"]
    assert report.pieces == {"item_3": "North."}


@pytest.mark.parametrize(
    "name", ["xai_spoken_turn", "xai_tool_round", "xai_tool_round_newer", "xai_push_to_talk", "xai_resumed"]
)
def test_nothing_is_a_fault(sequence, told, name):
    assert told(Bridge().play(sequence(name))).faults == []
