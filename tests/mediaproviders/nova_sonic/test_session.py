"""The state of a conversation, without a stream."""

import base64
import json

import pytest

from mediaproviders.contract import (
    PCM16_8K,
    AgentTranscript,
    Audio,
    AudioDone,
    Brief,
    CallerTranscript,
    Fault,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    ToolCall,
    ToolSpec,
    TurnCommitted,
    Usage,
)
from mediaproviders.nova_sonic.configuration import setup
from mediaproviders.nova_sonic.session import MOST_BLOCKS, MOST_NONSENSE, Session

MARKER = '{ "interrupted" : true }'


class Talk:
    """A session, and events of the service in short."""

    def __init__(self, generation=2, **fields):
        brief = Brief("nova", "Be brief.", PCM16_8K, PCM16_8K, **fields)
        self.sent = []
        self.session = Session(brief, setup(brief, generation), generation, self.sent.append)

    def take(self):
        events = list(self.session.events)
        self.session.events.clear()
        return events

    def event(self, kind, **fields):
        self.session.receive(json.dumps({"event": {kind: fields}}).encode())
        return self

    def start(self, content, kind="TEXT", role="ASSISTANT", stage=None):
        more = {"additionalModelFields": json.dumps({"generationStage": stage})} if stage else {}
        return self.event("contentStart", contentId=content, type=kind, role=role, **more)

    def end(self, content, stop="PARTIAL_TURN"):
        return self.event("contentEnd", contentId=content, stopReason=stop)

    def text(self, content, text, stage="SPECULATIVE", role="ASSISTANT", stop="PARTIAL_TURN"):
        self.start(content, role=role, stage=stage)
        self.event("textOutput", contentId=content, content=text, role=role)
        return self.end(content, stop)

    def audio(self, content, data=b"\1\0"):
        return self.event("audioOutput", contentId=content, content=base64.b64encode(data).decode())

    def commands(self):
        return [next(iter(json.loads(each)["event"].items())) for each in self.sent]


def test_words_are_told_when_their_audio_begins():
    talk = Talk().text("t1", "One.").text("t2", "Two.")
    assert talk.take() == [ResponseStarted("nv-1")]
    talk.start("a1", "AUDIO").audio("a1")
    assert talk.take() == [
        AgentTranscript("nv-2", "One.", False),
        AgentTranscript("nv-2", " Two.", False),
        Audio("nv-2", "nv-1", b"\1\0"),
    ]
    talk.end("a1", "END_TURN").text("f1", "One. Two.", "FINAL", stop="END_TURN")
    assert talk.take() == [
        AudioDone("nv-2", "nv-1"),
        AgentTranscript("nv-2", "One. Two.", True),
        ResponseDone("nv-1", "completed"),
    ]


def test_words_whose_audio_never_came_were_not_said():
    talk = Talk().text("t1", "One.").start("a1", "AUDIO").audio("a1").end("a1").text("t2", "Two.")
    talk.take()
    talk.text("m", MARKER, "FINAL", stop="INTERRUPTED")
    assert talk.take() == [
        AudioDone("nv-2", "nv-1"),
        AgentTranscript("nv-2", "One.", True),
        ResponseDone("nv-1", "cancelled", "turn_detected"),
        Interrupted(),
    ]


def test_a_text_without_audio_is_told_at_the_end():
    talk = Talk().text("t1", "One.", stop="PARTIAL_TURN").event("completionEnd", stopReason="END_TURN")
    assert talk.take() == [
        ResponseStarted("nv-1"),
        AgentTranscript("nv-2", "One.", False),
        AgentTranscript("nv-2", "One.", True),
        ResponseDone("nv-1", "completed"),
    ]


def test_the_final_text_does_not_end_a_turn_whose_audio_goes_on():
    talk = Talk().text("t1", "One.").start("a1", "AUDIO").audio("a1").text("f1", "One.", "FINAL", stop="END_TURN")
    talk.take()
    talk.audio("a1", b"\2\0").end("a1", "END_TURN")
    assert [type(event) for event in talk.take()] == [Audio, AudioDone, AgentTranscript, ResponseDone]


