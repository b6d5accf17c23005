"""The state of a conversation, message by message, in virtual time."""

import base64
import json

import pytest

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    CallerTranscript,
    Fault,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    ToolCall,
    TurnCommitted,
    Usage,
)
from mediaproviders.gemini_live.session import MOST_NONSENSE, Session
from support.geminiemulator import brief

SOUND = b"\x01\x00" * 240  # 10 ms


class Stage:
    """A session whose service is the test."""

    def __init__(self, **fields):
        self.now = 100.0
        self.sent = []
        options = {"may_be_silent": fields.pop("may_be_silent", False)}
        self.session = Session(brief(**fields), self, lambda: self.now, "s", **options)

    def add_audio(self, data):
        self.sent.append(data)

    def add_command(self, message):
        self.sent.append(json.loads(message))

    def end_chunk(self):
        pass

    def content(self, **fields):
        return self.receive(serverContent=fields)

    def audio(self, data=SOUND):
        part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(data).decode()}}
        return self.content(modelTurn={"parts": [part]})

    def says(self, text):
        return self.content(outputTranscription={"text": text})

    def hears(self, text):
        return self.content(inputTranscription={"text": text})

    def receive(self, **message):
        self.session.receive(json.dumps(message))
        return self.take()

    def later(self, seconds):
        self.now += seconds
        self.session.tick()
        return self.take()

    def take(self):
        events = list(self.session.events)
        self.session.events.clear()
        return events


def kinds(events):
    return [type(each) for each in events]


def test_an_answer_from_its_first_piece_to_its_end():
    stage = Stage()
    assert stage.hears(" what time") == [CallerTranscript("gm-turn-s-1", "what time", False)]
    assert stage.hears(" is it ") == [CallerTranscript("gm-turn-s-1", " is it ", False)]
    response, item = "gm-response-s-2", "gm-item-s-3"
    assert stage.audio() == [TurnCommitted("gm-turn-s-1"), ResponseStarted(response), Audio(item, response, SOUND)]
    assert stage.says(" It is") == [AgentTranscript(item, "It is", False)]
    assert stage.says(" noon.") == [AgentTranscript(item, " noon.", False)]
    assert stage.content(generationComplete=True) == [
        AgentTranscript(item, "It is noon.", True),
        AudioDone(item, response),
        ResponseDone(response, "completed"),
        CallerTranscript("gm-turn-s-1", "what time is it", True),
    ]
    assert stage.content(turnComplete=True) == []


def test_several_things_in_one_message():
    stage = Stage()
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(SOUND).decode()}}
    events = stage.receive(
        serverContent={
            "inputTranscription": {"text": " hi"},
            "outputTranscription": {"text": "Hello"},
            "modelTurn": {"parts": [{"text": "**Thinking**", "thought": True}, part]},
            "generationComplete": True,
            "turnComplete": True,
        },
        usageMetadata={"promptTokenCount": 3, "responseTokenCount": 4},
    )
    assert kinds(events) == [
        CallerTranscript,
        TurnCommitted,
        ResponseStarted,
        AgentTranscript,
        Audio,
        AgentTranscript,
        AudioDone,
        ResponseDone,
        CallerTranscript,
        Usage,
    ]


def test_words_that_come_after_the_audio_are_part_of_the_whole():
    stage = Stage()
    stage.audio()
    stage.says("It is")
    stage.content(generationComplete=True)
    assert stage.says(" noon.") == []
    (whole,) = stage.content(turnComplete=True)
    assert (whole.text, whole.final) == ("It is noon.", True)


def test_an_answer_whose_end_is_only_the_turn_s():
    stage = Stage()
    stage.audio()
    assert kinds(stage.content(turnComplete=True)) == [AudioDone, ResponseDone]


