"""What xAI does in its own way."""

from typing import Any

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from support.openaiemulator import QUICK, Rehearsal, audio_of, one, only, types

TRANSCRIPT = "conversation.item.input_audio_transcription"


def xai(**settings: Any) -> Rehearsal:
    settings.setdefault("pace", QUICK)
    settings.setdefault("answer_ms", 1000)
    return Rehearsal(EmulatorSettings(dialect="xai", **settings))


def forced(text: str = "Hello.", **fields: Any) -> dict[str, Any]:
    return {"item": {"type": "force_message", "role": "assistant", "content": [{"text": text}], **fields}}


def refused(rehearsal: Rehearsal, kind: str, **fields: Any) -> tuple[str, str]:
    """The code and the parameter of a refusal; the client is told neither."""
    error = rehearsal.refusal(kind, **fields)
    assert (error["code"], error["param"]) == (None, None) and error["message"]
    entry = rehearsal.timeline.of("refused")[-1]
    return entry["code"], entry["param"]


def test_the_opening() -> None:
    opening = xai().opening
    assert types(opening) == ["conversation.created", "session.created"]
    session = opening[1]["session"]
    assert (session["voice"], session["turn_detection"]["threshold"]) == ("eve", 0.85)
    assert "voice" not in session["audio"]["output"] and "turn_detection" not in session["audio"]["input"]


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"audio": {"output": {"voice": "eve"}}}, "unknown_parameter", "session.audio.output.voice"),
        ({"audio": {"input": {"turn_detection": None}}}, "unknown_parameter", "session.audio.input.turn_detection"),
        ({"audio": {"input": {"noise_reduction": None}}}, "unknown_parameter", "session.audio.input.noise_reduction"),
        ({"model": "grok-voice-latest"}, "unknown_parameter", "session.model"),
        ({"output_modalities": ["text"]}, "unknown_parameter", "session.output_modalities"),
        ({"truncation": "auto"}, "unknown_parameter", "session.truncation"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"tool_choice": "auto"}, "unknown_parameter", "session.tool_choice"),
        ({"max_output_tokens": 100}, "unknown_parameter", "session.max_output_tokens"),
        ({"turn_detection": {"type": "semantic_vad"}}, "invalid_value", "session.turn_detection.type"),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.95}},
            "invalid_value",
            "session.turn_detection.threshold",
        ),
        ({"voice": "alloy"}, "invalid_value", "session.voice"),
        ({"audio": {"output": {"speed": 0.5}}}, "invalid_value", "session.audio.output.speed"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 12345}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"transcription": {"keyterms": ["x" * 51]}}}},
            "invalid_value",
            "session.audio.input.transcription.keyterms",
        ),
        ({"reasoning": {"effort": "medium"}}, "invalid_value", "session.reasoning.effort"),
    ],
)
def test_refused_sessions(session: dict[str, Any], code: str, param: str) -> None:
    assert refused(xai(), "session.update", session=session) == (code, param)


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "conversation.item.retrieve", "item_id": "x"}, "type"),
        ({"type": "response.create", "response": {"tool_choice": "none"}}, "response.tool_choice"),
        ({"type": "response.create", "response": {"output_modalities": ["text"]}}, "response.output_modalities"),
        ({"type": "conversation.item.create", "item": {"type": "message", "role": "user"}}, "item.content"),
        ({"type": "conversation.item.create", **forced(role="user")}, "item.role"),
        ({"type": "conversation.item.create", **forced("")}, "item.content[0].text"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [], "interruptible": True},
            },
            "item",
        ),
    ],
)
def test_refused_events(event: dict[str, Any], param: str) -> None:
    event = dict(event)
    assert refused(xai(), event.pop("type"), **event)[1] == param


def test_errors_are_to_be_read() -> None:
    rehearsal = xai()
    assert "no active response" in rehearsal.refusal("response.cancel")["message"]
    rehearsal.send("response.create")
    assert "already has an active response" in rehearsal.refusal("response.create")["message"]


def test_settings_lie_where_they_belong() -> None:
    rehearsal = xai()
    session = one(
        rehearsal.configure(
            voice="Ara",
            turn_detection={"type": "server_vad", "silence_duration_ms": 300},
            audio={"output": {"speed": 0.8}},
            replace={"SQL": "sequel"},
            reasoning={"effort": "none"},
        ),
        "session.updated",
    )["session"]
    assert (session["voice"], session["turn_detection"]["silence_duration_ms"]) == ("Ara", 300)
    off = one(rehearsal.configure(turn_detection={"type": None}), "session.updated")["session"]
    assert off["turn_detection"] is None
    assert rehearsal.turn(1000) == []


