"""What a session refuses, and by which code and path."""

import base64
import json
from typing import Any

import pytest

from mediaproviders.emulators.openai.refusal import Refusal
from mediaproviders.emulators.openai.validation import check, parsed
from support.openaiemulator import Rehearsal, one

VAD = {"type": "server_vad"}


def audio(**fields: Any) -> dict[str, Any]:
    return {"audio": fields}


def detection(**fields: Any) -> dict[str, Any]:
    return audio(input={"turn_detection": {**VAD, **fields}})


TD = "session.audio.input.turn_detection"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"voice": "alloy"}, "unknown_parameter", "session.voice"),
        ({"modalities": ["audio"]}, "unknown_parameter", "session.modalities"),
        ({"turn_detection": VAD}, "unknown_parameter", "session.turn_detection"),
        ({"input_audio_format": "g711_ulaw"}, "unknown_parameter", "session.input_audio_format"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "other"}, "invalid_value", "session.type"),
        ({"model": "gpt-realtime-mini"}, "invalid_value", "session.model"),
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 4097}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": "infinite"}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 1.5}, "invalid_value", "session.max_output_tokens"),
        (audio(output={"speed": 1.6}), "invalid_value", "session.audio.output.speed"),
        (audio(output={"speed": 0.2}), "invalid_value", "session.audio.output.speed"),
        (audio(output={"speed": "1"}), "invalid_type", "session.audio.output.speed"),
        (audio(output={"voice": "nobody"}), "invalid_value", "session.audio.output.voice"),
        (audio(output={"format": "g711_ulaw"}), "invalid_type", "session.audio.output.format"),
        (audio(output={"format": {"type": "audio/opus"}}), "invalid_value", "session.audio.output.format.type"),
        (audio(input={"format": {"rate": 24000}}), "missing_required_parameter", "session.audio.input.format.type"),
        (
            audio(input={"format": {"type": "audio/pcm", "rate": 8000}}),
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            audio(input={"format": {"type": "audio/pcmu", "rate": 8000}}),
            "unknown_parameter",
            "session.audio.input.format.rate",
        ),
        (audio(input={"turn_detection": {}}), "missing_required_parameter", f"{TD}.type"),
        (audio(input={"turn_detection": {"type": "magic"}}), "invalid_value", f"{TD}.type"),
        (detection(threshold=1.1), "invalid_value", f"{TD}.threshold"),
        (detection(threshold=-0.1), "invalid_value", f"{TD}.threshold"),
        (detection(threshold=True), "invalid_type", f"{TD}.threshold"),
        (detection(prefix_padding_ms=-1), "invalid_value", f"{TD}.prefix_padding_ms"),
        (detection(silence_duration_ms=200.5), "invalid_type", f"{TD}.silence_duration_ms"),
        (detection(idle_timeout_ms=100), "invalid_value", f"{TD}.idle_timeout_ms"),
        (detection(eagerness="low"), "unknown_parameter", f"{TD}.eagerness"),
        (detection(create_response="yes"), "invalid_type", f"{TD}.create_response"),
        (
            audio(input={"turn_detection": {"type": "semantic_vad", "eagerness": "very"}}),
            "invalid_value",
            f"{TD}.eagerness",
        ),
        (
            audio(input={"noise_reduction": {"type": "mid_field"}}),
            "invalid_value",
            "session.audio.input.noise_reduction.type",
        ),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tools": [{"type": "function", "name": "no spaces"}]}, "invalid_value", "session.tools[0].name"),
        (
            {"tools": [{"type": "function", "function": {"name": "x"}}]},
            "unknown_parameter",
            "session.tools[0].function",
        ),
        (
            {"tools": [{"type": "function", "name": "x", "parameters": "{}"}]},
            "invalid_type",
            "session.tools[0].parameters",
        ),
        ({"tools": {"name": "x"}}, "invalid_type", "session.tools"),
        ({"tool_choice": "maybe"}, "invalid_value", "session.tool_choice"),
        ({"tool_choice": {"type": "function", "name": "ghost"}}, "invalid_value", "session.tool_choice"),
        (
            {"truncation": {"type": "retention_ratio", "retention_ratio": 2.0}},
            "invalid_value",
            "session.truncation.retention_ratio",
        ),
        (
            {"truncation": {"type": "retention_ratio"}},
            "missing_required_parameter",
            "session.truncation.retention_ratio",
        ),
    ],
)
def test_refused_session_update(session: dict[str, Any], code: str, param: str) -> None:
    rehearsal = Rehearsal()
    assert rehearsal.refused_update(**session) == (code, param)
    # A refused update changes nothing.
    before = rehearsal.configure()
    assert one(before, "session.updated")["session"]["max_output_tokens"] == "inf"


MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({}, "missing_required_parameter", "type"),
        ({"type": "nonsense"}, "invalid_value", "type"),
        ({"type": 5}, "invalid_value", "type"),
        ({"type": "response.create", "event_id": 5}, "invalid_type", "event_id"),
        ({"type": "response.create", "event_id": "x" * 513}, "string_above_max_length", "event_id"),
        ({"type": "response.cancel", "reason": "x"}, "unknown_parameter", "reason"),
        ({"type": "response.create", "response": {"temperature": 1}}, "unknown_parameter", "response.temperature"),
        ({"type": "response.create", "response": {"modalities": []}}, "unknown_parameter", "response.modalities"),
        ({"type": "response.create", "response": {"conversation": "x"}}, "invalid_value", "response.conversation"),
        (
            {"type": "response.create", "response": {"max_output_tokens": 5000}},
            "invalid_value",
            "response.max_output_tokens",
        ),
        (
            {"type": "response.create", "response": {"input": [{**MESSAGE, "role": "boss"}]}},
            "invalid_value",
            "response.input[0].role",
        ),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": ""}, None, None),
        (
            {"type": "conversation.item.create", "item": {**MESSAGE, "content": [{"type": "text", "text": "x"}]}},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "conversation.item.create", "item": {**MESSAGE, "content": [{"type": "input_text"}]}},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            {"type": "conversation.item.create", "item": {**MESSAGE, "content": "hi"}},
            "invalid_type",
            "item.content",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_audio", "audio": "AA=="}],
                },
            },
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "conversation.item.create", "item": {**MESSAGE, "id": "i" * 33}},
            "string_above_max_length",
            "item.id",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "c", "output": {}},
            },
            "invalid_type",
            "item.output",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 1, "audio_end_ms": 0},
            "invalid_value",
            "content_index",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": -1},
            "invalid_value",
            "audio_end_ms",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 10.0},
            "invalid_type",
            "audio_end_ms",
        ),
        ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
    ],
)
def test_refused_event(event: dict[str, Any], code: str | None, param: str | None) -> None:
    if code is None:
        check(event)
        return
    with pytest.raises(Refusal) as refused:
        check(event)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_accepts_what_telephony_sends() -> None:
    Rehearsal().configure(
        output_modalities=["audio"],
        instructions="Be brief.",
        audio={
            "input": {
                "format": {"type": "audio/pcma"},
                "noise_reduction": None,
                "transcription": {"model": "gpt-4o-mini-transcribe", "language": "en"},
                "turn_detection": {**VAD, "threshold": 0.5, "idle_timeout_ms": None},
            },
            "output": {"format": {"type": "audio/pcma"}, "voice": {"id": "voice_1"}, "speed": 1},
        },
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        tool_choice={"type": "function", "name": "f"},
        truncation={"type": "retention_ratio", "retention_ratio": 0.8},
        tracing=None,
    )


@pytest.mark.parametrize(
    ("frame", "code"),
    [("{", "invalid_json"), ("", "invalid_json"), ("[]", "invalid_type"), ("nonsense", "invalid_json")],
)
def test_refused_frame(frame: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        parsed(frame)
    assert refused.value.code == code


def test_binary_frame_is_refused() -> None:
    rehearsal = Rehearsal()
    rehearsal.session.receive_binary(b"{}", rehearsal.now)
    assert one(rehearsal.drain(), "error")["error"]["code"] == "invalid_frame"


@pytest.mark.parametrize("encoded", ["a", "====", "ab$d", "YQ==YQ==", "caf\u00e9", 17, None])
def test_append_must_be_strict_base64(encoded: object) -> None:
    error = Rehearsal().refusal("input_audio_buffer.append", audio=encoded)
    assert (error["code"], error["param"]) == ("invalid_value" if isinstance(encoded, str) else "invalid_type", "audio")


def test_append_over_15_mib() -> None:
    rehearsal = Rehearsal()
    rehearsal.configure(audio={"input": {"turn_detection": None}})
    largest = bytes(15 * 1024 * 1024)
    assert rehearsal.append(largest) == []
    frame = {"type": "input_audio_buffer.append", "audio": base64.b64encode(largest + b"0").decode()}
    rehearsal.session.receive(json.dumps(frame), rehearsal.now)
    assert one(rehearsal.drain(), "error")["error"]["param"] == "audio"


def test_append_with_an_unknown_field() -> None:
    error = Rehearsal().refusal("input_audio_buffer.append", audio="", sequence=4)
    assert (error["code"], error["param"]) == ("unknown_parameter", "sequence")


def test_append_of_half_a_sample() -> None:
    error = Rehearsal(kind="audio/pcm").refusal("input_audio_buffer.append", audio="AAAA")
    assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_output_buffer_clear_is_not_for_websockets() -> None:
    assert Rehearsal().refusal("output_audio_buffer.clear")["param"] == "type"
