"""Chats through the real adapters and SDKs, with the emulated services on real sockets."""

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from mediaproviders.emulators.chat import ChatEmulator, ChatPace, ChatSettings
from mediaproviders.emulators.gemini import GeminiEmulator, GeminiSettings
from mediaproviders.emulators.nova import NovaEmulator, NovaSettings
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaproviders.emulators.pace import Pace
from mediaserver.agents.checks import examine
from mediaserver.agents.provision import Provision
from mediaserver.agents.ready import ReadyAgent
from mediaserver.chat import ChatError, ChatSession
from mediaserver.config.providers import Providers

PACE = Pace(first_audio_ms=20.0, rate=math.inf)
TEXTS = ("It is three.", "Goodbye.")
TOOL = {1: ("opening_hours", '{"day": "monday"}')}


@asynccontextmanager
async def emulated(model: str, **settings: object) -> AsyncIterator[Provision]:
    """The service of `model`, and a server with access to it."""
    async with AsyncExitStack() as stack:
        provision = Provision(Providers.model_validate(await _access(model, stack, settings)))
        stack.push_async_callback(provision.close)
        yield provision


async def _access(model: str, stack: AsyncExitStack, settings: dict[str, Any]) -> dict[str, object]:
    rehearsal = {"pace": PACE, "answer_ms": 400, "answer_texts": TEXTS, **settings}
    match model.partition("/")[0].partition("-")[0]:
        case "chat":
            told = ChatSettings(pace=ChatPace(10.0, math.inf), answer_texts=TEXTS, **settings)
            chat = await stack.enter_async_context(ChatEmulator(told))
            return {"chat": {"api_key": "sk-test", "base_url": chat.url}}
        case "gemini":
            gemini = await stack.enter_async_context(GeminiEmulator(GeminiSettings(**rehearsal)))
            trust = {"ca_file": str(gemini.certificates.authority)}
            return {"google": {"api_key": "AIzaTest", "base_url": gemini.url, **trust}}
        case "azure":
            azure = await stack.enter_async_context(OpenAIEmulator(EmulatorSettings(dialect="azure", **rehearsal)))
            return {"azure": {"api_key": "0123456789abcdef" * 2, "endpoint": azure.url.removesuffix("/openai/v1")}}
        case "grok":
            xai = await stack.enter_async_context(OpenAIEmulator(EmulatorSettings(dialect="xai", **rehearsal)))
            return {"xai": {"api_key": "xai-test", "base_url": xai.url}}
        case "nova":
            nova = await stack.enter_async_context(NovaEmulator(NovaSettings(**rehearsal)))
            keys = {"access_key_id": "AKIAX", "secret_access_key": "secret-AKIAX", "region": "us-east-1"}
            return {"amazon": {**keys, "endpoint_url": nova.url, "ca_file": str(nova.certificates.authority)}}
        case _:
            openai = await stack.enter_async_context(OpenAIEmulator(EmulatorSettings(**rehearsal)))
            return {"openai": {"api_key": "sk-test", "base_url": openai.url}}


def ready(provision: Provision, model: str, **changes: object) -> ReadyAgent:
    speech = {"service": "local"}
    services = {"speech_to_text": speech, "text_to_speech": speech} if model.startswith("chat/") else {}
    written = {
        "name": "clinic",
        "model": model,
        "prompt": "You are {agent}.",
        "welcome": "Hello.",
        **services,
        **changes,
    }
    definition, found = examine(written)
    assert definition is not None, [str(fault) for fault in found.faults]
    return provision.agent(definition)


async def said(chat: ChatSession, text: str) -> str:
    return "".join([piece async for piece in chat.say(text)])


MODELS = [
    "gpt-realtime",
    "gpt-4o-mini-realtime",
    "azure/gpt-realtime",
    "chat/gpt-4.1-mini",
    "gemini-2.5-flash-native-audio",
    "grok-voice",
    "nova-2-sonic",
    "nova-sonic",
]
SLOW = {"gemini-2.5-flash-native-audio", "grok-voice", "nova-2-sonic", "nova-sonic"}


@pytest.mark.parametrize("model", MODELS)
async def test_every_model_can_be_chatted_with(model: str) -> None:
    async with emulated(model) as provision:
        agent = ready(provision, model)
        async with ChatSession.of(agent) as chat:
            assert chat.welcome == "Hello." and chat.slow is (model in SLOW)
            assert await said(chat, "What time is it?") == TEXTS[0]
            assert await said(chat, "Thank you.") == TEXTS[1]
            assert (chat.cost is None) is (agent.model.price is None)
            if agent.model.price is not None:
                assert chat.cost is not None and chat.cost > 0


@pytest.mark.parametrize("model", MODELS)
async def test_with_every_model_tools_run(model: str) -> None:
    tools = ["support.phone_tools:opening_hours"]
    async with (
        emulated(model, tool_on_turn=TOOL) as provision,
        ChatSession.of(ready(provision, model, tools=tools)) as chat,
    ):
        told = await said(chat, "When are you open?")
        assert told.startswith("The function returned ") and '"from"' in told


@pytest.mark.parametrize("model", MODELS)
async def test_with_every_model_the_agent_can_end_the_chat(model: str) -> None:
    async with (
        emulated(model, tool_on_turn={1: ("end_call", "{}")}) as provision,
        ChatSession.of(ready(provision, model)) as chat,
    ):
        await said(chat, "Bye.")
        assert chat.ended == "the agent ended it"


@pytest.mark.parametrize("model", MODELS)
async def test_with_every_model_a_wrong_key_is_told_in_plain_words(model: str) -> None:
    right = {"keys": {}.get} if model.startswith("nova") else {"accepted_key": "sk-right"}
    async with emulated(model, **right) as provision:
        # Google says the same of a wrong key as of a wrong setting.
        with pytest.raises(ChatError, match=r"refuses the key|does not accept the agent's settings") as error:
            async with ChatSession.of(ready(provision, model)) as chat:
                await said(chat, "Hello?")
        assert error.value.over


async def test_an_agents_own_key_wins() -> None:
    async with (
        emulated("gpt-realtime", accepted_key="sk-own") as provision,
        ChatSession.of(ready(provision, "gpt-realtime", api_key="sk-own")) as chat,
    ):
        assert await said(chat, "Hello?") == TEXTS[0]


async def test_chats_are_in_text_whatever_the_switch() -> None:
    async with emulated("gpt-realtime") as provision:
        speech = {"service": "local"}
        agent = ready(provision, "gpt-realtime", voice_streaming=False, speech_to_text=speech, text_to_speech=speech)
        async with ChatSession.of(agent) as chat:
            assert not chat.slow and await said(chat, "Hello?") == TEXTS[0]


async def test_another_model_takes_the_chat_over() -> None:
    async with AsyncExitStack() as stack:
        access = await _access("gpt-realtime", stack, {"accepted_key": "sk-right"})
        access |= await _access("azure/gpt-realtime", stack, {})
        provision = Provision(Providers.model_validate(access))
        stack.push_async_callback(provision.close)
        agent = ready(provision, "gpt-realtime", fallback=["azure/gpt-realtime"])
        async with ChatSession.of(agent) as chat:
            assert await said(chat, "Hello?") == TEXTS[0]
