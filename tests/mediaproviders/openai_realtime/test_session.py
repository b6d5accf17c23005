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
)  # fmt: skip
from mediaproviders.openai_realtime.session import MOST_NONSENSE, Session


class Talk:
    """A session with its two ends laid open."""

    def __init__(self, interruption="provider", **fields):
        self.sent = []
        brief = Brief("m", "Be brief.", PCMU, PCMU, interruption=interruption, **fields)
        self.session = Session(brief, lambda message: self.sent.append(json.loads(message)))

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
