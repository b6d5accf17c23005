"""The chunks of an answer, undisturbed and spoilt."""

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from mediaproviders.emulators.chat import ChatPace, ChatSettings, Fault, mishaps
from mediaproviders.emulators.chat.completion import Completion, Plan

USER = {"role": "user", "content": "Hello."}
TOOL = {"type": "function", "function": {"name": "get_time"}}
ARGUMENTS = '{"zone": "Europe/Berlin"}'
RESULT = [
    {
        "role": "assistant",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "noon"},
]
USAGE = {"stream_options": {"include_usage": True}}


def completion(settings: ChatSettings | None = None, **changes: Any) -> Completion:
    request = {"model": "gpt-5", "messages": [USER], "stream": True, **changes}
    return Completion(request, settings or ChatSettings(), "chatcmpl-00000001", 1)


def bodies(plan: Plan) -> list[dict[str, Any]]:
    """The chunks, each one that the SDK knows field by field, and the mark of the end."""
    payloads = [step.payload for step in plan.steps]
    assert payloads[-1] == b"data: [DONE]\n\n" and plan.ending == "done"
    found = [json.loads(payload.removeprefix(b"data: ")) for payload in payloads[:-1]]
    for body in found:
        assert not ChatCompletionChunk.model_validate(body).model_extra
    return found


def text(found: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for body in found for choice in body["choices"])


def finishes(found: list[dict[str, Any]]) -> list[str]:
    return [choice["finish_reason"] for body in found for choice in body["choices"] if choice["finish_reason"]]


def spoilt(fault: Fault, **changes: Any) -> Plan:
    made = completion(**changes)
    plan = made.plan()
    mishaps.spoil(plan, fault, made)
    return plan


def test_a_text_comes_word_by_word_at_its_pace() -> None:
    plan = completion(ChatSettings(pace=ChatPace(100, 20), answer_texts=("One two {n} {said}",))).plan()
    found = bodies(plan)
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text(found) == "One two 1 Hello." and finishes(found) == ["stop"]
    assert [step.due_s for step in plan.steps] == pytest.approx([0, 0.1, 0.15, 0.2, 0.25, 0.25, 0.25])
    assert [step.note for step in plan.steps if step.note] == ["first_delta", "last_delta"]
    assert all("usage" not in body for body in found)


def test_all_at_once() -> None:
    plan = completion(ChatSettings(pace=ChatPace(100, math.inf))).plan()
    assert {step.due_s for step in plan.steps} == {0.0, 0.1}


@pytest.mark.parametrize("pace", [(-1, 10), (0, 0)])
def test_a_pace_that_is_none(pace: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="pace"):
        ChatPace(*pace)


def test_usage_comes_only_when_it_is_asked_for_and_adds_up() -> None:
    *others, last = bodies(completion(**USAGE).plan())
    assert all(body["usage"] is None for body in others) and last["choices"] == []
    usage = last["usage"]
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    assert usage["completion_tokens"] == 13 and usage["prompt_tokens"] == 4


