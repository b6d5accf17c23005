"""The configuration of a session: its defaults, and how an update changes it."""

import copy
from collections.abc import Mapping
from typing import Any

from mediaproviders.emulators.openai.refusal import Refusal, invalid_value

SERVER_VAD: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: dict[str, Any] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
PCM: dict[str, Any] = {"type": "audio/pcm", "rate": 24000}
# What an update replaces as a whole; every other object is merged field by field.
WHOLE = frozenset(
    {"tools", "tool_choice", "truncation", "tracing", "prompt", "voice", "reasoning", "include", "replace"}
)


def default_session(
    session_id: str, model: str, expires_at: int, own: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A new session's configuration, as in `session.created`. `expires_at` is in s of the Unix epoch.

    `own`: what a service has that OpenAI's has not.
    """
    session = _openai_session(session_id, model, expires_at)
    _merge_plainly(session, own or {})
    return session


def _merge_plainly(into: dict[str, Any], own: Mapping[str, Any]) -> None:
    for name, value in own.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge_plainly(into[name], value)
        else:
            into[name] = copy.deepcopy(value)


def _openai_session(session_id: str, model: str, expires_at: int) -> dict[str, Any]:
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful, witty and friendly assistant that speaks.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(SERVER_VAD),
            },
            "output": {"format": dict(PCM), "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def updated(
    session: dict[str, Any], changes: dict[str, Any], *, has_spoken: bool, is_responding: bool
) -> dict[str, Any]:
    """The session after an update that passed validation; the old one is left alone. Raises Refusal.

    `has_spoken`: audio has been sent, so the voice is settled. `is_responding`: speed cannot change now.
    """
    if changes.get("model", session["model"]) != session["model"]:
        raise invalid_value("session.model", "The model of a session cannot be changed once it is open.")
    old, new = session["audio"]["output"], changes.get("audio", {}).get("output", {})
    if has_spoken and new.get("voice", old["voice"]) != old["voice"]:
        raise Refusal(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            "session.audio.output.voice",
        )
    if is_responding and new.get("speed", old["speed"]) != old["speed"]:
        raise invalid_value(
            "session.audio.output.speed", "The speed cannot be changed while a response is in progress."
        )
    merged = copy.deepcopy(session)
    _merge(merged, changes)
    _check_tool_choice(merged["tool_choice"], merged["tools"], "session.tool_choice")
    return merged


def _merge(into: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if name == "turn_detection" and value is not None:
            into[name] = _turn_detection(into[name], value)
        elif name == "format":
            into[name] = {**PCM, **value} if value["type"] == "audio/pcm" else dict(value)
        elif isinstance(value, dict) and isinstance(into.get(name), dict) and name not in WHOLE:
            _merge(into[name], value)
        else:
            into[name] = copy.deepcopy(value)


def _turn_detection(old: dict[str, Any] | None, change: dict[str, Any]) -> dict[str, Any]:
    # Of another kind, the old one's settings mean nothing.
    defaults = SERVER_VAD if change["type"] == "server_vad" else SEMANTIC_VAD
    same = old is not None and old["type"] == change["type"]
    return {**(old if same and old else defaults), **change}


def _check_tool_choice(choice: Any, tools: list[dict[str, Any]], param: str) -> None:
    if isinstance(choice, dict) and choice.get("type") == "function":
        names = [tool.get("name") for tool in tools]
        if choice.get("name") not in names:
            raise invalid_value(param, f"Tool choice '{choice.get('name')}' not found in 'tools' parameter.")


def for_response(session: dict[str, Any], overrides: dict[str, Any], *, has_spoken: bool) -> dict[str, Any]:
    """The configuration one response is made with: the session's, changed by `response.create`. Raises Refusal."""
    voice = session["audio"]["output"]["voice"]
    if has_spoken and overrides.get("audio", {}).get("output", {}).get("voice", voice) != voice:
        raise Refusal(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            "response.audio.output.voice",
        )
    merged = copy.deepcopy(session) if "audio" in overrides else dict(session)
    _merge(merged, {name: value for name, value in overrides.items() if name not in ("input", "metadata")})
    _check_tool_choice(merged["tool_choice"], merged["tools"], "response.tool_choice")
    return merged


def kind_of(audio: Mapping[str, Any]) -> str:
    """The name of an audio format: its media type, with the rate where that is not 24 kHz."""
    kind, rate = str(audio["type"]), audio.get("rate")
    return kind if rate in (None, PCM["rate"]) else f"{kind};rate={rate}"
