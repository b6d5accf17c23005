"""A call outlives the sessions of its model, and the model itself: not a packet and not a word is missing."""

import asyncio
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from mediaproviders.emulators.timeline import Timeline
from mediaserver.load.script import Silence
from support.long_calls import GREETED, LENGTHS_S, Asked, Call, Exchange, Said, Service, exchange, questions, spoken

QUESTIONS = 7
LIFE_S = 5.0
"""Of a session."""
MODELS = {
    "openai": "gpt-realtime",
    "azure": "azure/gpt-realtime",
    "xai": "grok-voice",
    "gemini": "gemini-2.5-flash-native-audio",
    "nova": "nova-2-sonic",
    "text": "gpt-realtime",
}
AROUND_S = {"gemini": 0.8, "nova": 0.0, "text": 0.0}
"""Silence that a service counts to a turn."""
GREETING = "Good morning!"
"""xAI says it in these words; the other emulators have an answer of their own in its place."""
SHORT = ("This is answer {n}.",)


def agent(name: str, model: str, **more: Any) -> dict[str, Any]:
    """One that reaches the emulator of its name."""
    told = {"name": name, "model": model, "access": name, "prompt": "Be brief.", "welcome": GREETING, **more}
    if name == "text":
        speech = {"service": "openai", "access": "speech"}
        told |= {"voice_streaming": False, "speech_to_text": speech, "text_to_speech": {**speech, "voice": "alloy"}}
        told["advanced_configuration"] = {"silero_vad": {"redemption_ms": 700}}
    return {"tools": [], **told}


def services(**scripts: Mapping[str, Any]) -> dict[str, Service]:
    """One of each kind; `scripts` are settings of their emulators."""
    kinds = {name: "openai" if name == "text" else name for name in MODELS}
    common = {"text": {"answer_texts": SHORT}}
    made = {name: Service(kind, {**common.get(name, {}), **scripts.get(name, {})}) for name, kind in kinds.items()}
    return {**made, "speech": Service("speech")}


def planned(folder: Path, names: Iterable[str]) -> AbstractAsyncContextManager[Exchange]:
    """Agents whose sessions the server itself exchanges."""
    limits = {"max_session_s": LIFE_S}
    agents = [agent(name, MODELS[name], limits=limits) for name in names]
    return exchange(folder, services(), agents, {"lead_s": 2.0})


def limited(folder: Path, names: Iterable[str]) -> AbstractAsyncContextManager[Exchange]:
    """Agents whose services end sessions when nobody expects it; only Gemini announces it."""
    ends: dict[str, dict[str, Any]] = {name: {"session_s": LIFE_S} for name in MODELS}
    ends["gemini"] = {"connection_s": LIFE_S, "go_away_s": 3.0}
    ends["nova"] |= {"session_end": "exception"}
    return exchange(folder, services(**ends), [agent(name, MODELS[name]) for name in names], {"lead_s": 2.0})


async def test_planned_roll_overs_leave_no_trace(tmp_path: Path) -> None:
    async with planned(tmp_path, MODELS) as world:
        calls = await all_call(world, MODELS)
        for name, call in calls.items():
            assert call.ended["rollovers"] >= 5, name
            assert_without_a_trace(world, name, call)


async def test_sessions_that_end_when_nobody_expects_it_cost_not_a_question(tmp_path: Path) -> None:
    async with limited(tmp_path, MODELS) as world:
        calls = await all_call(world, MODELS)
        for name, call in calls.items():
            if name == "gemini":  # it says so in time
                assert_without_a_trace(world, name, call)
                continue
            assert call.ended["reconnects"] >= 5, name
            assert (call.ended["rollovers"], call.ended["failovers"]) == (0, 0), name
            assert_all_said_and_answered(world, name, call)
            assert_every_session_knows(world, name, call)


def assert_without_a_trace(world: Exchange, name: str, call: Call) -> None:
    """Sessions came and went, and the caller heard nothing of it, nor does the log tell of trouble."""
    assert call.ended["rollovers"] == len(call.of("provider.rolled_over")) >= 5, name
    assert len(world.sessions(name)) >= 6
    assert (call.ended["reconnects"], call.ended["failovers"], call.ended["underruns"]) == (0, 0, 0), name
    assert not call.of("provider.reconnected") and not call.of("provider.fault"), name
    assert_all_said_and_answered(world, name, call)
    asked = world.asked(name)
    assert len(call.spurts) == len(asked), f"{name}: {call.spurts}"
    for index, each in enumerate(asked):
        assert call.heard_in_full(index, sound(world, each)), f"{name}: answer {index} was heard with a flaw"
    assert_every_session_knows(world, name, call)


