"""The adapter against the strict emulator: nothing it sends may be refused."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mediaproviders.contract import (
    PCMU,
    AgentTranscript,
    Brief,
    Conversation,
    Event,
    Fault,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    ToolCall,
    ToolSpec,
    Usage,
    Used,
)
from mediaproviders.emulators.chat import ChatEmulator, ChatPace, ChatSettings, Refuse
from mediaproviders.emulators.chat import Fault as Misfortune
from mediaproviders.openai_chat import OpenAIChat

QUICK = ChatPace(5, 2000)
SLOW = ChatPace(5, 50)
ANSWER = "This is answer number 1 of the emulated model. It is a text."
TOOLS = (
    ToolSpec("get_time", "The time.", {"type": "object", "properties": {"zone": {"type": "string"}}}),
    ToolSpec("get_day", "The day.", {"type": "object", "properties": {}}),
)


def brief(**changes: Any) -> Brief:
    return Brief(**{"model": "gpt-5", "instructions": "Be brief.", "modality": "text"} | FORMATS | changes)


FORMATS = {"input_format": PCMU, "output_format": PCMU}


@asynccontextmanager
async def talk(
    of: Brief | None = None, *, provider: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Conversation, ChatEmulator]]:
    """A session with an emulator, which must have refused nothing but what its script says."""
    async with ChatEmulator(ChatSettings(**{"pace": QUICK, **settings})) as emulator:
        model = OpenAIChat("sk-test", emulator.url, **({"timeout_s": 5.0} | (provider or {})))
        try:
            async with model.connect(of or brief()) as conversation:
                yield conversation, emulator
        finally:
            await model.close()
        allowed = {each.status for each in emulator.settings.refusals}
        refused = [entry for session in emulator.sessions for entry in session.of("refused")]
        assert [entry for entry in refused if entry["status"] not in allowed] == []


async def until(conversation: Conversation, kind: type[Event] = ResponseDone) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        async for event in conversation:
            events.append(event)
            if isinstance(event, kind):
                return events
    raise AssertionError(f"the session ended without a {kind.__name__}: {events}")


async def rest(conversation: Conversation) -> tuple[list[Event], ProviderError]:
    """All events to the session's end, and its error."""
    events: list[Event] = []
    with pytest.raises(ProviderError) as caught:
        async with asyncio.timeout(10):
            async for event in conversation:
                events.append(event)  # noqa: PERF401 - a comprehension would lose them with the error
    return events, caught.value