def test_an_answer_that_the_service_breaks_off():
    stage = Stage()
    stage.audio()
    (done,) = (
        each
        for each in stage.content(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED")
        if isinstance(each, ResponseDone)
    )
    assert (done.status, done.reason) == ("incomplete", "RESPONSE_REJECTED")
    stage.audio()
    stage.content(generationComplete=True)
    assert stage.content(turnComplete=True, turnCompleteReason="MALFORMED_FUNCTION_CALL") == [
        Fault("turn_incomplete", "MALFORMED_FUNCTION_CALL")
    ]


def test_an_interruption_ends_the_answer_and_the_words_before_it_belong_to_the_old_turn():
    stage = Stage()
    stage.hears(" one")
    stage.audio()
    stage.says("Two")
    events = stage.content(interrupted=True, inputTranscription={"text": " three"})
    assert kinds(events) == [AgentTranscript, ResponseDone, Interrupted, CallerTranscript, CallerTranscript]
    assert events[1].status == "cancelled"
    assert [each.final for each in events[3:]] == [True, False]
    assert events[3].item != events[4].item
    # The end of the interrupted turn is not the end of the one that interrupts.
    assert stage.content(turnComplete=True) == []
    assert kinds(stage.audio()) == [TurnCommitted, ResponseStarted, Audio]


def test_what_is_bundled_with_an_interruption_is_void():
    stage = Stage()
    stage.audio()
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA"}}
    assert kinds(stage.content(interrupted=True, modelTurn={"parts": [part]})) == [ResponseDone, Interrupted]


def test_an_interruption_of_nothing_is_told_each_time():
    stage = Stage()
    assert stage.content(interrupted=True) == [Interrupted()]
    assert stage.content(interrupted=True) == [Interrupted()]


def test_words_after_an_interruption_are_not_of_a_turn_that_had_none():
    stage = Stage()
    first = stage.audio()[0]
    assert isinstance(first, TurnCommitted)
    stage.content(generationComplete=True)
    stage.content(interrupted=True)
    stage.content(turnComplete=True)
    (words,) = stage.hears(" Wait")
    assert words.item != first.item
    assert stage.says("Yes?")[0] == TurnCommitted(words.item)


def test_an_empty_answer():
    stage = Stage()
    stage.hears(" hello")
    assert kinds(stage.content(turnComplete=True)) == [TurnCommitted, ResponseStarted, ResponseDone, CallerTranscript]
    assert kinds(stage.content(turnComplete=True)) == [TurnCommitted, ResponseStarted, ResponseDone]


def test_after_an_empty_answer_to_a_request_the_next_can_be_made_at_once():
    stage = Stage(greeting="Hello.")
    stage.session.greet()
    assert kinds(stage.content(turnComplete=True)) == [ResponseStarted, ResponseDone]
    stage.session.create_response()
    assert len(stage.sent) == 2


def test_a_model_that_may_be_silent_is_not_asked_why():
    stage = Stage(may_be_silent=True)
    stage.hears(" never mind")
    assert stage.content(turnComplete=True) == [CallerTranscript("gm-turn-s-1", "never mind", True)]
    assert stage.session.next_deadline() is None
    for _ in range(2):
        stage.session.send_text("Are you there?")
        assert stage.content(turnComplete=True) == []
    assert len(stage.sent) == 2
    stage = Stage()
    stage.hears(" well")
    assert kinds(stage.content(turnComplete=True, turnCompleteReason="NEED_MORE_INPUT")) == [CallerTranscript]


def test_a_turn_that_settles_without_an_answer():
    stage = Stage()
    stage.hears(" hello")
    assert stage.session.next_deadline() == 102.0
    assert stage.later(1.9) == []
    stage.hears(" there")
    assert stage.later(0.2) == []
    assert stage.later(1.9) == [TurnCommitted("gm-turn-s-1")]
    assert stage.session.next_deadline() is None
    assert kinds(stage.audio()) == [ResponseStarted, Audio]


def test_a_turn_whose_words_are_not_written_down():
    stage = Stage()
    for _ in range(2):
        assert kinds(stage.audio()) == [TurnCommitted, ResponseStarted, Audio]
        stage.content(generationComplete=True)
        stage.content(turnComplete=True)


def test_a_greeting_is_no_turn_of_the_caller_s():
    stage = Stage(greeting="Hello.")
    stage.session.greet()
    (message,) = stage.sent
    content = message["client_content"]
    assert content["turn_complete"] is True
    assert content["turns"][0]["parts"][0]["text"].endswith("\nHello.")
    assert kinds(stage.audio()) == [ResponseStarted, Audio]


def test_a_greeting_that_the_caller_forestalls():
    stage = Stage(greeting="Hello.")
    stage.session.greet()
    assert stage.content(interrupted=True, turnComplete=True) == [Interrupted()]
    assert kinds(stage.audio()) == [TurnCommitted, ResponseStarted, Audio]


# --- tools ---------------------------------------------------------------------------------------------------------

CALLS = [{"id": "a", "name": "time", "args": {}}, {"id": "b", "name": "weather", "args": {"city": "Bern"}}]


def test_tools_end_the_response_and_their_results_begin_another():
    stage = Stage()
    stage.audio()
    events = stage.receive(toolCall={"functionCalls": CALLS})
    assert events[:2] == [ToolCall("a", "time", "{}"), ToolCall("b", "weather", '{"city":"Bern"}')]
    assert kinds(events[2:]) == [AudioDone, ResponseDone]
    # Some models tell of an end here; it is not the end of the turn.
    assert stage.content(generationComplete=True) == []
    assert stage.content(turnComplete=True) == []
    stage.session.create_response()
    assert not stage.sent
    stage.session.send_tool_result("a", "noon")
    stage.session.send_tool_result("b", '{"sky":"blue"}')
    stage.session.create_response()
    first, second = (each["tool_response"]["function_responses"][0] for each in stage.sent)
    assert first == {"id": "a", "name": "time", "response": {"output": "noon"}}
    assert second == {"id": "b", "name": "weather", "response": {"sky": "blue"}}
    assert kinds(stage.audio()) == [ResponseStarted, Audio]


def test_the_result_of_a_cancelled_call_is_not_sent():
    stage = Stage()
    stage.receive(toolCall={"functionCalls": CALLS[:1]})
    stage.receive(toolCallCancellation={"ids": ["a", "z"]})
    stage.session.send_tool_result("a", "noon")
    assert not stage.sent
    assert stage.take() == []


# --- commands ------------------------------------------------------------------------------------------------------


def test_a_cancelled_answer_is_not_heard_of_again_and_the_next_is():
    stage = Stage()
    stage.audio()
    stage.session.cancel()
    assert kinds(stage.take()) == [ResponseDone]
    assert stage.audio() == []
    assert stage.says("late") == []
    assert stage.receive(toolCall={"functionCalls": CALLS}) == []
    assert stage.content(interrupted=True) == []
    assert stage.content(turnComplete=True) == []
    assert kinds(stage.audio()) == [TurnCommitted, ResponseStarted, Audio]


def test_nothing_is_cancelled_when_nothing_is_said():
    stage = Stage()
    stage.session.cancel()
    assert kinds(stage.audio()) == [TurnCommitted, ResponseStarted, Audio]


def test_texts_wait_for_the_floor():
    stage = Stage()
    stage.hears(" hello")
    stage.session.send_text("one")
    assert not stage.sent
    stage.audio(SOUND * 100)
    stage.content(generationComplete=True)
    stage.session.instruct("two")
    assert not stage.sent
    assert stage.session.next_deadline() == pytest.approx(102.0)
    stage.later(2.1)
    (message,) = stage.sent
    assert message["client_content"]["turns"][0]["parts"][0]["text"].startswith("one\n(An instruction")


def test_texts_are_sent_at_once_when_the_turn_is_complete():
    stage = Stage()
    stage.audio(SOUND * 100)
    stage.session.send_text("one")
    stage.content(generationComplete=True)
    assert not stage.sent
    stage.content(turnComplete=True)
    assert len(stage.sent) == 1
    # It is to be answered before the next is sent, but not for ever.
    stage.session.send_text("two")
    assert len(stage.sent) == 1
    stage.later(10.1)
    assert len(stage.sent) == 2


def test_an_answer_that_comes_by_itself_is_not_asked_for_again():
    stage = Stage()
    stage.audio()
    stage.content(generationComplete=True)
    stage.session.create_response()
    assert not stage.sent
    stage.audio()
    stage.content(generationComplete=True, turnComplete=True)
    assert not stage.sent


def test_remembering_nothing_sends_nothing():
    stage = Stage()
    stage.session.remember(())
    assert not stage.sent
    stage.session.remember([Said("caller", "Hi"), Said("agent", "Hello")])
    content = stage.sent[0]["client_content"]
    assert [each["role"] for each in content["turns"]] == ["user", "model"]
    assert content["turn_complete"] is False


# --- the wire ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bill", "expected"),
    [
        (
            {
                "promptTokenCount": 100,
                "toolUsePromptTokenCount": 5,
                "responseTokenCount": 50,
                "thoughtsTokenCount": 7,
                "cachedContentTokenCount": 20,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 40},
                    {"modality": "AUDIO", "tokenCount": 60},
                ],
                "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}],
            },
            Usage(105, 57, 60, 50, 20),
        ),
        (
            {"candidatesTokenCount": 9, "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}]},
            Usage(0, 9, 0, 9, 0),
        ),
    ],
)
def test_bills_of_both_services(bill, expected):
    assert Stage().receive(usageMetadata=bill) == [expected]


