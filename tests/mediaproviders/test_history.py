import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaproviders.contract import PCMU, Said, ToolCall
from mediaproviders.history import INAUDIBLE, History, cut_text
from mediaproviders.openai_realtime import commands


def told(history):
    items = [json.loads(message)["item"] for message in commands.tell(history.told())]
    return [
        (item["role"], item["content"][0]["type"], item["content"][0]["text"])
        if item["type"] == "message"
        else (item["type"], item.get("name") or item.get("output"))
        for item in items
    ]


def test_brief_then_turns_in_order_of_commit():
    history = History((Said("system", "s"), Said("agent", "Hello."), Said("caller", "Hi.")), PCMU)
    history.caller_turn("u1")
    history.agent_audio("a1", 800)
    history.agent_words("a1", "Good ", final=False)
    history.agent_words("a1", "day", final=False)
    history.caller_words("u1", "Good day?")
    assert told(history) == [
        ("system", "input_text", "s"),
        ("assistant", "output_text", "Hello."),
        ("user", "input_text", "Hi."),
        ("user", "input_text", "Good day?"),
        ("assistant", "output_text", "Good day"),
    ]


def test_truncation_clamps_and_keeps_what_was_heard():
    history = History((), PCMU)
    history.agent_words("a", "one two three four", final=False)
    history.agent_audio("a", 8000)
    assert history.truncate("a", 500) == 500
    assert told(history) == [("assistant", "output_text", "one two")]
    assert history.agent_audio("a", 160) is False
    assert history.agent_words("a", "five", final=True) is False
    assert history.truncate("a", 700) is None
    assert history.truncate("a", 200) == 200
    assert history.truncate("nobody", 200) is None


@pytest.mark.parametrize(("heard", "told_ms"), [(0, 0), (-5, 0), (99_999, 1000)])
def test_truncation_bounds(heard, told_ms):
    history = History((), PCMU)
    history.agent_words("a", "one two", final=True)
    history.agent_audio("a", 8007)
    assert history.truncate("a", heard) == told_ms
    assert told(history) == ([] if told_ms == 0 else [("assistant", "output_text", "one two")])


def test_a_callers_item_cannot_be_truncated_or_spoken_to():
    history = History((), PCMU)
    history.caller_turn("u")
    assert history.truncate("u", 10) is None
    assert history.agent_audio("u", 10) is False


def test_lost_last_turn_is_marked_but_older_ones_are_not():
    history = History((), PCMU)
    history.caller_turn("u1")
    history.caller_turn("u2")
    assert told(history) == [("user", "input_text", INAUDIBLE)]


def test_unfinished_is_forgotten_finished_and_cut_are_not():
    history = History((), PCMU)
    for item in ("a", "b", "c"):
        history.agent_audio(item, 800)
        history.agent_words(item, f"{item} word", final=True)
        if item == "a":
            history.agent_finished()
    history.truncate("b", 100)
    history.forget_unfinished()
    assert [text for _, _, text in told(history)] == ["a word", "b word"]


def test_calls_are_told_with_their_results():
    history = History((), PCMU)
    assert history.called(ToolCall("1", "weather", "{}"))
    assert not history.called(ToolCall("1", "weather", "{}"))
    history.called(ToolCall("2", "time", "{}"))
    history.answered("1", "sunny")
    history.answered("3", "nobody asked")
    assert told(history) == [("function_call", "weather"), ("function_call_output", "sunny"), ("function_call", "time")]


def test_forgetting_an_item_overwrites_no_other():
    history = History((), PCMU)
    history.typed("one")
    history.agent_words("a", "lost", final=True)
    history.typed("two")
    history.forget_unfinished()
    history.typed("three")
    assert [text for _, _, text in told(history)] == ["one", "two", "three"]


def test_amended_is_what_was_heard():
    history = History((), PCMU)
    history.agent_words("a", "one two three", final=True)
    assert history.amend("a", "one")
    assert not history.agent_words("a", "one two three four", final=True)
    assert not history.amend("nobody", "x")
    history.caller_turn("u")
    assert not history.amend("u", "x")
    assert told(history) == [("assistant", "output_text", "one"), ("user", "input_text", INAUDIBLE)]


def test_a_lost_turn_before_an_answer_nobody_heard_is_still_the_last():
    history = History((), PCMU)
    history.caller_turn("u")
    history.agent_audio("a", 800)
    assert told(history) == [("user", "input_text", INAUDIBLE)]
    assert history.unanswered
    history.agent_words("a", "Yes.", final=True)
    assert told(history) == [("assistant", "output_text", "Yes.")]
    assert not history.unanswered
    assert not History((), PCMU).unanswered


@given(st.text(max_size=60), st.integers(0, 5000), st.integers(0, 5000))
def test_cut_is_a_prefix(text, heard, received):
    assert text.startswith(cut_text(text, heard, received))