def of[Kind](events: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def texts(events: list[Event], *, final: bool = True) -> list[str]:
    return [event.text for event in of(events, AgentTranscript) if event.final == final]


def requests(emulator: ChatEmulator) -> list[dict[str, Any]]:
    return [request for session in emulator.sessions for _, request in session.client_events]


def dialogue(request: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(message["role"], message.get("content")) for message in request["messages"]]


# --- conversations


async def test_a_text_is_answered_piece_by_piece() -> None:
    async with talk() as (conversation, _):
        conversation.send_text("Hello.")
        events = await until(conversation)
        assert isinstance(events[0], ResponseStarted) and isinstance(events[-1], ResponseDone)
        assert "".join(texts(events, final=False)) == ANSWER == texts(events)[0]
        assert len(texts(events, final=False)) == 13
        assert len({event.item for event in of(events, AgentTranscript)}) == 1
        assert of(events, Usage) == [Usage(9, 13, cached_tokens=4)]
        assert events[0].response == events[-1].response and events[-1].status == "completed"


async def test_the_greeting_is_said_word_by_word_without_the_model_and_remembered() -> None:
    async with talk(brief(greeting="Welcome!")) as (conversation, emulator):
        conversation.greet()
        events = await until(conversation)
        assert texts(events) == ["Welcome!"] and emulator.sessions == ()
        conversation.send_text("Hello.")
        await until(conversation)
        (request,) = requests(emulator)
        assert dialogue(request) == [("system", "Be brief."), ("assistant", "Welcome!"), ("user", "Hello.")]


async def test_without_a_greeting_nothing_is_said() -> None:
    async with talk() as (conversation, _):
        conversation.greet()
        conversation.send_text("Hello.")
        assert len(of(await until(conversation), ResponseStarted)) == 1


async def test_parameters_of_the_brief_and_of_the_provider() -> None:
    wanted = brief(max_output_tokens=5, temperature=0.3, tools=TOOLS)
    more = {"extra_parameters": {"seed": 7}, "extra_headers": {"X-Call": "call-1"}, "limit_field": "max_tokens"}
    async with talk(wanted, provider=more) as (conversation, emulator):
        conversation.send_text("Hello.")
        events = await until(conversation)
        (request,) = requests(emulator)
        assert (request["max_tokens"], request["temperature"], request["seed"]) == (5, 0.3, 7)
        assert [tool["function"]["name"] for tool in request["tools"]] == ["get_time", "get_day"]
        assert emulator.sessions[0].call == "call-1"
        assert of(events, ResponseDone)[0].status == "incomplete"
        assert of(events, ResponseDone)[0].reason == "max_output_tokens"


async def test_a_filtered_answer_is_incomplete() -> None:
    async with talk(finish_on_turn={1: "content_filter"}) as (conversation, _):
        conversation.send_text("Hello.")
        (done,) = of(await until(conversation), ResponseDone)
        assert (done.status, done.reason) == ("incomplete", "content_filter")


async def test_tools_are_called_and_their_results_answered_once_all_are_there() -> None:
    calls = (("get_time", '{"zone": "Europe/Berlin"}'), ("get_day", "{}"))
    async with talk(brief(tools=TOOLS), calls_on_turn={1: calls}) as (conversation, emulator):
        conversation.send_text("When?")
        events = await until(conversation)
        called = of(events, ToolCall)
        assert [(call.name, call.arguments) for call in called] == list(calls)
        conversation.send_tool_result(called[1].call, "Monday")
        conversation.send_tool_result("nobody", "x")
        assert (await until(conversation, Fault))[-1].code == "unknown_call"
        assert len(requests(emulator)) == 1
        conversation.send_tool_result(called[0].call, "noon")
        assert texts(await until(conversation)) == ["The function returned noon and Monday."]


async def test_the_caller_is_answered_while_a_tool_runs() -> None:
    async with talk(brief(tools=TOOLS), tool_on_turn={1: ("get_day", "{}")}) as (conversation, emulator):
        conversation.send_text("When?")
        (call,) = of(await until(conversation), ToolCall)
        conversation.send_text("Are you there?")
        assert texts(await until(conversation)) == [ANSWER.replace("1", "2")]
        conversation.send_tool_result(call.call, "Monday")
        await until(conversation)
        assert ("tool", "Monday") in dialogue(requests(emulator)[-1])


async def test_what_is_said_during_an_answer_is_answered_after_it_and_in_one_go() -> None:
    async with talk(pace=SLOW) as (conversation, emulator):
        conversation.send_text("One.")
        await until(conversation, AgentTranscript)
        conversation.send_text("Two.")
        conversation.send_text("Three.")
        await until(conversation)
        await until(conversation)
        assert len(requests(emulator)) == 2
        assert [role for role, _ in dialogue(requests(emulator)[1])] == ["system", "user", "assistant", "user", "user"]


async def test_history_is_told_and_answered_only_when_asked() -> None:
    told = (Said("agent", "Hello."), Said("caller", "What time is it?"), Used("c1", "get_time", "{}", "noon"))
    async with talk(brief(history=told)) as (conversation, emulator):
        conversation.remember([Said("caller", "Well?")])
        conversation.create_response()
        await until(conversation)
        (request,) = requests(emulator)
        assert [role for role, _ in dialogue(request)][1:] == ["assistant", "user", "assistant", "tool", "user"]


async def test_an_instruction_is_acted_on() -> None:
    async with talk() as (conversation, emulator):
        conversation.instruct("Say goodbye.")
        assert texts(await until(conversation)) == [ANSWER.replace("1", "0")]
        assert dialogue(requests(emulator)[0])[-1] == ("system", "Say goodbye.")


# --- interruptions


async def test_cancel_stops_the_request_and_what_came_is_amended() -> None:
    async with talk(pace=SLOW) as (conversation, emulator):
        conversation.send_text("Hello.")
        events = await until(conversation, AgentTranscript)
        conversation.cancel()
        conversation.cancel()
        events += await until(conversation)
        assert events[-1].status == "cancelled" and len(of(events, ResponseDone)) == 1
        item = of(events, AgentTranscript)[0].item
        conversation.amend(item, "Th")
        conversation.amend("nobody", "x")
        assert (await until(conversation, Fault))[-1].code == "unknown_item"
        conversation.send_text("Go on.")
        await until(conversation)
        assert dialogue(requests(emulator)[1])[1:] == [("user", "Hello."), ("assistant", "Th"), ("user", "Go on.")]
        assert len(emulator.sessions[0].of("cancel")) == 1


async def test_cancel_takes_back_what_was_only_asked_for() -> None:
    async with talk() as (conversation, emulator):
        conversation.send_text("Hello.")
        conversation.cancel()
        conversation.send_text("Goodbye.")
        events = await until(conversation)
        assert len(of(events, ResponseStarted)) == 1 and len(requests(emulator)) == 1
        assert [role for role, _ in dialogue(requests(emulator)[0])] == ["system", "user", "user"]


async def test_an_item_amended_before_its_end_is_remembered_as_amended() -> None:
    async with talk(pace=SLOW) as (conversation, emulator):
        conversation.send_text("Hello.")
        (piece,) = of(await until(conversation, AgentTranscript), AgentTranscript)
        conversation.amend(piece.item, "This")
        conversation.cancel()
        conversation.create_response()
        await until(conversation)
        await until(conversation)
        assert dialogue(requests(emulator)[1])[-1] == ("assistant", "This")


async def test_leaving_in_the_middle_of_an_answer() -> None:
    async with talk(pace=SLOW) as (conversation, _):
        conversation.send_text("Hello.")
        await until(conversation, AgentTranscript)
    assert len(texts([event async for event in conversation], final=False)) < 5
    conversation.send_text("Is anybody there?")
    assert [event async for event in conversation] == []


# --- misfortunes before the first word


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Misfortune("stall", seconds=60), "stalled"),
        (Misfortune("mute"), "stalled"),
        (Misfortune("reset"), "unreachable"),
        (Misfortune("early_end"), "connection_lost"),
        (Misfortune("not_json"), "protocol"),
        (Misfortune("truncated_json"), "protocol"),
        (Misfortune("error", code="server_error"), "server_error"),
    ],
)
async def test_an_answer_without_a_word_is_asked_for_again(fault: Misfortune, code: str) -> None:
    async with talk(provider={"timeout_s": 0.7}, faults=(fault,)) as (conversation, _):
        conversation.send_text("Hello.")
        events = await until(conversation)
        assert [event.code for event in of(events, Fault)] == [code]
        assert texts(events) == [ANSWER] and of(events, ResponseDone)[0].status == "completed"
        assert len(of(events, ResponseStarted)) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Misfortune("mute", 0), "stalled"),
        (Misfortune("reset", 0), "unreachable"),
        (Misfortune("early_end", 0), "connection_lost"),
        (Misfortune("garbage", 0), "protocol"),
        (Misfortune("not_json", 0), "protocol"),
    ],
)
async def test_and_then_the_session_ends(fault: Misfortune, code: str) -> None:
    async with talk(provider={"timeout_s": 0.7}, faults=(fault,)) as (conversation, _):
        conversation.send_text("Hello.")
        events, error = await rest(conversation)
        assert (error.code, error.retryable) == (code, True)
        assert [event.code for event in of(events, Fault)] == [code, code]
        assert isinstance(events[-1], ResponseDone) and events[-1].status == "failed"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_service_is_asked_again(status: int) -> None:
    async with talk(refusals=(Refuse(status, retry_after_s=0.05),)) as (conversation, _):
        conversation.send_text("Hello.")
        events = await until(conversation)
        assert texts(events) == [ANSWER] and len(of(events, Fault)) == 1


