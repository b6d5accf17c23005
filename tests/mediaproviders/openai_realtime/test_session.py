import base64
import json

import pytest

from mediaproviders.contract import (
    PCMU,
    Audio,
    Brief,
    Fault,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    ToolCall,
    Used,
)  # fmt: skip
from mediaproviders.openai_realtime.dialects import OPENAI, XAI
from mediaproviders.openai_realtime.session import MOST_NONSENSE, Session


class Talk:
    """A session with its two ends laid open."""

    def __init__(self, interruption="provider", dialect=OPENAI, **fields):
        self.sent = []
        brief = Brief("m", "Be brief.", PCMU, PCMU, interruption=interruption, **fields)
        self.session = Session(brief, lambda message: self.sent.append(json.loads(message)), dialect)

    def feed(self, kind, **fields):
        self.session.receive(json.dumps({"type": kind, **fields}))

    def commands(self):
        sent = [message["type"].removeprefix("conversation.") for message in self.sent]
        self.sent.clear()
        return sent

    def events(self):
        events = list(self.session.events)
        self.session.events.clear()
        return events

    def created(self, response):
        self.feed("response.created", response={"id": response})

    def done(self, response, status="completed", reason=None):
        self.feed("response.done", response={"id": response, "status": status, "status_details": {"reason": reason}})

    def audio(self, response, item, ms=20, words=None):
        if words:
            self.feed("response.output_audio_transcript.delta", response_id=response, item_id=item, delta=words)
        delta = base64.b64encode(bytes(ms * 8)).decode()
        self.feed("response.output_audio.delta", response_id=response, item_id=item, delta=delta)

    def call(self, call):
        self.feed("response.function_call_arguments.done", call_id=call, name="f", arguments="{}", item_id="x")

    def turn(self, item, text=None):
        self.feed("input_audio_buffer.speech_started", item_id=item)
        self.feed("input_audio_buffer.speech_stopped", item_id=item)
        self.feed("input_audio_buffer.committed", item_id=item)
        if text:
            kind = "conversation.item.input_audio_transcription.completed"
            self.feed(kind, item_id=item, transcript=text)


def test_greeting_is_asked_for_word_for_word():
    talk = Talk(greeting="Hello, this is Ada.")
    talk.session.greet()
    (message,) = talk.sent
    assert message["type"] == "response.create"
    assert "Be brief." in message["response"]["instructions"]
    assert message["response"]["instructions"].endswith("Hello, this is Ada.")
    silent = Talk()
    silent.session.greet()
    assert silent.sent == []


def test_one_response_at_a_time():
    talk = Talk("local")
    talk.session.answers.ask()
    talk.session.answers.ask()
    assert talk.commands() == ["response.create"]
    talk.created("r1")
    talk.session.answers.ask()
    assert talk.commands() == []
    talk.done("r1")
    assert talk.commands() == ["response.create"]
    talk.created("r2")
    talk.done("r2")
    assert talk.commands() == []


def test_refused_because_busy_is_sent_after_done():
    talk = Talk()
    talk.session.answers.ask()
    talk.created("server's own")  # taken for ours; the refusal follows a second request
    talk.session.answers.ask()
    talk.done("server's own")
    assert talk.commands() == ["response.create"] * 2
    talk.feed("error", error={"code": "conversation_already_has_active_response", "message": "m", "event_id": "answer"})
    assert talk.commands() == []
    talk.done("the one it meant")
    assert talk.commands() == ["response.create"]
    assert Fault("conversation_already_has_active_response", "m") in talk.events()


def test_the_providers_own_response_got_there_first():
    talk = Talk()
    talk.created("r")
    talk.call("1")
    talk.done("r")
    talk.session.send_tool_result("1", "one")
    assert talk.commands() == ["item.create", "response.create"]
    talk.created("its own, begun without the result")
    talk.feed("error", error={"code": "conversation_already_has_active_response", "message": "m", "event_id": "answer"})
    talk.done("its own, begun without the result")
    assert talk.commands() == ["response.create"]


