"""What the bridge makes of sessions with OpenAI and Azure OpenAI."""

import json

import pytest

from mediaproviders.contract import PCM16_24K, Brief, Usage
from mediaproviders.openai_realtime.dialects import AZURE, OPENAI
from mediaproviders.openai_realtime.session import Session

ANSWER = ["AudioDone", "AgentTranscript", "Usage", "ResponseDone"]
WRITTEN = ["AgentTranscript", "Usage", "ResponseDone"]


class Bridge:
    """A session that is told what the service sent, and does what the client did."""

    def __init__(self, dialect=OPENAI, modality="audio"):
        self.sent = []
        brief = Brief("m", "", PCM16_24K, PCM16_24K, modality=modality)
        self.session = Session(brief, lambda raw: self.sent.append(json.loads(raw)["type"]), dialect)

    def play(self, sequence):
        typed = None
        for sender, message in sequence:
            if sender == "service":
                self.session.receive(json.dumps(message))
            elif message["type"] == "conversation.item.create":
                item = message["item"]
                if item["type"] == "function_call_output":
                    self.session.send_tool_result(item["call_id"], item["output"])
                else:
                    typed = item["content"][0]["text"]
            elif message["type"] == "response.create" and typed is not None:
                self.session.send_text(typed)
                typed = None
        assert self.session.malformed == 0 and self.session.failure is None
        assert self.session.ignored > 0
        return self.session.events


def test_a_spoken_turn(sequence, told):
    bridge = Bridge()
    report = told(bridge.play(sequence("openai_spoken_turn")))
    assert report.marks == [
        "SpeechStarted", "SpeechStopped", "TurnCommitted", "ResponseStarted", "CallerTranscript", *ANSWER
    ]  # fmt: skip
    assert report.audio_ms == {"item_2": 1500}
    assert report.finals["item_1"] == report.pieces["item_1"].strip() == "Good, this is Ada Byron."
    assert report.finals["item_2"] == report.pieces["item_2"]
    assert report.usage == [Usage(41, 105, 27, 76, 0)]
    assert bridge.sent == []


def test_a_tool_is_answered_before_its_response_is_over(sequence, told):
    bridge = Bridge(modality="text")
    report = told(bridge.play(sequence("openai_tool_round")))
    assert report.marks == ["ResponseStarted", "ToolCall", "Usage", "ResponseDone", "ResponseStarted", *WRITTEN]
    (call,) = report.calls
    assert (call.call, call.name, json.loads(call.arguments)) == ("call_1", "next_train", {"to": "York"})
    assert report.finals == report.pieces == {"item_4": "It will leave at 10 past four today."}
    assert report.usage == [Usage(63, 22), Usage(96, 13, cached_tokens=64)]
    assert bridge.sent == ["conversation.item.create", "response.create"] * 2


def test_the_answer_to_a_history(sequence, told):
    report = told(Bridge(modality="text").play(sequence("openai_history")))
    assert report.marks == ["ResponseStarted", *WRITTEN]
    assert report.finals == {"item_4": "You live in Oslo, as you told me just now."}
    assert report.usage == [Usage(51, 33)]


def test_a_caller_who_says_nothing(sequence, told):
    bridge = Bridge()
    report = told(bridge.play(sequence("openai_idle_timeout")))
    assert report.marks == [
        "ResponseStarted", *ANSWER, "TurnCommitted", "ResponseStarted", "CallerTranscript", *ANSWER
    ]  # fmt: skip
    assert report.finals["item_3"] == ""
    assert report.audio_ms == {"item_1": 200, "item_4": 800}
    assert bridge.sent == ["conversation.item.create", "response.create"]


def test_a_spoken_turn_with_a_tool(sequence, told):
    bridge = Bridge(AZURE)
    report = told(bridge.play(sequence("azure_spoken_tool_round")))
    assert report.marks == [
        "SpeechStarted", "SpeechStopped", "TurnCommitted", "ResponseStarted", "CallerTranscript", "ToolCall", "Usage",
        "ResponseDone", "ResponseStarted", *ANSWER,
    ]  # fmt: skip
    assert [json.loads(each.arguments) for each in report.calls] == [{"name": "Ada"}]
    assert report.finals["item_1"] == report.pieces["item_1"] == "Good, Ada Byron speaks here."
    assert report.audio_ms == {"item_4": 1300}
    assert bridge.sent == ["conversation.item.create", "response.create"]


def test_a_transcription_that_fails_is_a_fault_of_its_own(sequence, told):
    report = told(Bridge(AZURE).play(sequence("azure_transcription_failed")))
    assert report.marks == ["SpeechStarted", "SpeechStopped", "TurnCommitted", "ResponseStarted", "Fault"]
    assert [each.code for each in report.faults] == ["DeploymentNotFound"]


@pytest.mark.parametrize(
    "name",
    ["openai_spoken_turn", "openai_idle_timeout", "openai_tool_round", "openai_history", "azure_spoken_tool_round"],
)
def test_nothing_is_a_fault(sequence, told, name):
    assert told(Bridge().play(sequence(name))).faults == []
