"""The services that speak OpenAI's protocol, each as an emulator and the provider that goes with it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mediaproviders.contract import PCMU, AudioFormat, Brief, Conversation, Event
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator, Pace
from mediaproviders.openai_realtime import AzureRealtime, OpenAIRealtime, XAIRealtime
from mediaproviders.openai_realtime.provider import RealtimeService

QUICK = Pace(first_audio_ms=10.0, rate=20.0)
PREVIEW = "2025-04-01-preview"
MODELS = {
    "openai": "gpt-realtime",
    "azure": "gpt-realtime",
    "azure-preview": "gpt-4o-realtime",
    "xai": "grok-voice-latest",
}
SERVICES = tuple(MODELS)
NOISE = random.Random(1).randbytes(160)
SILENCE = b"\xff" * 160


async def token() -> str:
    return "a token"


def provider(dialect: str, url: str, **options: Any) -> RealtimeService:
    match dialect:
        case "azure":
            return AzureRealtime(url, **{"api_key": "k", **options})
        case "azure-preview":
            return AzureRealtime(url, **{"api_key": "k", "api_version": PREVIEW, **options})
        case "xai":
            return XAIRealtime(options.pop("api_key", "xai-k"), url, **options)
    return OpenAIRealtime(options.pop("api_key", "sk-k"), url, **options)


def brief(dialect: str, input_format: AudioFormat = PCMU, output_format: AudioFormat = PCMU, **fields: Any) -> Brief:
    return Brief(MODELS[dialect], "Be brief.", input_format, output_format, **fields)


@asynccontextmanager
async def talk(
    dialect: str, asked: Brief, *, may_be_refused: tuple[str, ...] = (), options: Any = None, **settings: Any
) -> AsyncIterator[tuple[Conversation, OpenAIEmulator]]:
    """A session; unless a refusal is expected, the emulator refuses nothing of what is sent in it."""
    settings = {"pace": QUICK, "answer_ms": 1000, "answer_variety": 2, "transcription_ms": 5.0, **settings}
    async with OpenAIEmulator(EmulatorSettings(dialect=dialect, **settings)) as emulator:  # type: ignore[arg-type]
        service = provider(dialect, emulator.url, **(options or {}))
        async with service.connect(asked) as conversation:
            yield conversation, emulator
        await service.close()
    for session in emulator.sessions:
        refused = [entry for entry in session.of("refused") if entry["code"] not in may_be_refused]
        assert refused == []


async def until(conversation: Conversation, kind: type[Event], *more: type[Event]) -> list[Event]:
    """The events up to the last of the awaited kinds, in whatever order these come."""
    events, missing = [], [kind, *more]
    async with asyncio.timeout(20):
        while missing:
            events.append(await anext(aiter(conversation)))
            if type(events[-1]) in missing:
                missing.remove(type(events[-1]))
    return events


def of[E](events: list[Event], kind: type[E]) -> list[E]:
    return [event for event in events if type(event) is kind]


def say(conversation: Conversation, speech_ms: int = 300, silence_ms: int = 600) -> None:
    for _ in range(speech_ms // 20):
        conversation.send_audio(NOISE)
    for _ in range(silence_ms // 20):
        conversation.send_audio(SILENCE)


def sent(emulator: OpenAIEmulator, kind: str = "") -> list[dict[str, Any]]:
    """What the client sent in its first session, without audio."""
    return [event for _, event in emulator.sessions[0].client_events if not kind or event["type"] == kind]