def test_refused_for_another_reason_frees_the_way():
    talk = Talk()
    talk.session.answers.ask()
    talk.feed("error", error={"code": "invalid_value", "message": "m", "event_id": "answer"})
    talk.session.answers.ask()
    assert talk.commands() == ["response.create"] * 2


def test_cancel_only_what_is_active():
    talk = Talk("local")
    talk.session.answers.cancel()
    assert talk.commands() == []
    talk.session.answers.ask()
    talk.created("r1")
    talk.audio("r1", "a1")
    talk.session.answers.cancel()
    talk.session.answers.cancel()
    assert talk.sent[-1] == {"type": "response.cancel", "event_id": "cancel r1", "response_id": "r1"}
    assert talk.commands() == ["response.create", "response.cancel"]
    talk.events()
    talk.audio("r1", "a1", words="late")
    talk.feed("response.output_audio.done", response_id="r1", item_id="a1")
    assert talk.events() == []
    talk.session.answers.ask()
    assert talk.commands() == []
    talk.done("r1", "cancelled", "client_cancelled")
    assert talk.commands() == ["response.create"]
    assert talk.events() == [ResponseDone("r1", "cancelled", "client_cancelled")]
    talk.created("r2")
    talk.audio("r1", "a1")
    talk.audio("r2", "a2")
    assert [event.item for event in talk.events() if isinstance(event, Audio)] == ["a2"]


def test_cancel_before_the_response_began():
    talk = Talk("local")
    talk.session.answers.ask()
    talk.session.answers.cancel()
    talk.session.answers.ask()
    talk.created("r1")
    talk.audio("r1", "a1")
    assert talk.commands() == ["response.create", "response.cancel"]
    assert talk.events() == [ResponseStarted("r1")]
    talk.done("r1", "cancelled")
    assert talk.commands() == ["response.create"]


def test_truncate_clamps_and_drops_the_rest():
    talk = Talk("local")
    talk.created("r")
    talk.audio("r", "a", ms=500, words="one two")
    talk.session.truncate("a", 700)
    assert talk.sent == [
        {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 500}
    ]
    talk.events()
    talk.audio("r", "a")
    assert talk.events() == []
    talk.session.truncate("a", 0)
    assert talk.sent[-1]["audio_end_ms"] == 0
    talk.session.truncate("nothing known", 0)
    assert len(talk.sent) == 2


def test_provider_interrupts():
    talk = Talk()
    talk.created("r")
    talk.audio("r", "a", words="hi")
    talk.events()
    talk.feed("input_audio_buffer.speech_started", item_id="u", audio_start_ms=3)
    talk.audio("r", "a", words="late")
    assert talk.events() == [SpeechStarted("u", 3), Interrupted()]
    talk.session.answers.cancel()
    assert talk.commands() == []
    talk.done("r", "cancelled", "turn_detected")
    assert talk.events() == [ResponseDone("r", "cancelled", "turn_detected")]


def test_provider_interrupts_what_is_still_playing_and_nothing_else():
    talk = Talk()
    talk.created("r")
    talk.audio("r", "a")
    talk.done("r")
    talk.events()
    talk.feed("input_audio_buffer.speech_started", item_id="u")
    assert talk.events() == [SpeechStarted("u", None), Interrupted()]
    talk.feed("input_audio_buffer.speech_started", item_id="v")
    assert talk.events() == [SpeechStarted("v", None)]


def test_interruption_without_speech_start_is_seen_at_the_end():
    talk = Talk()
    talk.created("r")
    talk.done("r", "cancelled", "turn_detected")
    assert talk.events() == [ResponseStarted("r"), Interrupted(), ResponseDone("r", "cancelled", "turn_detected")]


def test_local_speech_start_changes_nothing():
    talk = Talk("local")
    talk.created("r")
    talk.feed("input_audio_buffer.speech_started", item_id="u")
    talk.audio("r", "a")
    assert [type(event) for event in talk.events()] == [ResponseStarted, SpeechStarted, Audio]


