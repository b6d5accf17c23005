"""The text modality: words both ways, no audio, and a memory of what was heard."""

import pytest

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    ToolCall,
    ToolSpec,
)
from mediaproviders.emulators.openai import Pace
from support.realtime_services import SERVICES, brief, of, say, sent, talk, until

ALL = pytest.mark.parametrize("dialect", SERVICES)
LONG = " ".join(f"word{n}" for n in range(40))


def written(dialect, asked, **settings):
    options = {"text_output": True} if dialect == "xai" else None
    settings.setdefault("pace", Pace(first_audio_ms=5.0, rate=40.0))
    return talk(dialect, asked, options=options, **settings)


def in_text(dialect, **fields):
    return brief(dialect, modality="text", **fields)


@ALL
async def test_a_typed_question(dialect):
    async with written(dialect, in_text(dialect)) as (agent, _):
        for number in (1, 2):
            agent.send_text("How late is it?")
            events = await until(agent, ResponseDone)
            assert (type(events[0]), events[-1].status) == (ResponseStarted, "completed")
            assert of(events, Audio) == []
            words = of(events, AgentTranscript)
            assert [each.final for each in words] == [False] * (len(words) - 1) + [True]
            assert words[-1].text == f"This is answer number {number} of the emulated model."
            assert "".join(each.text for each in words[:-1]) == words[-1].text


@ALL
async def test_greeting(dialect):
    async with written(dialect, in_text(dialect, greeting="Hello.")) as (agent, emulator):
        agent.greet()
        assert of(await until(agent, ResponseDone), AgentTranscript)[-1].final
        assert sent(emulator, "response.create")[0]["response"]["instructions"].endswith("Hello.")


@ALL
async def test_tool(dialect):
    tool = ToolSpec("weather", "Tells the weather.", {"type": "object"})
    async with written(dialect, in_text(dialect, tools=(tool,)), tool_on_turn={1: ("weather", "{}")}) as (agent, _):
        agent.send_text("How is the weather?")
        call = of(await until(agent, ResponseDone), ToolCall)[0]
        agent.send_tool_result(call.call, "grey")
        assert of(await until(agent, ResponseDone), AgentTranscript)[-1].text == "The function returned grey."


@ALL
async def test_nobody_listens(dialect):
    async with written(dialect, in_text(dialect)) as (agent, emulator):
        say(agent)
        agent.send_text("Hello?")
        assert of(await until(agent, ResponseDone), SpeechStarted) == []
        assert emulator.sessions[0].appends == 0
        assert agent.dropped_ms == 0


def conversation_of(emulator):
    """What the model now remembers: the client's own items in order, as the emulator was told."""
    return [(event["type"].rpartition(".")[2], event.get("previous_item_id")) for event in sent(emulator)]


@ALL
async def test_a_finished_answer_is_replaced_by_what_was_heard(dialect):
    asked = in_text(dialect, history=(Said("caller", "Hi."),))
    async with written(dialect, asked) as (agent, emulator):
        agent.send_text("Tell me.")
        item = of(await until(agent, ResponseDone), AgentTranscript)[-1].item
        agent.send_text("Stop.")
        await until(agent, ResponseDone)
        agent.amend(item, "This is")
        agent.amend(item, "This")
        agent.create_response()
        await until(agent, ResponseDone)
        deleted = [event["item_id"] for event in sent(emulator, "conversation.item.delete")]
        assert deleted[0] == item
        created = [event for event in sent(emulator, "conversation.item.create") if "id" in event["item"]]
        assert [event["item"]["content"][0]["text"] for event in created] == ["This is", "This"]
        # The second took the place of the first, and both stand behind the question.
        assert deleted[1] == created[0]["item"]["id"]
        assert created[0]["previous_item_id"] == created[1]["previous_item_id"]
        assert created[0]["previous_item_id"] not in (None, "root", item)


@ALL
async def test_an_interrupted_answer_is_replaced_once_it_is_over(dialect):
    async with written(dialect, in_text(dialect), answer_texts=(LONG,)) as (agent, emulator):
        agent.send_text("Tell me everything.")
        item = of(await until(agent, AgentTranscript, AgentTranscript), AgentTranscript)[0].item
        agent.cancel()
        agent.amend(item, "word0")
        agent.send_text("Thank you.")
        stopped = await until(agent, ResponseDone)
        assert stopped[-1].status == "cancelled"
        assert of(stopped, AgentTranscript) == []
        await until(agent, ResponseDone)
        kinds = [event["type"].removeprefix("conversation.") for event in sent(emulator)]
        assert kinds.index("response.cancel") < kinds.index("item.delete") < len(kinds) - 1
        assert kinds[-1] == "response.create"
        created = [event for event in sent(emulator, "conversation.item.create") if "id" in event["item"]]
        assert created[0]["item"]["content"][0]["text"] == "word0"


@ALL
async def test_an_answer_of_which_nothing_was_heard_is_forgotten(dialect):
    async with written(dialect, in_text(dialect)) as (agent, emulator):
        agent.create_response()
        item = of(await until(agent, ResponseDone), AgentTranscript)[-1].item
        agent.amend(item, " ")
        agent.amend(item, "late")
        agent.amend("nothing known", "x")
        agent.send_text("Hello?")
        await until(agent, ResponseDone)
        assert [event["item_id"] for event in sent(emulator, "conversation.item.delete")] == [item]
        assert [event for event in sent(emulator, "conversation.item.create") if "id" in event["item"]] == []


async def test_nothing_is_truncated_in_text():
    async with written("openai", in_text("openai")) as (agent, emulator):
        agent.create_response()
        item = of(await until(agent, ResponseDone), AgentTranscript)[-1].item
        agent.truncate(item, 0)
        agent.send_text("Hello?")
        await until(agent, ResponseDone)
        assert sent(emulator, "conversation.item.truncate") == []