def test_the_end_is_announced_and_handles_are_kept():
    stage = Stage()
    stage.receive(sessionResumptionUpdate={"newHandle": "h1", "resumable": True})
    stage.receive(sessionResumptionUpdate={"resumable": False})
    assert stage.session.handle == "h1"
    stage.receive(goAway={"timeLeft": "49.5s"})
    assert stage.session.ending_at == 149.5
    stage.receive(goAway={})
    assert stage.session.ending_at == 100.0


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\x00",
        b"{",
        b"[]",
        b'"text"',
        b'{"serverContent":[]}',
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm"}}]}}}',
        b'{"serverContent":{"outputTranscription":{"text":5}}}',
        b'{"toolCall":{"functionCalls":[{"name":"x"}]}}',
        b'{"usageMetadata":7}',
    ],
)
def test_nonsense_is_survived_so_many_times(raw):
    stage = Stage()
    for _ in range(MOST_NONSENSE - 1):
        stage.session.receive(raw)
    assert kinds(stage.take()) == [Fault] * (MOST_NONSENSE - 1)
    stage.session.receive(b'{"setupComplete":{}}')
    for _ in range(MOST_NONSENSE):
        assert stage.session.failure is None
        stage.session.receive(raw)
    assert isinstance(stage.session.failure, ProviderError)
    assert stage.session.failure.code == "protocol"


@pytest.mark.parametrize("raw", [b"{}", b'{"voiceActivity":{}}', b'{"serverContent":{"waitingForInput":true}}'])
def test_what_is_of_no_use_is_counted(raw):
    stage = Stage()
    stage.session.receive(raw)
    assert stage.take() == []
    assert stage.session.ignored == 1


def test_the_connection_ends_in_the_middle_of_a_turn():
    stage = Stage()
    stage.hears(" hello")
    stage.session.lost()
    assert kinds(stage.take()) == [TurnCommitted, CallerTranscript]