def test_results_of_one_response_are_answered_together():
    talk = Talk()
    talk.created("r")
    talk.call("1")
    talk.call("1")
    talk.session.send_tool_result("1", "one")
    talk.call("2")
    assert talk.events()[1:] == [ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}")]
    talk.done("r")
    assert talk.commands() == ["item.create"]
    talk.session.send_tool_result("2", "two")
    assert talk.commands() == ["item.create", "response.create"]
    talk.session.send_tool_result("2", "again")
    assert talk.commands() == []
    assert Fault("unknown_call", "no tool call 2 waits for a result") in talk.events()


def test_early_result_waits_for_the_end_of_the_response():
    talk = Talk()
    talk.created("r")
    talk.call("1")
    talk.session.send_tool_result("1", "one")
    assert talk.commands() == ["item.create"]
    talk.done("r")
    assert talk.commands() == ["response.create"]


def test_result_during_the_callers_turn_is_left_to_its_answer():
    talk = Talk()
    talk.created("r")
    talk.call("1")
    talk.done("r")
    talk.feed("input_audio_buffer.speech_started", item_id="u")
    talk.session.send_tool_result("1", "one")
    talk.feed("input_audio_buffer.speech_stopped", item_id="u")
    talk.feed("input_audio_buffer.committed", item_id="u")
    talk.created("r2")
    talk.done("r2")
    assert talk.commands() == ["item.create"]


def test_text_is_answered():
    talk = Talk()
    talk.session.send_text("12#")
    assert talk.sent[0]["item"]["content"] == [{"type": "input_text", "text": "12#"}]
    assert talk.commands() == ["item.create", "response.create"]


def test_nonsense_is_survived_but_not_for_ever():
    talk = Talk()
    for _ in range(MOST_NONSENSE):
        talk.session.receive(b"\x00junk")
    talk.feed("something.new", x=1)
    assert (talk.session.malformed, talk.session.ignored) == (20, 1)
    assert len(talk.events()) == 20
    for _ in range(MOST_NONSENSE):
        talk.session.receive(b"{}")
    assert talk.session.failure is None
    talk.session.receive(b"{}")
    assert talk.session.failure.code == "protocol"
    assert talk.session.failure.retryable


@pytest.mark.parametrize(("code", "fatal"), [("insufficient_quota", True), ("response_cancel_not_active", False)])
def test_errors_fatal_and_benign(code, fatal):
    talk = Talk()
    talk.feed("error", error={"code": code, "message": "m"})
    assert talk.events() == [Fault(code, "m")]
    assert (talk.session.failure is not None) is fatal


def test_fatal_failure_of_a_response():
    talk = Talk()
    talk.feed("response.done", response={
        "id": "r", "status": "failed", "status_details": {"error": {"code": "insufficient_quota"}}})  # fmt: skip
    assert talk.events() == [ResponseDone("r", "failed", "insufficient_quota")]
    assert not talk.session.failure.retryable


# --- services that do not keep to the rules ---


def test_a_response_that_was_abandoned_without_a_word():
    talk = Talk()
    talk.created("r1")
    talk.feed("input_audio_buffer.speech_started", item_id="u")
    talk.created("r2")
    assert [event for event in talk.events() if not isinstance(event, SpeechStarted)] == [
        ResponseStarted("r1"),
        Interrupted(),
        ResponseDone("r1", "cancelled", "abandoned"),
        ResponseStarted("r2"),
    ]
    talk.done("r1", "cancelled", "turn_detected")
    assert talk.events() == []


def test_a_cancelled_response_that_was_over_already():
    talk = Talk("local", dialect=XAI)
    talk.session.answers.ask()
    talk.created("r1")
    talk.session.answers.cancel()
    talk.session.answers.ask()
    assert talk.commands() == ["response.create", "response.cancel"]
    talk.feed("error", error={"code": None, "message": "Cancellation failed: no active response found"})
    assert talk.events()[1:] == [
        Fault("response_cancel_not_active", "Cancellation failed: no active response found"),
        ResponseDone("r1", "cancelled", "abandoned"),
    ]
    assert talk.commands() == ["response.create"]