async def all_call(world: Exchange, names: Mapping[str, Any]) -> dict[str, Call]:
    """Calls to all of them at once; each asks its questions."""
    steps = (GREETED, *questions(QUESTIONS), Silence(0.1))
    return dict(zip(names, await asyncio.gather(*(world.call(name, *steps) for name in names)), strict=True))


def assert_all_said_and_answered(world: Exchange, name: str, call: Call) -> None:
    """Each question is answered, and its answer heard in full; the transcript has each of them once, in order."""
    call.assert_unbroken()
    assert (call.report.ended_by, call.report.timed_out) == ("caller", []), name
    asked = world.asked(name)
    assert len(asked) == QUESTIONS + 1, name
    for question, each in enumerate(asked[1:]):
        assert call.heard_after(question, sound(world, each)), f"{name}: question {question}"
    words = [GREETING if name == "xai" else text(asked[0]), *map(text, asked[1:])]
    assert [said.speaker for said in call.transcript] == ["agent", *["caller", "agent"] * QUESTIONS], name
    assert [said.text for said in call.transcript[::2]] == words, name
    assert [seconds(said) for said in call.transcript[1::2]] == [
        pytest.approx(LENGTHS_S[number % len(LENGTHS_S)] + AROUND_S.get(name, 0.8), abs=0.16)
        for number in range(QUESTIONS)
    ], name


def sound(world: Exchange, asked: Asked) -> Any:
    """What is heard of an answer."""
    return spoken(text(asked)) if asked.service == "text" else world.sound(asked)


def text(asked: Asked) -> str:
    """The words of an answer."""
    return (
        f"This is answer {asked.number}."
        if asked.service == "text"
        else (f"This is answer number {asked.number} of the emulated model.")
    )


def seconds(said: Said) -> float:
    """How long a question was, as the service heard it."""
    (number,) = re.findall(r"[\d.]+", said.text)
    return float(number)


def assert_every_session_knows(world: Exchange, name: str, call: Call) -> None:
    """Each session that answered something was told all that was said before, and nothing else."""
    transcript, before = call.transcript, 0
    for index, session in enumerate(world.sessions(name)):
        if answers := sum(each.session == index for each in world.asked(name)):
            known = told(name, session)
            # A question that an earlier session heard may have been left for it to answer.
            assert known in (transcript[:before], transcript[: before + 1]), f"{name}, session {index}"
            before += 2 * answers - (before == 0)
    assert before == len(transcript)


def told(name: str, session: Timeline) -> list[Said]:
    """What a session was told of before."""
    events = [event for _, event in session.client_events]
    if name == "gemini":
        return told_gemini(events)
    if name == "nova":
        return told_nova(events)
    opening = itertools.takewhile(lambda event: event["type"] != "response.create", events)
    items = [event["item"] for event in opening if event["type"] == "conversation.item.create"]
    speakers = {"user": "caller", "assistant": "agent"}
    return [Said(speakers[item["role"]], item["content"][0]["text"]) for item in items]


def told_gemini(events: Sequence[dict[str, Any]]) -> list[Said]:
    instructions = events[0]["setup"]["systemInstruction"]["parts"][0]["text"]
    speakers = {"Caller": "caller", "You": "agent"}
    known = [
        Said(speakers[who], words) for who, words in re.findall(r"^(Caller|You): (.*)$", instructions, re.MULTILINE)
    ]
    for event in events[1:]:
        content = event.get("clientContent", {"turnComplete": True})
        if not content.get("turnComplete"):
            known += [
                Said({"user": "caller", "model": "agent"}[turn["role"]], turn["parts"][0]["text"])
                for turn in content["turns"]
            ]
    return known


def told_nova(events: Sequence[dict[str, Any]]) -> list[Said]:
    blocks = {
        event["contentStart"]["contentName"]: {"USER": "caller", "ASSISTANT": "agent"}[event["contentStart"]["role"]]
        for event in events
        if "contentStart" in event
        and event["contentStart"]["role"] in ("USER", "ASSISTANT")
        and not event["contentStart"]["interactive"]
    }
    texts = [event["textInput"] for event in events if "textInput" in event]
    known = [Said(blocks[each["contentName"]], each["content"]) for each in texts if each["contentName"] in blocks]
    return [said for said in known if not said.text.startswith("(The caller is on")]