@pytest.mark.parametrize(("rate", "size"), [(8000, 16000), (16000, 32000), (24000, 48000)])
def test_rates(rate: int, size: int) -> None:
    rehearsal = xai()
    rehearsal.configure(audio={"output": {"format": {"type": "audio/pcm", "rate": rate}}})
    events = rehearsal.send("response.create") + rehearsal.run(3)
    assert len(audio_of(events)) == size


def test_a_turn() -> None:
    rehearsal = xai(hears=("How late is it?",))
    events = rehearsal.turn() + rehearsal.run(3)
    assert "audio_start_ms" not in one(events, "input_audio_buffer.speech_started")
    assert "audio_end_ms" not in one(events, "input_audio_buffer.speech_stopped")
    # Without a model for it there are no partial transcripts.
    assert [kind for kind in types(events) if kind.startswith(TRANSCRIPT)] == [f"{TRANSCRIPT}.completed"]
    assert one(events, "response.done")["response"]["usage"] == {}
    assert [each["response"]["status_details"] for each in events if "response" in each] == ["unimplemented"] * 2
    rehearsal.configure(audio={"input": {"transcription": {"model": "grok-transcribe"}}})
    events = rehearsal.turn() + rehearsal.run(3)
    said = [each["transcript"] for each in only(events, f"{TRANSCRIPT}.updated")]
    assert len(said) == 2 and said[1].startswith(said[0]) and said[1] == "How late is it?"
    complete = [(each["transcript"], each["status"]) for each in only(events, f"{TRANSCRIPT}.completed")]
    assert complete == [*((each, "in_progress") for each in said), (said[1], "completed")]
    done = one(events, "response.done")
    assert "usage" not in done["response"] and done["usage"]["output_tokens"] > 0


def test_force_message_is_said_word_for_word() -> None:
    rehearsal = xai()
    events = rehearsal.send("conversation.item.create", **forced("Hello, this call is recorded.")) + rehearsal.run(3)
    assert types(events)[0] == "response.created"
    assert one(events, "response.output_audio_transcript.done")["transcript"] == "Hello, this call is recorded."
    assert one(events, "response.done")["response"]["status"] == "completed"
    assert len(audio_of(events)) == 8000


@pytest.mark.parametrize("interruptible", [True, False])
def test_force_message_may_be_uninterruptible(interruptible: bool) -> None:
    rehearsal = xai(answer_ms=8000)
    rehearsal.send("conversation.item.create", **forced(interruptible=interruptible))
    heard = rehearsal.turn(300)
    assert ("input_audio_buffer.speech_started" in types(heard)) is interruptible
    rehearsal.run(10)
    assert "input_audio_buffer.speech_started" in types(rehearsal.turn(300))


def test_metadata_comes_back() -> None:
    rehearsal = xai()
    tagged = rehearsal.send("response.create", response={"metadata": {"turn": "7"}}) + rehearsal.run(3)
    assert [each["response"]["metadata"] for each in tagged if "response" in each] == [{"turn": "7"}] * 2
    plain = rehearsal.send("response.create") + rehearsal.run(3)
    assert not any("metadata" in each["response"] for each in plain if "response" in each)
    assert refused(rehearsal, "response.create", response={"metadata": {"turn": 7}})[1] == "response.metadata.turn"


def test_text_by_both_names() -> None:
    rehearsal = xai()
    kinds = set()
    for _ in range(2):
        events = rehearsal.send("response.create", response={"modalities": ["text"]}) + rehearsal.run(5)
        kinds |= {kind for kind in types(events) if kind.endswith("text.delta")}
    assert kinds == {"response.text.delta", "response.output_text.delta"}


def test_a_tool_call_names_no_item() -> None:
    rehearsal = xai(tool_on_turn={0: ("f", "{}")})
    rehearsal.configure(tools=[{"type": "function", "name": "f"}, {"type": "web_search"}])
    events = rehearsal.send("response.create") + rehearsal.run(2)
    assert set(one(events, "response.function_call_arguments.done")) == {
        "type", "event_id", "call_id", "name", "arguments"}  # fmt: skip


def test_pings() -> None:
    assert types(xai(ping_s=2.0).run(7)) == ["ping"] * 3


def test_a_session_lasts_half_an_hour() -> None:
    rehearsal = xai(ping_s=10_000.0)
    assert rehearsal.run(1799) == []
    error = one(rehearsal.run(2), "error")["error"]
    assert error["code"] is None and "maximum duration of 30 minutes" in error["message"]
    assert rehearsal.session.closed
