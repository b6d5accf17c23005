"""An answer from its chunks, whatever they are."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from mediaproviders.contract import ToolCall, Usage
from mediaproviders.openai_chat.reply import MOST_CHARACTERS, MOST_SENSELESS, Reply, SenselessError


def chunk(delta: Any = None, *, finish: str | None = None, **fields: Any) -> ChatCompletionChunk:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **fields}
    # As the SDK makes it: without validation.
    return ChatCompletionChunk.construct(**body)


def call(index: int, identity: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    return {"index": index, "id": identity, "function": {"name": name, "arguments": arguments}}


def reply(*chunks: Any) -> Reply:
    names = count(1)
    made = Reply(lambda: f"own_{next(names)}")
    for each in chunks:
        made.take(each)
    return made


def test_text_and_its_end_and_its_price() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    made = reply(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo."}),
        chunk({}, finish="stop"),
        chunk(usage=usage),
    )
    assert (made.text, made.finish, made.usage, made.calls) == ("Hello.", "stop", Usage(10, 5, cached_tokens=4), [])


def test_a_refusal_is_what_is_said() -> None:
    assert reply(chunk({"refusal": "I cannot."})).text == "I cannot."


def test_calls_in_fragments_side_by_side() -> None:
    made = reply(
        chunk({"tool_calls": [call(0, "c1", "when", "")]}),
        chunk({"tool_calls": [call(0, None, None, '{"a"'), call(1, "c2", "where", "")]}),
        chunk({"tool_calls": [call(0, None, None, ":1}")]}),
    )
    assert made.calls == [ToolCall("c1", "when", '{"a":1}'), ToolCall("c2", "where", "{}")]


def test_calls_that_are_all_numbered_zero_or_have_no_id() -> None:
    made = reply(
        chunk({"tool_calls": [call(0, "c1", "when", "{}")]}),
        chunk({"tool_calls": [call(0, "c2", "where", "{}")]}),
    )
    assert [each.call for each in made.calls] == ["c1", "c2"]
    assert reply(chunk({"tool_calls": [call(0, None, "when", "{}")]})).calls == [ToolCall("own_1", "when", "{}")]
    assert reply(chunk({"tool_calls": [call(0, "c1", None, "{}")]})).calls == []


def test_an_answer_has_an_end() -> None:
    with pytest.raises(SenselessError, match="no end"):
        reply(*[chunk({"content": "x" * 1000})] * (MOST_CHARACTERS // 1000 + 1))
    with pytest.raises(SenselessError, match="arguments"):
        reply(*[chunk({"tool_calls": [call(0, "c", "f", "x" * 1000)]})] * (MOST_CHARACTERS // 1000 + 1))
    with pytest.raises(SenselessError, match="calls"):
        reply(*[chunk({"tool_calls": [call(n, f"c{n}", "f", "")]}) for n in range(200)])


def test_nonsense_is_passed_over_but_not_for_ever() -> None:
    dream = ChatCompletionChunk.construct(object="chat.dream")
    made = reply(*[dream] * (MOST_SENSELESS - 1), chunk({"content": "Hi."}), *[dream] * (MOST_SENSELESS - 1))
    assert made.text == "Hi."
    with pytest.raises(SenselessError, match="in a row"):
        made.take(dream)


def test_a_chunk_without_choices_is_harmless() -> None:
    made = reply(*[chunk(prompt_filter_results=[])] * 50)
    assert made.text == "" and made.finish is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["choices", "delta", "content", "tool_calls", "function", "name", "arguments", "index", "id", "usage",
         "finish_reason", "prompt_tokens", "completion_tokens", "object"]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["choices", "usage", "object"]), json_values))
def test_no_chunk_breaks_it(body: dict[str, Any]) -> None:
    made = Reply(lambda: "own")
    assert isinstance(made.take(ChatCompletionChunk.construct(**body)), str)
    assert isinstance(made.calls, list) and isinstance(made.text, str)