@pytest.mark.parametrize(
    "tell",
    [
        lambda talk: talk.text("m", MARKER, "FINAL"),
        lambda talk: talk.end("a1", "INTERRUPTED"),
        lambda talk: talk.text("f", "One.", "FINAL", stop="INTERRUPTED"),
        lambda talk: talk.end("a1", "INTERRUPTED").text("m", MARKER, "FINAL", stop="INTERRUPTED"),
        lambda talk: talk.text("m", MARKER, "FINAL", stop="INTERRUPTED").end("a1", "INTERRUPTED"),
    ],
)
def test_an_interruption_is_told_once(tell):
    talk = Talk().text("t1", "One.").start("a1", "AUDIO").audio("a1")
    talk.take()
    tell(talk)
    talk.audio("a1").end("a1")
    events = talk.take()
    assert events.count(Interrupted()) == 1
    assert [type(event) for event in events] == [AudioDone, AgentTranscript, ResponseDone, Interrupted]


def test_an_interruption_after_the_end_of_a_turn():
    talk = Talk().text("t1", "One.").start("a1", "AUDIO").audio("a1").end("a1", "END_TURN")
    assert talk.take()[-1] == ResponseDone("nv-1", "completed")
    talk.text("m", MARKER, "FINAL", stop="INTERRUPTED")
    assert talk.take() == [Interrupted()]
    talk.text("m2", MARKER, "FINAL", stop="INTERRUPTED")
    assert talk.take() == []
    talk.text("t2", "Two.")
    assert talk.take() == [ResponseStarted("nv-3")]


def test_a_text_that_only_looks_like_the_marker():
    talk = Talk().text("t1", '{ "interrupted" : false }').text("t2", 'It says "interrupted".').start("a1", "AUDIO")
    assert [event.text for event in talk.take()[1:]] == ['{ "interrupted" : false }', ' It says "interrupted".']


def test_the_callers_turn():
    talk = (
        Talk()
        .text("u1", "How late", "FINAL", "USER")
        .text("u2", " ", "FINAL", "USER")
        .text("u3", "is it?", "FINAL", "USER")
    )
    assert talk.take() == [
        TurnCommitted("nv-1"),
        CallerTranscript("nv-1", "How late", False),
        CallerTranscript("nv-1", " is it?", False),
    ]
    talk.text("t1", "Nine.")
    assert talk.take() == [CallerTranscript("nv-1", "How late is it?", True), ResponseStarted("nv-2")]
    talk.text("u4", "Lost", "FINAL", "USER").session.ended()
    assert talk.take()[-1] == CallerTranscript("nv-4", "Lost", True)


def usage(talk, *counts):
    heard, read, spoken, written = counts
    delta = {
        "input": {"speechTokens": heard, "textTokens": read},
        "output": {"speechTokens": spoken, "textTokens": written},
    }
    return talk.event("usageEvent", details={"delta": delta, "total": delta}, totalTokens=1)


def test_usage_is_summed_for_each_response():
    talk = Talk().text("t1", "One.")
    usage(usage(talk, 10, 20, 0, 0), 1, 2, 3, 4)
    talk.take()
    talk.start("a1", "AUDIO").end("a1", "END_TURN")
    assert Usage(33, 7, 11, 3) in talk.take()
    usage(talk, 0, 0, 5, 0)
    assert talk.take() == [Usage(0, 5, 0, 5)]
    usage(talk, 0, 0, 0, 0)
    assert talk.take() == []