@pytest.mark.parametrize(
    ("refuse", "code", "retryable", "asked"),
    [
        (Refuse(401, range(9)), "invalid_api_key", False, 1),
        (Refuse(403, range(9)), "forbidden", False, 1),
        (Refuse(404, range(9)), "model_not_found", False, 1),
        (Refuse(400, range(9)), "bad_request", False, 1),
        (Refuse(429, range(9), code="insufficient_quota"), "insufficient_quota", False, 1),
        (Refuse(429, range(9)), "rate_limit_exceeded", True, 2),
        (Refuse(429, range(9), retry_after_s=30), "rate_limit_exceeded", True, 1),
        (Refuse(503, range(9)), "server_error", True, 2),
    ],
)
async def test_a_service_that_refuses_ends_the_session(refuse: Refuse, code: str, retryable: bool, asked: int) -> None:
    async with talk(refusals=(refuse,)) as (conversation, emulator):
        conversation.send_text("Hello.")
        _, error = await rest(conversation)
        assert (error.code, error.retryable) == (code, retryable)
        assert len(emulator.sessions[0].of("refused")) == asked


async def test_a_wrong_key_and_a_wrong_model() -> None:
    async with ChatEmulator(ChatSettings(accepted_key="right", models=frozenset({"mine"}))) as emulator:
        for key, code in (("wrong-key-1234", "invalid_api_key"), ("right", "model_not_found")):
            model = OpenAIChat(key, emulator.url)
            async with model.connect(brief()) as conversation:
                conversation.send_text("Hello.")
                _, error = await rest(conversation)
                assert (error.code, error.retryable) == (code, False)
            await model.close()


