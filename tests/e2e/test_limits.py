"""A limit of the agent ends a call politely, whoever its model is: goodbye is said and heard, then the line is cut."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mediaserver.load.recording import Samples
from mediaserver.load.script import Silence
from mediaserver.talk.ending import FAREWELL
from support.long_calls import GREETED, Asked, Call, Exchange, Service, exchange, questions, spoken

SAYS = "This is answer {n}."
MODELS = {
    "openai": "gpt-realtime",
    "azure": "azure/gpt-realtime",
    "xai": "grok-voice",
    "gemini": "gemini-2.5-flash-native-audio",
    "nova": "nova-2-sonic",
    "text": "gpt-realtime",
}
"""What each agent speaks by; `text`: in text, between speech services."""
LIMITS: Mapping[str, dict[str, float]] = {"max-duration": {"max_call_s": 5.0}, "max-cost": {"max_cost": 0.000_02}}
"""Reached after a question and its answer; and by the greeting alone."""


def agent(name: str, reason: str) -> dict[str, Any]:
    """One that speaks by the emulator of its model, within a limit."""
    speech = {"service": "openai", "access": "speech"}
    by_text = {"voice_streaming": False, "speech_to_text": speech, "text_to_speech": {**speech, "voice": "alloy"}}
    return {
        "name": f"{name}-{reason}",
        "model": MODELS[name],
        "access": name,
        "prompt": "Be brief.",
        "welcome": "Good morning!",
        "limits": LIMITS[reason],
        **(by_text if name == "text" else {}),
    }


async def test_goodbye_is_said_and_heard_before_the_line_is_cut(tmp_path: Path) -> None:
    kinds = {name: "openai" if name == "text" else name for name in MODELS}
    services = {name: Service(kind, {"answer_texts": (SAYS,)}) for name, kind in kinds.items()}
    services["speech"] = Service("speech")
    agents = [agent(name, reason) for name in MODELS for reason in LIMITS]
    async with exchange(tmp_path, services, agents) as world:
        for reason, asks in (("max-duration", 1), ("max-cost", 0)):
            steps = (GREETED, *questions(asks), Silence(20.0))
            calls = await asyncio.gather(*(world.call(f"{name}-{reason}", *steps) for name in MODELS))
            for name, call in zip(MODELS, calls, strict=True):
                assert_goodbye(world, name, call, reason, asks)


def assert_goodbye(world: Exchange, name: str, call: Call, reason: str, asks: int) -> None:
    """The model was told to say goodbye, once; it was heard to the end, and nothing after it; then came a BYE."""
    call.assert_unbroken()
    assert (call.report.ended_by, call.report.timed_out) == ("agent", []), name
    assert f'text="{reason}"' in call.report.reason, f"{name}: {call.report.reason}"
    assert (call.ended["result"], call.ended["reason"]) == ("completed", reason), name
    assert [line.fields["reason"] for line in call.of("limit")] == [reason], name
    asked = [each for each in world.asked(name) if each.at >= call.report.placed_at]
    assert len(asked) == asks + 2, f"{name}: {asked}"
    session = world.sessions(name)[asked[-1].session]
    assert sum(FAREWELL in str(event) for _, event in session.client_events) == 1, name
    assert len(call.spurts) == len(asked), f"{name}: {call.spurts}"
    for index, each in enumerate(asked):
        assert call.heard_in_full(index, sound(world, each)), f"{name}: answer {index} was heard with a flaw"
    assert call.report.duration_s - call.spurts[-1][1] == pytest.approx(0.1, abs=0.3), name
    if reason == "max-cost":
        assert call.ended["cost_usd"] >= LIMITS[reason]["max_cost"], name
    else:
        assert 5.0 <= call.spurts[-1][0] < 8.0, name


def sound(world: Exchange, asked: Asked) -> Samples:
    """What is heard of an answer."""
    return spoken(SAYS.format(n=asked.number)) if asked.service == "text" else world.sound(asked)
