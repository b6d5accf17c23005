"""Continuity where the service announces its end, and between services that have nothing in common."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import from_bytes
from mediacodecs.signal.resample import Resampler
from mediaproviders.continuity import Candidate, ContinuitySettings, Continuous
from mediaproviders.contract import (
    PCM16_16K,
    PCM16_24K,
    PCMU,
    AgentTranscript,
    Audio,
    Brief,
    CallerTranscript,
    Reconnected,
    ResponseDone,
    TurnCommitted,
)
from mediaproviders.emulators.gemini import GeminiEmulator
from mediaproviders.emulators.openai import EmulatorSettings, Fault, OpenAIEmulator, Pace, Refuse
from mediaproviders.openai_realtime import OpenAIRealtime
from support import geminiemulator

PROMPT = ContinuitySettings(delays_s=(0.0, 0.05, 0.1), look_s=0.01)


@asynccontextmanager
async def calling(candidates, brief):
    continuous = Continuous(candidates, PROMPT)
    async with continuous.connect(brief) as conversation:
        call = geminiemulator.Call(conversation)
        try:
            yield call
        finally:
            await call.close()
    await continuous.close()


def gemini(emulator):
    return Candidate("gemini", geminiemulator.provider(emulator), geminiemulator.MODEL)


async def rolled_over(conversation, times):
    """A roll-over is not told; so it is looked for."""
    async with asyncio.timeout(5):
        for _ in iter(lambda: conversation.rollovers >= times, True):
            await asyncio.sleep(0.02)


def texts(conversation):
    return [said.text for said in conversation.record.history.told()]


async def test_the_service_goes_away_and_the_conversation_goes_on():
    script = geminiemulator.settings(connection_s=3.0, go_away_s=2.0)
    async with GeminiEmulator(script) as emulator:
        brief = Brief("m", "Be brief.", PCM16_16K, PCM16_24K)
        async with calling([gemini(emulator)], brief) as call:
            for n in range(3):
                call.turn()
                await call.until_events(ResponseDone, n + 1)
                await call.until(lambda n=n: len([each for each in call.of(CallerTranscript) if each.final]) > n)
                if n < 2:
                    await rolled_over(call.conversation, n + 1)
            history = texts(call.conversation)
            assert call.conversation.reconnects == 0
        assert call.error is None
        assert call.of(Reconnected) == []
        assert len(call.of(TurnCommitted)) == 3
        assert len(history) == 6
        assert [each.text for each in call.of(AgentTranscript) if each.final] == history[1::2]
        told = "\n".join(str(event) for _, event in emulator.sessions[-1].client_events)
        assert all(text in told for text in history[:2])


async def test_from_openai_to_gemini_with_the_history():
    faults = (Fault("reset", at_s=0.6, connections=range(1)),)
    first = OpenAIEmulator(
        EmulatorSettings(
            pace=Pace(first_audio_ms=30.0, rate=10.0),
            answer_ms=300,
            answer_texts=("From the first.",),
            hears=("Hello?",),
            transcription_ms=5.0,
            faults=faults,
            refusals=(Refuse(503, range(1, 99)),),
        )
    )
    async with first, GeminiEmulator(geminiemulator.settings(hears=("And now?",))) as second:
        openai = Candidate("openai", OpenAIRealtime("sk-test", first.url), "gpt-realtime")
        brief = Brief("gpt-realtime", "Be brief.", PCMU, PCMU)
        async with calling([openai, gemini(second)], brief) as call:
            say(call)
            await call.until_events(ResponseDone)
            await call.until_events(Reconnected)
            assert call.of(Reconnected)[0].reason == "openai was lost (closed_1006), gemini took over"
            before = len(call.events)
            say(call)
            await call.until_events(ResponseDone, 2)
            await call.until(lambda: "And now?" in texts(call.conversation))
            assert texts(call.conversation)[:3] == ["Hello?", "From the first.", "And now?"]
            audio = b"".join(event.data for event in call.events[before:] if isinstance(event, Audio))
        assert len(audio) / 8 == pytest.approx(400, abs=4)
        spoken = Resampler(24000, 8000).process(from_bytes(second.answers.audio(0, "audio/pcm")))
        heard = MU_LAW.decode(audio)[: len(spoken)]
        assert np.corrcoef(heard, spoken[: len(heard)])[0, 1] > 0.99
        ((_, setup), *_) = second.sessions[0].client_events
        assert "Caller: Hello?\nYou: From the first." in str(setup["setup"]["systemInstruction"]["parts"][0]["text"])


def say(call):
    """Half a second of speech in mu-law, and the silence after it."""
    wide = from_bytes(geminiemulator.silence(100) + geminiemulator.speech(500) + geminiemulator.silence(800))
    octets = MU_LAW.encode(Resampler(16000, 8000).process(wide))
    for at in range(0, len(octets), 160):
        call.conversation.send_audio(octets[at : at + 160])
