"""A call outlives the sessions of its model, and the model itself: not a packet and not a word is missing."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from mediaproviders.emulators import gemini, nova, openai
from mediaproviders.history import INAUDIBLE
from mediaserver.load.recording import Samples
from mediaserver.load.script import Silence, Step
from support.long_calls import GREETED, LENGTHS_S, Asked, Call, Exchange, Service, exchange, questions, spoken
from support.told import Said

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
"""What each agent speaks by; `text`: in text, between speech services."""
STAND_IN = {
    "openai": "gemini",
    "azure": "gemini",
    "xai": "gemini",
    "gemini": "openai",
    "nova": "gemini",
    "text": "azure",
}
"""Who takes over."""
GREETING = "Good morning!"
"""xAI says it in these words; the other emulators have an answer of their own in its place."""
ANSWER, STAND_INS = "This is answer {n}.", "The stand-in says {n}."


def agent(name: str, *, stand_in: bool = False, **more: Any) -> dict[str, Any]:
    """One that reaches the emulator of its name."""
    told = {
        "name": name,
        "model": MODELS[name],
        "access": name,
        "prompt": "Be brief.",
        "welcome": GREETING,
        "tools": [],
    }
    if name == "text":
        speech = {"service": "openai", "access": "speech"}
        told |= {"voice_streaming": False, "speech_to_text": speech, "text_to_speech": {**speech, "voice": "alloy"}}
        told["advanced_configuration"] = {"silero_vad": {"redemption_ms": 700}}
    if stand_in:
        told["fallback"] = [{"model": MODELS[STAND_IN[name]], "access": f"{name}-2"}]
    return {**told, **more}


def services(*, stand_ins: bool = False, **scripts: Mapping[str, Any]) -> dict[str, Service]:
    """One for each agent; `scripts` are settings of their emulators."""
    made = {
        name: Service("openai" if name == "text" else name, {"answer_texts": (ANSWER,), **scripts.get(name, {})})
        for name in MODELS
    }
    if stand_ins:
        made |= {f"{name}-2": Service(STAND_IN[name], {"answer_texts": (STAND_INS,)}, seed=2) for name in MODELS}
    return {**made, "speech": Service("speech")}


# --- sessions that the server exchanges in time, and then a service that gives out ------------------------------------


def planned(folder: Path, names: Iterable[str]) -> AbstractAsyncContextManager[Exchange]:
    """Agents whose sessions the server itself exchanges, until their service lets it in no more."""
    many = range(7, 999)
    refused = {"refusals": (openai.Refuse(429, many),)}
    scripts: dict[str, Mapping[str, Any]] = {
        **dict.fromkeys(("openai", "azure", "xai", "text"), refused),
        "gemini": {"refusals": (gemini.Refuse(500, range(9, 999)),)},  # it is told anew more often
        "nova": {"refusals": (nova.Refuse(429, "ThrottlingException", requests=many),)},
    }
    agents = [agent(name, stand_in=True, limits={"max_session_s": LIFE_S}) for name in names]
    return exchange(folder, services(stand_ins=True, **scripts), agents, {"lead_s": 2.0})


async def test_five_roll_overs_and_a_fail_over_leave_no_trace(tmp_path: Path) -> None:
    async with planned(tmp_path, MODELS) as world:
        for name, call in (await all_call(world, MODELS)).items():
            assert_without_a_trace(world, name, call)
            (took_over,) = call.of("provider.took_over")
            assert took_over.fields["model"] == MODELS[STAND_IN[name]]
            before = [line for line in call.of("provider.rolled_over") if line.at < took_over.at]
            assert len(before) >= 5, f"{name}: {len(before)} roll-overs"
            assert len(world.sessions(name)) >= 6
            assert world.asked(f"{name}-2"), f"{name}: the stand-in was not asked"
            assert call.ended["failovers"] == 1


def assert_without_a_trace(world: Exchange, name: str, call: Call) -> None:
    """Sessions came and went, and the caller heard nothing of it, nor was any lost."""
    assert call.ended["rollovers"] == len(call.of("provider.rolled_over")) >= 5, name
    assert (call.ended["reconnects"], call.ended["underruns"]) == (0, 0), name
    assert not call.of("provider.reconnected"), name
    assert INAUDIBLE not in [said.text for said in call.transcript], name
    assert_all_said_and_answered(world, name, call)
    asked = asked_of(world, name)
    assert len(call.spurts) == len(asked), f"{name}: {call.spurts}"
    for index, each in enumerate(asked):
        assert call.heard_in_full(index, sound(world, each)), f"{name}: answer {index} was heard with a flaw"


# --- sessions that end when nobody expects it ------------------------------------------------------------------------


def limited(folder: Path, names: Iterable[str]) -> AbstractAsyncContextManager[Exchange]:
    """Agents whose services end sessions; only Gemini announces it."""
    ends: dict[str, dict[str, Any]] = {name: {"session_s": LIFE_S} for name in MODELS}
    ends["gemini"] = {"connection_s": LIFE_S, "go_away_s": 3.0}
    ends["nova"] |= {"session_end": "exception"}
    return exchange(folder, services(**ends), [agent(name) for name in names], {"lead_s": 2.0})


async def test_sessions_that_end_when_nobody_expects_it_cost_not_a_question(tmp_path: Path) -> None:
    async with limited(tmp_path, MODELS) as world:
        for name, call in (await all_call(world, MODELS)).items():
            if name == "gemini":  # it says so in time
                assert not call.of("provider.fault")
                assert_without_a_trace(world, name, call)
                continue
            assert call.ended["reconnects"] == len(call.of("provider.reconnected")) >= 5, name
            assert (call.ended["rollovers"], call.ended["failovers"]) == (0, 0), name
            assert_all_said_and_answered(world, name, call)
            # A session may end between an answer and the words of the question.
            assert sum(said.text == INAUDIBLE for said in call.transcript) <= 3, name


# --- models that are lost, and others that take over ------------------------------------------------------------------

TAKES_OVER = {"openai": "gemini", "gemini": "nova", "azure": "gemini"}


def failing(folder: Path, names: Iterable[str]) -> AbstractAsyncContextManager[Exchange]:
    """`openai` and `gemini` break in the middle of their second answer, and are gone; `azure` was never there."""
    scripts: dict[str, Mapping[str, Any]] = {
        "openai": {
            "faults": (openai.Fault("reset", on_turn=2, after_ms=500),),
            "refusals": (openai.Refuse(429, range(1, 2)), openai.Refuse(500, range(2, 999))),
        },
        "gemini": {
            "faults": (gemini.Fault("reset", on_turn=2, after_ms=500),),
            "refusals": (gemini.Refuse(503, range(1, 999)),),
        },
        "azure": {"accepted_key": "another"},
    }
    troupe = {name: Service(name, {"answer_texts": (ANSWER,), **script}) for name, script in scripts.items()}
    stand_ins = {
        f"{name}-2": Service(kind, {"answer_texts": (STAND_INS,)}, seed=2) for name, kind in TAKES_OVER.items()
    }
    agents = [agent(name, fallback=[{"model": MODELS[TAKES_OVER[name]], "access": f"{name}-2"}]) for name in names]
    return exchange(folder, troupe | stand_ins, agents, rate=1.5)


async def test_another_model_takes_over(tmp_path: Path) -> None:
    async with failing(tmp_path, TAKES_OVER) as world:
        for name, call in (await all_call(world, TAKES_OVER, 3)).items():
            (took_over,) = call.of("provider.took_over")
            assert took_over.fields["model"] == MODELS[TAKES_OVER[name]]
            assert took_over.fields["instead_of"] == MODELS[name]
            assert call.ended["failovers"] == 1
            assert_all_said_and_answered(world, name, call)
            services_asked = [each.service for each in asked_of(world, name)]
            if name == "azure":  # before the call was answered: nobody heard of it
                assert [line.fields["code"] for line in call.of("provider.fault")] == ["invalid_api_key"]
                assert (call.ended["reconnects"], services_asked) == (0, ["azure-2"] * 4)
                assert len(call.spurts) == 4
            else:
                assert (call.ended["reconnects"], services_asked) == (1, [name, *[f"{name}-2"] * 3])
                assert len(call.of("transcript", broken_off=True)) == 1


# --- what holds in every call ---------------------------------------------------------------------------------------


async def all_call(world: Exchange, names: Iterable[str], count: int = QUESTIONS) -> dict[str, Call]:
    """Calls to all of them at once; each asks so many questions."""
    names = tuple(names)
    steps: tuple[Step, ...] = (GREETED, *questions(count), Silence(0.1))
    return dict(zip(names, await asyncio.gather(*(world.call(name, *steps) for name in names)), strict=True))


def assert_all_said_and_answered(world: Exchange, name: str, call: Call) -> None:
    """Each question is answered, and its answer heard in full; the transcript has each of them once, in order."""
    call.assert_unbroken()
    assert (call.report.ended_by, call.report.timed_out) == ("caller", []), name
    asked, count = asked_of(world, name), len(call.report.spoken)
    assert len(asked) == count + 1, name
    for question, each in enumerate(asked[1:]):
        assert call.heard_after(question, sound(world, each)), f"{name}: question {question}"
    words = [GREETING if name == "xai" else text(asked[0]), *map(text, asked[1:])]
    assert [said.speaker for said in call.transcript] == ["agent", *["caller", "agent"] * count], name
    assert [said.text for said in call.transcript[::2]] == words, name
    for number, (said, each) in enumerate(zip(call.transcript[1::2], asked[1:], strict=True)):
        if said.text != INAUDIBLE:
            whole = LENGTHS_S[number % len(LENGTHS_S)]
            # One service may have heard it, and the other answered it.
            near = [abs(seconds(said) - whole - around_s(world, service)) for service in {name, each.service}]
            assert min(near) < 0.25, f"{name}: question {number} was {whole} s, and not {said.text}"
    assert_every_session_knows(world, name, call)


def assert_every_session_knows(world: Exchange, name: str, call: Call) -> None:
    """Each session was told all that was said before, and nothing else."""
    session = None
    for index, each in enumerate(asked_of(world, name)):
        if (each.service, each.session) != session:
            session = each.service, each.session
            before = max(0, 2 * index - 1)
            # A question that an earlier session heard may have been left for it to answer.
            whole = (call.transcript[:before], call.transcript[: before + 1])
            assert world.told(each) in whole, f"{each.service}, session {each.session}"


def asked_of(world: Exchange, name: str) -> list[Asked]:
    """The answers of one call, by its model and by the one that took over."""
    return world.asked(*(service for service in (name, f"{name}-2") if service in world.services))


def sound(world: Exchange, asked: Asked) -> Samples:
    """What is heard of an answer."""
    return spoken(text(asked)) if asked.service.startswith("text") else world.sound(asked)


def text(asked: Asked) -> str:
    """The words of an answer."""
    return (STAND_INS if asked.service.endswith("-2") else ANSWER).format(n=asked.number)


def around_s(world: Exchange, service: str) -> float:
    """Silence that a service counts to a turn."""
    return 0.0 if service.startswith("text") or world.services[service].kind == "nova" else 0.8


def seconds(said: Said) -> float:
    """How long a question was, as the service heard it."""
    (number,) = re.findall(r"[\d.]+", said.text)
    return float(number)