def test_a_late_refusal_to_cancel_is_not_about_the_next_response():
    talk = Talk("local")
    talk.created("r1")
    talk.session.answers.cancel()
    talk.done("r1")
    talk.created("r2")
    talk.session.answers.cancel()
    told = {"code": "response_cancel_not_active", "message": "m", "event_id": "cancel r1"}
    talk.feed("error", error=told)
    assert talk.session.answers.active == "r2"
    talk.feed("error", error={**told, "event_id": "cancel r2"})
    assert talk.session.answers.active is None


def test_an_answer_nobody_asked_for_is_the_one_asked_for():
    talk = Talk("local")
    talk.turn("u")
    talk.created("the service's own")
    talk.session.answers.ask()
    talk.done("the service's own")
    assert talk.commands() == []
    talk.session.answers.ask()
    assert talk.commands() == ["response.create"]


def test_a_typed_word_is_answered_whatever_the_service_says_by_itself():
    talk = Talk()
    talk.turn("u")
    talk.created("its own")
    talk.session.send_text("12#")
    talk.done("its own")
    assert talk.commands() == ["item.create", "response.create"]


def test_audio_before_the_beginning_and_after_the_end():
    talk = Talk()
    talk.audio("r", "a")
    talk.audio("r", "a")
    assert talk.events() == [Fault("wrong_order", "response r speaks before its beginning")]
    talk.created("r")
    talk.audio("r", "a")
    talk.done("r")
    assert [type(event) for event in talk.events()] == [ResponseStarted, Audio, ResponseDone]
    talk.created("s")
    talk.done("s")
    talk.events()
    talk.audio("s", "b", words="late")
    talk.done("s")
    talk.created("s")
    assert talk.events() == [Fault("wrong_order", "response s speaks after its end")]
    assert talk.session.answers.active is None


def test_a_second_end_frees_who_waits():
    talk = Talk("local")
    talk.session.answers.ask()
    talk.created("r")
    talk.done("r")
    talk.session.answers.ask()
    talk.feed("error", error={"code": "conversation_already_has_active_response", "message": "m", "event_id": "answer"})
    assert talk.commands() == ["response.create"] * 2
    talk.done("r")
    assert talk.commands() == ["response.create"]


def test_transcripts_that_grow_and_are_revised():
    talk = Talk(dialect=XAI)
    kind = "conversation.item.input_audio_transcription"
    for text in ("I", "I want", "I want", "A went", "I want to"):
        talk.feed(f"{kind}.updated", item_id="u", transcript=text)
    talk.feed(f"{kind}.completed", item_id="u", transcript="I want two.")
    talk.feed(f"{kind}.completed", item_id="u", transcript="I want two.")
    talk.feed(f"{kind}.updated", item_id="u", transcript="I want two. Three.")
    words = talk.events()
    assert [(each.text, each.final) for each in words] == [
        ("I", False), (" want", False), (" to", False), ("I want two.", True)]  # fmt: skip


def test_a_transcript_that_is_called_complete_in_the_middle_of_a_turn():
    talk = Talk(dialect=XAI)
    kind = "conversation.item.input_audio_transcription"
    for text, status in (("Good?", "in_progress"), ("Good day, this", "in_progress"), ("Good day!", "completed")):
        talk.feed(f"{kind}.completed", item_id="u", transcript=text, status=status)
    assert [(each.text, each.final) for each in talk.events()] == [("Good?", False), ("Good day!", True)]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Your session hit the maximum duration of 30 minutes.", "session_expired"),
        ("Incorrect API key provided: xai***.", "invalid_api_key"),
    ],
)
def test_the_end_of_a_session_in_words(message, code):
    talk = Talk(dialect=XAI)
    talk.feed("error", error={"type": "invalid_request_error", "code": None, "message": message})
    assert talk.events() == [Fault(code, message)]
    assert talk.session.failure.code == code


def test_a_call_of_an_earlier_session_may_be_answered_but_is_not_waited_for():
    talk = Talk()
    talk.session.remember((Used("old", "f", "{}"),))
    talk.created("r")
    talk.call("1")
    talk.done("r")
    talk.session.send_tool_result("1", "one")
    assert talk.commands() == ["item.create", "item.create", "response.create"]
    talk.created("r2")
    talk.done("r2")
    talk.session.send_tool_result("old", "late")
    assert talk.commands() == ["item.create", "response.create"]
