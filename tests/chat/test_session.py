"""A chat with a model that does what the test says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    AgentTranscript,
    Audio,
    CallerTranscript,
    Event,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    ToolCall,
    Usage,
)
from mediaserver.chat import ChatError, ChatSession
from mediaserver.talk.budget import Limits, Price
from mediaserver.talk.orders import Agent
from support.scripted_model import ScriptedProvider
from support.virtual_time import settle, tell

AGENT = Agent("clinic", "model-x", "Be brief.", greeting="Hello!", voice="marin", tools=("end_call",), temperature=0.5)


def answer(text: str, response: str = "r1", *more: Event) -> list[Event]:
    done = ResponseDone(response, "completed")
    return [ResponseStarted(response), AgentTranscript(f"i{response}", text, True), *more, Usage(10, 20), done]


async def said(chat: ChatSession, text: str) -> list[str]:
    return [piece async for piece in chat.say(text)]


class Mumbler:
    """A voice: 10 ms of audio a letter."""

    formats = (PCM16_8K, PCM16_24K)
    fails = False

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def speak(self, text, form) -> AsyncIterator[bytes]:
        if self.fails:
            raise ProviderError("no voice today", code="server_error", retryable=True)
        for _ in text:
            yield b"\x01" * (10 * form.bytes_per_ms)


# --- in the text modality ---


async def test_a_session_that_breaks_in_a_way_of_its_own_is_told_of_at_once():
    provider = ScriptedProvider()
    provider.session.does(ZeroDivisionError("a bug"))
    async with ChatSession(AGENT, provider, "text") as chat:
        with pytest.raises(ChatError, match="a bug") as failure:
            await said(chat, "Hello?")
    assert failure.value.over


async def test_an_answer_comes_in_pieces():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        assert chat.welcome == "Hello!" and not chat.slow and chat.ended is None
        pieces = [AgentTranscript("i", piece, False) for piece in ("It ", "is 3.")]
        provider.session.does(ResponseStarted("r"), *pieces, ResponseDone("r", "completed"))
        assert await said(chat, "What time is it?") == ["It ", "is 3."]
        provider.session.does(*answer("Bye."))
        assert await said(chat, "Thanks.") == ["Bye."]
    assert provider.session.told == [("text", "What time is it?"), ("text", "Thanks.")]
    assert provider.session.heard == [] and provider.left == 1


async def test_the_brief_is_in_text_and_knows_the_welcome():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text"):
        pass
    (brief,) = provider.briefs
    assert (brief.modality, brief.model, brief.instructions, brief.temperature) == ("text", "model-x", "Be brief.", 0.5)
    assert brief.history == (Said("agent", "Hello!"),) and brief.greeting is None
    assert [tool.name for tool in brief.tools] == ["end_call"]


async def test_nothing_said_is_not_answered():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        assert await said(chat, "  ") == []
    assert provider.session.told == []


async def test_the_agent_ends_the_chat_after_its_last_words():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        provider.session.does(*answer("Goodbye.", "r1", ToolCall("c", "end_call", "{}")))
        assert await said(chat, "Bye") == ["Goodbye."]
        assert chat.ended == "the agent ended it"
        with pytest.raises(ChatError, match="The chat is over: the agent ended it") as error:
            await said(chat, "Hello?")
        assert error.value.over
    assert ("text", "Hello?") not in provider.session.told


async def test_an_ended_chat_may_lose_its_model():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        provider.session.does(AgentTranscript("i", "Bye.", True), ToolCall("c", "end_call", "{}"), None)
        assert await said(chat, "Bye") == ["Bye."]
        assert chat.ended == "the agent ended it"


async def test_tools_run_as_in_calls():
    provider = ScriptedProvider()
    agent = Agent("clinic", "m", "p", tools=("support.phone_tools:opening_hours",))
    async with ChatSession(agent, provider, "text") as chat:
        reply = asyncio.create_task(said(chat, "When are you open?"))
        await settle()
        provider.session.does(ResponseStarted("r"), ToolCall("c", "opening_hours", '{"day": "monday"}'))
        provider.session.does(ResponseDone("r", "completed"))
        await settle()
        assert len(provider.session.told) == 2 and not reply.done()
        provider.session.does(*answer("From nine.", "r2"))
        assert await reply == ["From nine."]
    kind, call, output = provider.session.told[1]
    assert (kind, call) == ("result", "c") and "error" not in str(output)


async def test_an_unknown_tool_is_answered_with_an_error():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        reply = asyncio.create_task(said(chat, "Fly!"))
        await settle()
        provider.session.does(ResponseStarted("r"), ToolCall("c", "fly", "{}"), ResponseDone("r", "completed"))
        await settle()
        provider.session.does(*answer("I cannot.", "r2"))
        assert await reply == ["I cannot."]
    assert "no tool named fly" in str(provider.session.told[1])


async def test_what_came_between_two_answers_is_no_answer():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        provider.session.does(*answer("One."))
        assert await said(chat, "1") == ["One."]
        provider.session.does(AgentTranscript("x", "By the way", True), Usage(1, 1))
        await settle()
        reply = asyncio.create_task(said(chat, "2"))
        await settle()
        provider.session.does(*answer("Two.", "r2"))
        assert await reply == ["Two."]


async def test_an_answer_that_is_not_wanted_any_more_is_stopped():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        provider.session.does(ResponseStarted("r"), AgentTranscript("i", "A long", False))
        answers = chat.say("Tell me")
        assert await anext(answers) == "A long"
        await answers.aclose()
        provider.session.does(AgentTranscript("i", " story", False), ResponseDone("r", "cancelled"))
        await settle()
        reply = asyncio.create_task(said(chat, "Stop"))
        await settle()
        provider.session.does(*answer("Yes?", "r2"))
        assert await reply == ["Yes?"]
    assert provider.session.told == [("text", "Tell me"), ("cancel",), ("text", "Stop")]


# --- trouble ---


async def test_a_refused_key_is_told_in_plain_words():
    refusal = ProviderError("Incorrect API key provided: sk-123", code="invalid_api_key", retryable=False)
    chat = ChatSession(AGENT, ScriptedProvider(refuses=refusal), "text")
    with pytest.raises(ChatError) as error:
        async with chat:
            pass
    assert error.value.over and "refuses the key" in str(error.value) and "sk-123" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("rate_limit_exceeded", "too much to do"),
        ("closed_1011", "connection to the service was lost. (details)"),
        ("oddity", "The model failed. (details)"),
    ],
)
async def test_a_lost_model_ends_the_chat(code, words):
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        provider.session.does(ResponseStarted("r"), ProviderError("details", code=code, retryable=True))
        with pytest.raises(ChatError) as error:
            await said(chat, "Hello?")
        assert error.value.over and words in str(error.value) and chat.ended == "the model was lost"


async def test_a_session_that_ends_by_itself_is_a_loss():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        provider.session.does(None)
        await settle()
        with pytest.raises(ChatError, match="connection to the service was lost"):
            await said(chat, "Hello?")


async def test_failed_and_empty_answers_do_not_end_the_chat():
    provider = ScriptedProvider()
    async with ChatSession(AGENT, provider, "text") as chat:
        provider.session.does(ResponseStarted("r"), ResponseDone("r", "failed", "content_filter"))
        with pytest.raises(ChatError, match="broke off: content_filter") as error:
            await said(chat, "1")
        assert not error.value.over
        provider.session.does(ResponseStarted("r"), ResponseDone("r", "completed"))
        with pytest.raises(ChatError, match="empty") as error:
            await said(chat, "2")
        assert not error.value.over
        provider.session.does(*answer("Three."))
        assert await said(chat, "3") == ["Three."]


def test_a_silent_model_is_given_up_after_its_time():
    async def story() -> tuple[float, str]:
        clock = asyncio.get_running_loop().time
        async with ChatSession(AGENT, ScriptedProvider(), "text") as chat:
            began = clock()
            with pytest.raises(ChatError) as error:
                await said(chat, "Hello?")
            return clock() - began, str(error.value)

    waited_s, told = tell(story())
    assert waited_s == pytest.approx(12.0) and told == "The model did not answer within 12 s."


async def test_a_cost_limit_ends_the_chat_after_the_answer():
    provider = ScriptedProvider()
    agent = Agent("a", "m", "p", limits=Limits(max_cost=0.000_02), price=Price(text_input=1.0, text_output=1.0))
    async with ChatSession(agent, provider, "text") as chat:
        provider.session.does(*answer("One."))
        assert await said(chat, "1") == ["One."]
        assert chat.cost == pytest.approx(0.000_03) and chat.ended is not None and "limit" in chat.ended


# --- through audio and its transcription ---


async def test_audio_is_discarded_and_the_transcript_is_the_answer():
    provider = ScriptedProvider(text_output=False)
    async with ChatSession(AGENT, provider, "transcription") as chat:
        assert chat.slow
        events: list[Event] = [
            CallerTranscript("c", "What time is it?", True),
            ResponseStarted("r"),
            AgentTranscript("i", " It is three.", False),
            Audio("i", "r", b"\xff" * 8000),
            SpeechStarted("c2", None),
            AgentTranscript("i", " It is three.", True),
            ResponseDone("r", "completed"),
        ]
        provider.session.does(*events)
        assert await said(chat, "What time is it?") == ["It is three."]
    (brief,) = provider.briefs
    assert brief.modality == "audio" and brief.voice == "marin" and brief.history == (Said("agent", "Hello!"),)
    assert provider.session.heard == []  # it wants none


async def test_a_model_that_wants_audio_hears_silence():
    provider = ScriptedProvider(text_output=False, input_formats=(PCM16_16K,), uplink_ms=60)
    async with ChatSession(AGENT, provider, "transcription", audio_flow=True):
        async with asyncio.timeout(5):
            await provider.session.hears.wait()
    assert provider.session.heard[0] == bytes(60 * 32)


def test_what_is_typed_is_spoken_to_a_model_that_only_hears():
    provider = ScriptedProvider(text_output=False, text_input=False, input_formats=(PCM16_16K, PCM16_8K))

    async def story() -> list[str]:
        chat = ChatSession(AGENT, provider, "transcription", voice=Mumbler())
        async with chat:
            reply = asyncio.create_task(said(chat, "What time is it?"))
            await asyncio.sleep(1.0)
            provider.session.does(*answer("Three."))
            return await reply

    assert tell(story()) == ["Three."]
    heard = b"".join(provider.session.heard)
    assert heard.count(b"\x01") == 16 * 160 and heard.endswith(b"\0" * 640)
    assert provider.session.told == [] and provider.briefs[0].input_format == PCM16_8K


def test_the_time_it_takes_to_speak_is_no_silence_of_the_model():
    provider = ScriptedProvider(text_output=False, text_input=False, input_formats=(PCM16_8K,))

    async def story() -> float:
        clock = asyncio.get_running_loop().time
        async with ChatSession(AGENT, provider, "transcription", voice=Mumbler()) as chat:
            began = clock()
            with pytest.raises(ChatError, match="did not answer"):
                await said(chat, "x" * 500)  # five seconds
            return clock() - began

    assert tell(story()) == pytest.approx(17.0, abs=0.1)


async def test_without_a_voice_it_says_so():
    with pytest.raises(ChatError, match="answers only what it hears"):
        await ChatSession(AGENT, ScriptedProvider(text_output=False, text_input=False), "transcription").__aenter__()


def test_a_voice_of_another_format_is_converted():
    provider = ScriptedProvider(text_output=False, text_input=False, input_formats=(PCM16_16K,))

    async def story() -> None:
        async with ChatSession(AGENT, provider, "transcription", voice=Mumbler()) as chat:
            reply = asyncio.create_task(said(chat, "x" * 50))  # half a second, at 24 kHz
            await asyncio.sleep(1.0)
            provider.session.does(*answer("Yes."))
            await reply

    tell(story())
    loud = [data for data in provider.session.heard if any(data)]
    assert 0.45 <= sum(len(data) for data in loud) / 32_000 <= 0.6


async def test_a_voice_that_fails_does_not_end_the_chat():
    provider = ScriptedProvider(text_output=False, text_input=False, input_formats=(PCM16_8K,))
    voice = Mumbler()
    voice.fails = True
    async with ChatSession(AGENT, provider, "transcription", voice=voice) as chat:
        with pytest.raises(ChatError, match="cannot be spoken to the model: no voice today") as error:
            await said(chat, "Hello")
        assert not error.value.over and chat.ended is None


def test_a_silent_model_is_renewed_once_where_that_can_be_done(monkeypatch: pytest.MonkeyPatch):
    provider = ScriptedProvider()
    asked: list[str] = []

    def renew(reason: str) -> bool:
        asked.append(reason)
        provider.session.does(*answer("Here I am."))
        return True

    monkeypatch.setattr(provider.session, "renew", renew)

    async def story() -> list[str]:
        async with ChatSession(AGENT, provider, "text") as chat:
            return await said(chat, "Hello?")

    assert tell(story()) == ["Here I am."] and asked == ["stalled"]


def test_a_model_that_does_not_end_its_last_response_is_not_waited_for():
    provider = ScriptedProvider()

    async def story() -> tuple[list[str], float]:
        clock = asyncio.get_running_loop().time
        async with ChatSession(AGENT, provider, "text") as chat:
            began = clock()
            provider.session.does(AgentTranscript("i", "Bye.", True), ToolCall("c", "end_call", "{}"))
            return await said(chat, "Bye"), clock() - began

    words, took_s = tell(story())
    assert words == ["Bye."] and took_s == pytest.approx(2.0)


def test_a_tool_has_its_own_time():
    agent = Agent("a", "m", "p", tools=("support.phone_tools:never",), tool_timeout_s=30.0)
    provider = ScriptedProvider()

    async def story() -> list[str]:
        async with ChatSession(agent, provider, "text") as chat:
            reply = asyncio.create_task(said(chat, "Wait"))
            await settle()
            provider.session.does(ResponseStarted("r"), ToolCall("c", "never", "{}"), ResponseDone("r", "completed"))
            await asyncio.sleep(31.0)
            provider.session.does(*answer("It took too long.", "r2"))
            return await reply

    assert tell(story()) == ["It took too long."]
    assert "no result within 30 s" in str(provider.session.told[-1])
