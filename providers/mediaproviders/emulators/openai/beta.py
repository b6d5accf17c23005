"""The interface before GA, which Azure's preview versions speak."""

import functools
import operator
from collections.abc import Iterable
from typing import Any, Final, get_args

from openai.types.beta.realtime.realtime_client_event_param import RealtimeClientEventParam
from openai.types.beta.realtime.transcription_session_update_param import TranscriptionSessionUpdateParam

from mediaproviders.emulators.openai.dialects import Fields, Places, from_top, parameter, to_top
from mediaproviders.emulators.openai.refusal import invalid_value, missing
from mediaproviders.emulators.openai.shapes import Check, check_of

_SHAPE: Final[Check] = check_of(
    functools.reduce(
        operator.or_,
        (each for each in get_args(RealtimeClientEventParam) if each is not TranscriptionSessionUpdateParam),
    )
)
PLACES: Final[Places] = (
    ("modalities", ("output_modalities",)),
    ("max_response_output_tokens", ("max_output_tokens",)),
    ("input_audio_format", ("audio", "input", "format")),
    ("input_audio_transcription", ("audio", "input", "transcription")),
    ("input_audio_noise_reduction", ("audio", "input", "noise_reduction")),
    ("turn_detection", ("audio", "input", "turn_detection")),
    ("output_audio_format", ("audio", "output", "format")),
    ("voice", ("audio", "output", "voice")),
    ("speed", ("audio", "output", "speed")),
)
TEMPERATURES: Final = (0.6, 1.2)
_FORMATS: Final = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_FORMAT_NAMES: Final = {kind: name for name, kind in _FORMATS.items()}
_FORMAT_FIELDS: Final = ("input_audio_format", "output_audio_format")
_PARTS: Final = {"text": "output_text", "audio": "output_audio"}
_PART_NAMES: Final = {current: old for old, current in _PARTS.items()}
_EVENTS: Final = (
    ("response.output_audio_transcript.", "response.audio_transcript."),
    ("response.output_audio.", "response.audio."),
    ("response.output_text.", "response.text."),
)
_NEEDED: Final = {
    "message": ("role", "content"),
    "function_call": ("name", "arguments"),
    "function_call_output": ("call_id", "output"),
}


class BetaDialect:
    """Flat sessions, `modalities`, `response.audio.delta`, `conversation.item.created`."""

    audio_delta = "response.audio.delta"

    def hear(self, event: Fields) -> Fields:
        """In GA shape; what only GA knows is an unknown parameter here."""
        if "type" not in event:
            raise missing("type")
        _SHAPE(event, "")
        match event["type"]:
            case "session.update":
                return {**event, "session": {"type": "realtime", **_current(event["session"], "session")}}
            case "response.create" if "response" in event:
                response = _current(event["response"], "response")
                if "input" in response:
                    items = enumerate(response["input"])
                    response["input"] = [_current_item(each, f"response.input[{index}]") for index, each in items]
                return {**event, "response": response}
            case "conversation.item.create":
                return {**event, "item": _current_item(event["item"], "item")}
        return event

    def say(self, kind: str, fields: Fields) -> Iterable[tuple[str, Fields]]:
        """By the old names."""
        if kind == "conversation.item.done":
            return ()
        if kind == "conversation.item.added":
            kind = "conversation.item.created"
        for current, old in _EVENTS:
            if kind.startswith(current):
                kind = old + kind.removeprefix(current)
        fields = dict(fields)
        if kind == "response.function_call_arguments.done":
            fields.pop("name", None)
        if "session" in fields:
            fields["session"] = _old_session(fields["session"])
        if "item" in fields:
            fields["item"] = _old_item(fields["item"])
        if kind in ("response.created", "response.done"):
            fields["response"] = _old_response(fields["response"])
        return ((kind, fields),)

    def parameter(self, path: str | None) -> str | None:
        """The flat name."""
        return parameter(path, PLACES)


def _current(given: Fields, path: str) -> Fields:
    flat = dict(given)
    for name in _FORMAT_FIELDS:
        if name in flat:
            flat[name] = {"type": _FORMATS[flat[name]]}
    if "modalities" in flat:
        flat["modalities"] = _current_modalities(flat["modalities"], f"{path}.modalities")
    if "temperature" in flat and not TEMPERATURES[0] <= flat["temperature"] <= TEMPERATURES[1]:
        raise invalid_value(
            f"{path}.temperature", f"Invalid '{path}.temperature': decimal not between 0.6 and 1.2, both included."
        )
    detection = flat.get("turn_detection")
    if detection is not None and "type" not in detection:
        raise missing(f"{path}.turn_detection.type")
    return from_top(flat, PLACES)


def _current_modalities(given: list[str], path: str) -> list[str]:
    if set(given) == {"audio", "text"}:
        return ["audio"]
    if given == ["text"]:
        return ["text"]
    raise invalid_value(
        path, f"Invalid modalities: {given}. Supported combinations are: ['text'] and ['audio', 'text']."
    )


def _current_item(item: Fields, path: str) -> Fields:
    if "type" not in item:
        raise missing(f"{path}.type")
    for name in _NEEDED[item["type"]]:
        if name not in item:
            raise missing(f"{path}.{name}")
    if item["type"] != "message":
        return item
    return {**item, "content": [_current_part(part, item["role"]) for part in item["content"]]}


def _current_part(part: Fields, role: str) -> Fields:
    if role == "assistant" and part.get("type") in _PARTS:
        return {**part, "type": _PARTS[part["type"]]}
    return part


def _old_session(session: Fields) -> Fields:
    flat = to_top(session, PLACES)
    for gone in ("type", "audio", "truncation", "prompt", "include"):
        flat.pop(gone, None)
    return _old_words(flat)


def _old_response(response: Fields) -> Fields:
    flat = to_top(response, PLACES)
    flat.pop("audio", None)
    # Here alone it has its later name.
    flat["max_output_tokens"] = flat.pop("max_response_output_tokens")
    flat["output"] = [_old_item(item) for item in response["output"]]
    return _old_words(flat)


def _old_words(flat: Fields) -> Fields:
    for name in _FORMAT_FIELDS:
        if name in flat:
            flat[name] = _FORMAT_NAMES[flat[name]["type"]]
    flat["modalities"] = ["audio", "text"] if flat["modalities"] == ["audio"] else flat["modalities"]
    detection: Any = flat.get("turn_detection")
    if detection:
        detection.pop("idle_timeout_ms", None)
    return flat


def _old_item(item: Fields) -> Fields:
    if item["type"] != "message":
        return item
    parts = [{**part, "type": _PART_NAMES.get(part["type"], part["type"])} for part in item["content"]]
    return {**item, "content": parts}