def test_cancelling_hides_the_rest_of_a_turn():
    talk = Talk(tools=(ToolSpec("weather", "", {"type": "object"}),))
    talk.session.answers.cancel()
    talk.text("t1", "One.").start("a1", "AUDIO").audio("a1")
    talk.take()
    talk.session.answers.cancel()
    assert talk.take() == [
        AudioDone("nv-2", "nv-1"),
        AgentTranscript("nv-2", "One.", True),
        ResponseDone("nv-1", "cancelled", "client_cancelled"),
    ]
    talk.audio("a1").end("a1").text("t2", "Two.").start("a2", "AUDIO").audio("a2")
    talk.event("toolUse", contentId="x", toolUseId="u", toolName="weather", content="{}")
    assert talk.take() == []
    assert [kind for kind, _ in talk.commands()] == ["contentStart", "toolResult", "contentEnd"]
    talk.end("a2", "END_TURN")
    assert talk.take() == []
    talk.text("t3", "Three.")
    assert talk.take() == [ResponseStarted("nv-3")]


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        ('{"city":"Oslo"}', '{"city":"Oslo"}'),
        (json.dumps('{"city":"Oslo"}'), '{"city":"Oslo"}'),
        ({"city": "Oslo"}, '{"city":"Oslo"}'),
        ("city=Oslo", "city=Oslo"),
    ],
)
def test_arguments_of_a_tool(content, arguments):
    talk = Talk().event("toolUse", contentId="x", toolUseId="u", toolName="weather", content=content)
    assert talk.take() == [ResponseStarted("nv-1"), ToolCall("u", "weather", arguments)]


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ('{"sky": "grey"}', '{"sky": "grey"}'),
        ("grey", '{"result":"grey"}'),
        ("[1]", '{"result":[1]}'),
        ('"grey"', '{"result":"grey"}'),
        ("", '{"result":""}'),
    ],
)
def test_a_tools_result_is_an_object(output, result):
    talk = Talk().event("toolUse", contentId="x", toolUseId="u", toolName="weather", content="{}")
    talk.session.send_tool_result("u", output)
    assert talk.commands()[1][1]["content"] == result
    talk.take()
    talk.session.send_tool_result("u", output)
    assert talk.take()[0].code == "unknown_call"


def test_nonsense_is_a_fault_and_much_of_it_the_end():
    talk = Talk()
    for raw in (b"", b"\xff", b"[]", b"{}", b'{"event":{}}', b'{"event":{"a":1}}', b'{"event":{"a":{},"b":{}}}'):
        talk.session.receive(raw)
    talk.event("textOutput", contentId="t").event("audioOutput", contentId=1).event("usageEvent").event("contentStart")
    faults = talk.take()
    assert {type(event) for event in faults} == {Fault}
    assert len(faults) == 11
    talk.event("dreamOutput")
    assert talk.session.ignored == 1
    for _ in range(MOST_NONSENSE - 1):
        talk.session.receive(b"?")
    assert talk.session.failure is None
    talk.session.receive(b"?")
    assert (talk.session.failure.code, talk.session.failure.retryable) == ("protocol", True)


def test_audio_that_is_not_base64():
    talk = Talk().start("a1", "AUDIO")
    talk.take()
    talk.event("audioOutput", contentId="a1", content="A")
    assert talk.take()[0].code == "malformed"


def test_blocks_that_never_end_are_forgotten():
    talk = Talk()
    for number in range(MOST_BLOCKS + 1):
        talk.start(f"t{number}", stage="SPECULATIVE")
    talk.event("textOutput", contentId="t0", content="Late.")
    assert talk.take() == []
    talk.event("textOutput", contentId="t1", content="There.")
    assert talk.take() == [ResponseStarted("nv-1")]


def test_greeting_only_if_there_is_one():
    talk = Talk()
    talk.session.greet()
    assert (talk.sent, talk.take()) == ([], [])
    talk = Talk(greeting="Hello!")
    talk.session.greet()
    assert [kind for kind, _ in talk.commands()] == ["contentStart", "contentStart", "textInput", "contentEnd"]
    assert talk.commands()[1][1]["interactive"] is True
    assert talk.commands()[1][1]["contentName"] != talk.commands()[0][1]["contentName"]
