"""Whether a client event is one the service takes: its shape by the SDK's types, its values by the service's rules."""

import binascii
import functools
import operator
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import orjson
from openai.types.realtime.realtime_client_event_param import RealtimeClientEventParam
from openai.types.realtime.response_create_event_param import ResponseCreateEventParam
from openai.types.realtime.response_create_event_with_references_param import ResponseCreateEventWithReferencesParam

from mediaproviders.emulators.openai.refusal import Refusal, invalid_value, missing, wrong_type
from mediaproviders.emulators.openai.services import VOICES, Limits
from mediaproviders.emulators.openai.shapes import Check, check_of

MAX_APPEND_BYTES = 15 * 1024 * 1024
MAX_OUTPUT_TOKENS = 4096
MAX_ITEM_ID = 32
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LIMITS = Limits(VOICES)

# The SDK's union leaves out that a response's input may refer to items by id.
_SHAPE: Check = check_of(
    functools.reduce(
        operator.or_,
        (
            ResponseCreateEventWithReferencesParam if each is ResponseCreateEventParam else each
            for each in get_args(RealtimeClientEventParam)
        ),
    )
)


def parsed(frame: str | bytes | bytearray | memoryview) -> dict[str, Any]:
    """The JSON object in a text frame. Raises Refusal."""
    try:
        event = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise Refusal("invalid_json", f"We could not parse the JSON of your event: {error}") from None
    if not isinstance(event, dict):
        raise wrong_type("", "an object", event)
    return event


def check(event: dict[str, Any]) -> None:
    """Raise Refusal unless `event` is a client event in shape and values."""
    check_shape(event)
    check_values(event)


def check_shape(event: dict[str, Any]) -> None:
    """Raise Refusal unless `event` has the shape of a client event."""
    if "type" not in event:
        raise missing("type")
    _SHAPE(event, "")


def check_values(event: dict[str, Any], limits: Limits = LIMITS) -> None:
    """Raise Refusal unless the values in `event`, of the right shape, are ones the service takes."""
    if len(event.get("event_id", "")) > 512:
        raise too_long("event_id", 512)
    match event["type"]:
        case "session.update":
            _session(event["session"], limits)
        case "response.create":
            _response(event.get("response", {}), limits)
        case "conversation.item.create":
            _item(event["item"], "item")
        case "conversation.item.truncate":
            _at_least(event["audio_end_ms"], 0, "audio_end_ms")
            if event["content_index"] != 0:
                raise invalid_value("content_index", "Invalid 'content_index': an item has one audio part, at 0.")


def audio_bytes(encoded: object, param: str) -> bytes:
    """The bytes of a base64 field. Raises Refusal if it is not strict base64 or over 15 MiB."""
    if not isinstance(encoded, str):
        raise wrong_type(param, "a string", encoded)
    try:
        raw = binascii.a2b_base64(encoded, strict_mode=True)
    except (binascii.Error, ValueError):
        raise invalid_value(param, f"Invalid '{param}'. Expected base64-encoded audio bytes.") from None
    if len(raw) > MAX_APPEND_BYTES:
        raise invalid_value(param, f"Invalid '{param}': {len(raw)} bytes of audio are over the limit of 15 MiB.")
    return raw


def too_long(param: str, limit: int) -> Refusal:
    """A text field is over its limit, in characters."""
    message = f"Invalid '{param}': string too long. Expected a string with maximum length {limit}."
    return Refusal("string_above_max_length", message, param)


def _session(session: Mapping[str, Any], limits: Limits) -> None:
    if session["type"] != "realtime":
        raise invalid_value(
            "session.type", "Passing a transcription session update event to a realtime session is not allowed."
        )
    for path, value in _present(session, "session", ("output_modalities", "max_output_tokens", "tools", "truncation")):
        _common(path, value)
    audio = session.get("audio", {})
    output = audio.get("output", {})
    _voice(output, "session.audio.output", limits)
    if "speed" in output:
        _between(output["speed"], *limits.speed, "session.audio.output.speed")
    _format(output, "session.audio.output", limits)
    heard = audio.get("input", {})
    _format(heard, "session.audio.input", limits)
    if heard.get("turn_detection") is not None:
        _turn_detection(heard["turn_detection"], "session.audio.input.turn_detection", limits)


def _response(response: Mapping[str, Any], limits: Limits) -> None:
    for path, value in _present(response, "response", ("output_modalities", "max_output_tokens", "tools")):
        _common(path, value)
    output = response.get("audio", {}).get("output", {})
    _voice(output, "response.audio.output", limits)
    _format(output, "response.audio.output", limits)
    conversation = response.get("conversation", "auto")
    if conversation not in ("auto", "none"):
        raise invalid_value(
            "response.conversation", f"Invalid value: '{conversation}'. Supported values are: 'auto' and 'none'."
        )
    for index, item in enumerate(response.get("input", ())):
        if item.get("type") != "item_reference":
            _item(item, f"response.input[{index}]")


