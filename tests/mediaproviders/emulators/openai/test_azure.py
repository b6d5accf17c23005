"""Azure's two interfaces: what they share with OpenAI's, and what each refuses of the other."""

from typing import Any

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from support.openaiemulator import QUICK, Rehearsal, audio_of, one, only, types

SAID = {"type": "message", "role": "assistant"}


def azure(**settings: Any) -> Rehearsal:
    return Rehearsal(EmulatorSettings(dialect="azure", pace=QUICK, answer_ms=1000, **settings))


def preview(**settings: Any) -> Rehearsal:
    return Rehearsal(EmulatorSettings(dialect="azure-preview", pace=QUICK, answer_ms=1000, **settings))


def test_semantic_vad_is_accepted_and_hears_nobody() -> None:
    rehearsal = azure()
    detection = {"type": "semantic_vad", "eagerness": "high"}
    updated = rehearsal.configure(audio={"input": {"turn_detection": detection}})
    assert one(updated, "session.updated")["session"]["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"
    assert rehearsal.turn(2000) == []
    rehearsal.detection()
    assert "response.created" in types(rehearsal.turn() + rehearsal.run(2))


def test_semantic_vad_is_dead_in_the_preview_too() -> None:
    rehearsal = preview()
    rehearsal.configure(turn_detection={"type": "semantic_vad"})
    assert rehearsal.turn(2000) == []


@pytest.mark.parametrize("make", [azure, preview])
def test_the_transcriber_is_a_deployment(make: Any) -> None:
    rehearsal = make(transcribers=frozenset({"scribe"}))
    for model, kind in (("whisper-1", "failed"), ("scribe", "completed")):
        transcription = {"model": model}
        if rehearsal.beta:
            rehearsal.configure(input_audio_transcription=transcription)
        else:
            rehearsal.configure(audio={"input": {"transcription": transcription}})
        events = rehearsal.turn() + rehearsal.run(3)
        told = one(events, f"conversation.item.input_audio_transcription.{kind}")
        assert kind == "completed" or told["error"]["code"] == "DeploymentNotFound"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "realtime"}, "unknown_parameter", "session.type"),
        ({"output_modalities": ["audio"]}, "unknown_parameter", "session.output_modalities"),
        ({"audio": {"output": {"voice": "alloy"}}}, "unknown_parameter", "session.audio"),
        ({"max_output_tokens": 100}, "unknown_parameter", "session.max_output_tokens"),
        ({"truncation": "auto"}, "unknown_parameter", "session.truncation"),
        ({"modalities": ["audio"]}, "invalid_value", "session.modalities"),
        ({"modalities": ["video"]}, "invalid_value", "session.modalities[0]"),
        ({"voice": "marin"}, "invalid_value", "session.voice"),
        ({"speed": 1.6}, "invalid_value", "session.speed"),
        ({"temperature": 0.5}, "invalid_value", "session.temperature"),
        ({"temperature": 1.3}, "invalid_value", "session.temperature"),
        ({"max_response_output_tokens": 5000}, "invalid_value", "session.max_response_output_tokens"),
        ({"input_audio_format": "audio/pcmu"}, "invalid_value", "session.input_audio_format"),
        ({"input_audio_noise_reduction": None}, "invalid_type", "session.input_audio_noise_reduction"),
        ({"turn_detection": {"threshold": 0.5}}, "missing_required_parameter", "session.turn_detection.type"),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 2.0}},
            "invalid_value",
            "session.turn_detection.threshold",
        ),
        (
            {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}},
            "unknown_parameter",
            "session.turn_detection.idle_timeout_ms",
        ),
        ({"tools": [{"type": "function", "name": "no spaces"}]}, "invalid_value", "session.tools[0].name"),
    ],
)
def test_the_preview_refuses(session: dict[str, Any], code: str, param: str) -> None:
    rehearsal = preview()
    assert rehearsal.refused_update(**session) == (code, param)
    assert rehearsal.timeline.of("refused")[0]["param"] == param


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "transcription_session.update", "session": {}}, "type"),
        ({"type": "response.create", "response": {"output_modalities": ["text"]}}, "response.output_modalities"),
        ({"type": "response.create", "response": {"temperature": 2.0}}, "response.temperature"),
        ({"type": "conversation.item.create", "item": {}}, "item.type"),
        ({"type": "conversation.item.create", "item": {"type": "message", "role": "user"}}, "item.content"),
        ({"type": "conversation.item.create", "item": {"type": "function_call_output"}}, "item.call_id"),
        (
            {"type": "conversation.item.create", "item": {**SAID, "content": [{"type": "output_text", "text": "x"}]}},
            "item.content[0].type",
        ),
        (
            {"type": "conversation.item.create", "item": {**SAID, "content": [{"type": "audio", "audio": "AA=="}]}},
            "item.content[0].type",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]},
            },
            "item.content[0].type",
        ),
    ],
)
def test_the_preview_refuses_events(event: dict[str, Any], param: str) -> None:
    event = dict(event)
    assert preview().refusal(event.pop("type"), **event)["param"] == param


