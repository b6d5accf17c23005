"""What the bridge makes of turns of Amazon Nova Sonic."""

import json

from mediaproviders.contract import PCM16_16K, PCM16_24K, Brief, Usage
from mediaproviders.nova_sonic.configuration import setup
from mediaproviders.nova_sonic.session import Session


class Bridge:
    """A session that is told what the service sent, and answers its tools like the client."""

    def __init__(self):
        self.sent = []
        brief = Brief("nova", "Be brief.", PCM16_16K, PCM16_24K)
        self.session = Session(brief, setup(brief, 2), 2, self.sent.append)

    def play(self, sequence):
        for sender, message in sequence:
            ((kind, fields),) = message["event"].items()
            if sender == "service":
                self.session.receive(json.dumps(message).encode())
            elif kind == "toolResult":
                self.session.send_tool_result("use-1", fields["content"])
        assert self.session.failure is None
        assert self.session.ignored > 0
        return self.session.events


def test_the_documented_turn(sequence, told):
    bridge = Bridge()
    report = told(bridge.play(sequence("nova_documented_turn")))
    assert report.marks == [
        "Usage", "TurnCommitted", "CallerTranscript", "ResponseStarted", "ToolCall", "AudioDone", "AgentTranscript",
        "ResponseDone", "Usage",
    ]  # fmt: skip
    assert report.faults == []
    assert [(each.call, each.name, each.arguments) for each in report.calls] == [("use-1", "next_train", "{}")]
    assert sorted(report.finals.values()) == ["It leaves at ten past four.", "when is the next train"]
    assert list(report.audio_ms.values()) == [240]
    assert report.usage == [Usage(52, 0, 12, 0), Usage(0, 29, 0, 20)]
    kinds = [next(iter(json.loads(each)["event"])) for each in bridge.sent]
    assert kinds == ["contentStart", "toolResult", "contentEnd"]


def test_a_turn_with_the_events_of_the_detector(sequence, told):
    report = told(Bridge().play(sequence("nova_2_reported_turn")))
    assert report.marks == [
        "TurnCommitted", "CallerTranscript", "ResponseStarted", "AudioDone", "AgentTranscript", "ResponseDone", "Usage"
    ]  # fmt: skip
    assert report.faults == []
    assert sorted(report.finals.values()) == ["That is a fine habit.", "i often walk home after work."]
    assert list(report.audio_ms.values()) == [160]