def _present(record: Mapping[str, Any], path: str, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    return ((f"{path}.{name}", record[name]) for name in names if name in record)


def _common(path: str, value: Any) -> None:
    """The rules that hold for a session's and for a response's field alike."""
    match path.partition(".")[2]:
        case "output_modalities" if value not in (["audio"], ["text"]):
            raise invalid_value(
                path, f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
            )
        case "max_output_tokens" if value != "inf":
            _between(value, 1, MAX_OUTPUT_TOKENS, path)
        case "truncation" if isinstance(value, dict):
            _between(value["retention_ratio"], 0.0, 1.0, f"{path}.retention_ratio")
        case "tools":
            for index, tool in enumerate(value):
                _tool(tool, f"{path}[{index}]")


def _tool(tool: Mapping[str, Any], path: str) -> None:
    if tool["type"] != "function":
        return
    if "name" not in tool:
        raise missing(f"{path}.name")
    if TOOL_NAME.fullmatch(tool["name"]) is None:
        raise invalid_value(f"{path}.name", f"Invalid '{path}.name': expected 1 to 64 of a-z, A-Z, 0-9, '_' and '-'.")
    parameters = tool.get("parameters", {})
    if not isinstance(parameters, dict):
        raise wrong_type(f"{path}.parameters", "an object", parameters)


def _voice(output: Mapping[str, Any], path: str, limits: Limits) -> None:
    voice = output.get("voice")
    if isinstance(voice, str) and (voice.lower() if limits.voices_any_case else voice) not in limits.voices:
        listed = ", ".join(f"'{each}'" for each in sorted(limits.voices))
        raise invalid_value(f"{path}.voice", f"Invalid value: '{voice}'. Supported values are: {listed}.")


def _format(record: Mapping[str, Any], path: str, limits: Limits) -> None:
    rate = record.get("format", {}).get("rate")
    if rate is None:
        return
    if record["format"]["type"] != "audio/pcm":
        raise Refusal("unknown_parameter", f"Unknown parameter: '{path}.format.rate'.", f"{path}.format.rate")
    if rate not in limits.pcm_rates:
        raise invalid_value(
            f"{path}.format.rate", f"Invalid value: '{rate}'. Supported are: {sorted(limits.pcm_rates)}."
        )


def _turn_detection(detection: Mapping[str, Any], path: str, limits: Limits) -> None:
    if "threshold" in detection:
        _between(detection["threshold"], *limits.threshold, f"{path}.threshold")
    for name in ("prefix_padding_ms", "silence_duration_ms"):
        if name in detection:
            _at_least(detection[name], 0, f"{path}.{name}")
    if detection.get("idle_timeout_ms") is not None:
        _between(detection["idle_timeout_ms"], *limits.idle_timeout_ms, f"{path}.idle_timeout_ms")


def _item(item: Mapping[str, Any], path: str) -> None:
    if len(item.get("id", "")) > MAX_ITEM_ID:
        raise too_long(f"{path}.id", MAX_ITEM_ID)
    if item["type"] != "message":
        return
    for index, part in enumerate(item["content"]):
        _part(part, item["role"], f"{path}.content[{index}]")


def _part(part: Mapping[str, Any], role: str, path: str) -> None:
    if "type" not in part:
        raise missing(f"{path}.type")
    if part["type"] == "output_audio":
        raise invalid_value(f"{path}.type", "Assistant audio cannot be put into a conversation; use 'output_text'.")
    needed = {"input_text": "text", "output_text": "text", "input_audio": "audio", "input_image": "image_url"}
    name = needed.get(part["type"])
    if name is None:
        raise invalid_value(f"{path}.type", f"Invalid value: '{part['type']}' is no content of a {role}'s message.")
    if name not in part:
        raise missing(f"{path}.{name}")
    if role == "user" and name == "audio":
        audio_bytes(part["audio"], f"{path}.audio")


def _at_least(value: float, low: float, param: str) -> None:
    if value < low:
        raise invalid_value(
            param, f"Invalid '{param}': below minimum value. Expected a value >= {low}, but got {value} instead."
        )


def _between(value: float, low: float, high: float, param: str) -> None:
    _at_least(value, low, param)
    if value > high:
        raise invalid_value(
            param, f"Invalid '{param}': above maximum value. Expected a value <= {high}, but got {value} instead."
        )