def test_a_call_comes_in_fragments_and_its_result_is_answered() -> None:
    settings = ChatSettings(tool_on_turn={1: ("get_time", ARGUMENTS)})
    found = bodies(completion(settings, tools=[TOOL]).plan())
    fragments = [call for body in found for choice in body["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert fragments[0]["function"] == {"name": "get_time", "arguments": ""} and "id" not in fragments[1]
    assert "".join(each["function"]["arguments"] for each in fragments) == ARGUMENTS and len(fragments) > 3
    assert finishes(found) == ["tool_calls"] and text(found) == ""
    answered = completion(settings, tools=[TOOL], messages=[USER, *RESULT])
    assert text(bodies(answered.plan())) == "The function returned noon."


def test_several_calls_at_once() -> None:
    settings = ChatSettings(calls_on_turn={1: (("get_time", "{}"), ("get_time", ARGUMENTS))})
    found = bodies(completion(settings, tools=[TOOL]).plan())
    fragments = [call for body in found for choice in body["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert [each["index"] for each in fragments if "id" in each] == [0, 1]
    assert len({each["id"] for each in fragments if "id" in each}) == 2


@pytest.mark.parametrize(
    ("changes", "called"),
    [
        ({}, False),
        ({"tools": [TOOL]}, True),
        ({"tools": [TOOL], "tool_choice": "none"}, False),
        ({"tools": [TOOL], "messages": [USER, USER]}, False),
        (
            {
                "tools": [TOOL],
                "messages": [USER, USER],
                "tool_choice": {"type": "function", "function": {"name": "get_time"}},
            },
            True,
        ),
    ],
)
def test_when_a_function_is_called(changes: dict[str, Any], called: bool) -> None:
    settings = ChatSettings(tool_on_turn={1: ("get_time", "{}")})
    assert bool(completion(settings, **changes).calls) == called


def test_an_answer_is_cut_at_its_limit_or_by_the_script() -> None:
    found = bodies(completion(max_completion_tokens=3).plan())
    assert text(found) == "This is answer " and finishes(found) == ["length"]
    found = bodies(completion(ChatSettings(finish_on_turn={1: "content_filter"})).plan())
    assert text(found).startswith("This is") and finishes(found) == ["content_filter"]


def test_an_answer_as_a_whole() -> None:
    settings = ChatSettings(tool_on_turn={1: ("get_time", ARGUMENTS)})
    for changes in ({}, {"tools": [TOOL]}):
        body = json.loads(completion(settings, stream=False, **changes).whole())
        parsed = ChatCompletion.model_validate(body)
        assert not parsed.model_extra and parsed.usage is not None
        assert (parsed.choices[0].finish_reason == "tool_calls") == bool(changes)


def test_a_stall_moves_what_follows() -> None:
    plan = spoilt(Fault("stall", after_words=3, seconds=2.0))
    gaps = [later.due_s - earlier.due_s for earlier, later in pairwise(plan.steps)]
    assert gaps[3] == pytest.approx(2.025) and max(gaps[:3] + gaps[4:]) < 0.3
    assert text(bodies(plan)) == text(bodies(completion().plan()))


@pytest.mark.parametrize(("kind", "ending"), [("mute", "mute"), ("reset", "reset"), ("early_end", "done")])
def test_an_answer_that_breaks_off(kind: Any, ending: str) -> None:
    plan = spoilt(Fault(kind, after_words=3))
    assert plan.ending == ending and plan.status == "failed"
    assert [step.words for step in plan.steps] == [0, 1, 2, 3]
    assert spoilt(Fault(kind)).steps == []


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("garbage", mishaps.GARBAGE),
        ("not_json", mishaps.NOT_JSON),
        ("truncated_json", mishaps.TRUNCATED_JSON),
        ("unknown_chunk", b'data: {"object":"chat.dream","dream":{"of":["electric","sheep"]}}\n\n'),
    ],
)
def test_nonsense_between_the_words(kind: Any, payload: bytes) -> None:
    plan = spoilt(Fault(kind, after_words=2))
    assert plan.steps[3].payload == payload
    del plan.steps[3]
    assert text(bodies(plan)) == text(bodies(completion().plan()))


def test_an_error_within_an_answer_ends_it() -> None:
    plan = spoilt(Fault("error", after_words=2, code="overloaded"))
    error = json.loads(plan.steps[-1].payload[6:])["error"]
    assert error["code"] == "overloaded" and len(plan.steps) == 4


def test_a_flood() -> None:
    found = bodies(spoilt(Fault("flood", after_words=1, size=10_000)))
    assert len(text(found)) == 10_000 + len(text(bodies(completion().plan())))


def test_unknown_fields() -> None:
    plan = spoilt(Fault("unknown_fields"))
    found = [json.loads(step.payload[6:]) for step in plan.steps[:-1]]
    assert all(body["dream"] == {"of": None} for body in found)


def test_the_wrong_order() -> None:
    found = bodies(spoilt(Fault("wrong_order")))
    assert finishes(found[:1]) == ["stop"] and "role" in found[-1]["choices"][0]["delta"]


def test_an_empty_answer() -> None:
    found = bodies(spoilt(Fault("empty"), **USAGE))
    assert text(found) == "" and finishes(found) == ["stop"] and found[-1]["usage"] is not None