async def test_nobody_is_there() -> None:
    async with ChatEmulator() as emulator:
        url = emulator.url
    model = OpenAIChat("sk-test", url)
    async with model.connect(brief()) as conversation:
        conversation.send_text("Hello.")
        _, error = await rest(conversation)
        assert (error.code, error.retryable) == ("unreachable", True)
    await model.close()


async def test_a_question_the_service_declines_does_not_end_the_session() -> None:
    async with talk(refusals=(Refuse(400, code="content_filter"),)) as (conversation, _):
        conversation.send_text("Something bad.")
        (done,) = of(await until(conversation), ResponseDone)
        assert (done.status, done.reason) == ("incomplete", "content_filter")
        conversation.send_text("Hello.")
        assert len(texts(await until(conversation))) == 1


async def test_a_conversation_that_is_too_long_loses_its_older_half() -> None:
    told = tuple(Said("caller", str(number)) for number in range(20))
    async with talk(brief(history=told), refusals=(Refuse(400, range(2), code="context_length_exceeded"),)) as (
        conversation,
        emulator,
    ):
        conversation.create_response()
        events = await until(conversation)
        assert [event.code for event in of(events, Fault)] == ["context_length_exceeded"] * 2
        assert [text for _, text in dialogue(requests(emulator)[0])] == ["Be brief.", *map(str, range(16, 20))]