@pytest.mark.parametrize("name", ["modalities", "voice", "temperature", "input_audio_format", "turn_detection"])
def test_ga_refuses_what_the_preview_takes(name: str) -> None:
    values: dict[str, Any] = {
        "modalities": ["audio", "text"],
        "voice": "alloy",
        "temperature": 0.8,
        "input_audio_format": "pcm16",
        "turn_detection": {"type": "server_vad"},
    }
    preview().configure(**{name: values[name]})
    assert azure().refused_update(**{name: values[name]}) == ("unknown_parameter", f"session.{name}")


def test_the_preview_speaks_by_the_old_names() -> None:
    rehearsal = preview()
    created = one(rehearsal.opening, "session.created")["session"]
    assert created["turn_detection"]["silence_duration_ms"] == 200
    assert (created["modalities"], created["voice"], created["temperature"]) == (["audio", "text"], "alloy", 0.8)
    assert "audio" not in created and "type" not in created
    rehearsal.configure(input_audio_transcription={"model": "whisper-1"}, tools=[{"type": "function", "name": "f"}])
    events = rehearsal.turn() + rehearsal.run(3)
    kinds = types(events)
    assert len(audio_of(events)) == 8000
    assert not [kind for kind in kinds if "output_audio" in kind or kind == "conversation.item.done"]
    assert one(events, "response.audio_transcript.done")["transcript"].startswith("This is")
    # One for the caller's item, one for the agent's.
    assert kinds.count("conversation.item.created") == 2
    done = one(events, "response.done")["response"]
    assert done["output"][0]["content"][0]["type"] == "audio"
    assert done["output_audio_format"] == "g711_ulaw"


def test_a_tool_call_in_the_preview_has_its_name_in_the_item_only() -> None:
    rehearsal = preview(tool_on_turn={0: ("f", "{}")})
    rehearsal.configure(tools=[{"type": "function", "name": "f"}])
    events = rehearsal.send("response.create") + rehearsal.run(2)
    assert "name" not in one(events, "response.function_call_arguments.done")
    assert one(events, "response.output_item.done")["item"]["name"] == "f"


def test_text_in_the_preview() -> None:
    rehearsal = preview()
    rehearsal.configure(modalities=["text"], turn_detection=None)
    events = rehearsal.send("response.create") + rehearsal.run(5)
    assert audio_of(events) == b""
    text = one(events, "response.text.done")["text"]
    assert "".join(each["delta"] for each in only(events, "response.text.delta")) == text
    item = {**SAID, "content": [{"type": "text", "text": "Hello."}]}
    created = one(rehearsal.send("conversation.item.create", item=item), "conversation.item.created")
    assert created["item"]["content"] == [{"type": "text", "text": "Hello."}]