# --- misfortunes after it


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("mute", "stalled"),
        ("reset", "unreachable"),
        ("early_end", "connection_lost"),
        ("not_json", "protocol"),
        ("garbage", "protocol"),
        ("error", "server_error"),
    ],
)
async def test_an_answer_that_breaks_off_is_not_repeated(kind: Any, code: str) -> None:
    fault = Misfortune(kind, after_words=3)
    async with talk(provider={"timeout_s": 0.7}, faults=(fault,)) as (conversation, emulator):
        conversation.send_text("Hello.")
        events = await until(conversation)
        assert [event.code for event in of(events, Fault)] == [code]
        assert events[-1] == ResponseDone(events[0].response, "failed", code)
        assert texts(events) == ["This is answer "]
        conversation.send_text("Go on.")
        assert (await until(conversation))[-1].status == "completed"
        assert dialogue(requests(emulator)[1])[1:3] == [("user", "Hello."), ("assistant", "This is answer ")]


async def test_two_that_break_off_in_a_row_end_the_session() -> None:
    async with talk(faults=(Misfortune("reset", 0, after_words=2),)) as (conversation, _):
        conversation.send_text("Hello.")
        await until(conversation)
        conversation.send_text("Hello.")
        events, error = await rest(conversation)
        assert error.retryable and isinstance(events[-1], ResponseDone)


async def test_a_flood_is_cut_off() -> None:
    fault = Misfortune("flood", after_words=1, size=300_000)
    async with talk(pace=ChatPace(5, math.inf), faults=(fault,)) as (conversation, _):
        conversation.send_text("Hello.")
        events = await until(conversation)
        assert events[-1].status == "failed" and of(events, Fault)[0].code == "protocol"
        assert 40_000 < len(texts(events)[0]) <= 50_000


@pytest.mark.parametrize("kind", ["unknown_chunk", "unknown_fields", "wrong_order"])
async def test_what_is_strange_but_harmless(kind: Any) -> None:
    async with talk(faults=(Misfortune(kind),)) as (conversation, _):
        conversation.send_text("Hello.")
        events = await until(conversation)
        assert events[-1].status == "completed" and not of(events, Fault)
        assert sorted(texts(events)[0]) == sorted(ANSWER)


async def test_an_empty_answer_is_an_answer_without_words() -> None:
    async with talk(faults=(Misfortune("empty"),)) as (conversation, _):
        conversation.send_text("Hello.")
        events = await until(conversation)
        assert events[-1].status == "completed" and not of(events, AgentTranscript)


# --- the provider


async def test_it_does_nothing_with_audio() -> None:
    async with talk() as (conversation, _):
        conversation.send_audio(b"\xff" * 160)
        conversation.truncate("x", 1)
        assert conversation.dropped_ms == 0 and not conversation.renew("it is silent")
    model = OpenAIChat("sk-test")
    assert not model.traits.input_formats and model.traits.text_output
    await model.start()
    with pytest.raises(ProviderError, match="neither hears"):
        async with model.connect(brief(modality="audio")):
            pass
    await model.close()


async def test_a_key_can_be_asked_for_at_every_request() -> None:
    asked = []

    async def key() -> str:
        asked.append(1)
        return "sk-fresh"

    async with ChatEmulator(ChatSettings(accepted_key="sk-fresh", pace=QUICK)) as emulator:
        model = OpenAIChat(key, emulator.url)
        async with model.connect(brief()) as conversation:
            for _ in range(2):
                conversation.send_text("Hello.")
                await until(conversation)
        await model.close()
    assert len(asked) == 2


@pytest.mark.parametrize("extra", [{}, {"OpenAI-Organization": "org-mine"}])
async def test_another_service_is_not_told_of_an_organisation_at_openai(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, str]
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        model = OpenAIChat("sk-test", url, extra_headers=extra)
        async with model.connect(brief()) as conversation:
            conversation.send_text("Hello.")
            _, error = await rest(conversation)
        await model.close()
    assert error.code == "invalid_api_key"
    assert b"secret" not in heads[0] and (b"org-mine" in heads[0]) == bool(extra)


def test_without_any_key_it_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ProviderError) as caught:
        OpenAIChat(None)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.retryable) == ("invalid_configuration", False)
