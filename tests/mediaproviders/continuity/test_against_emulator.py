"""Real sockets, a strict service with short-lived sessions, and a real adapter in between."""

import asyncio
import random
import re
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from mediaproviders.continuity import Candidate, ContinuitySettings, Continuous
from mediaproviders.contract import (
    PCM16_24K,
    PCMU,
    AgentTranscript,
    Audio,
    Brief,
    CallerTranscript,
    ProviderError,
    Reconnected,
    ResponseDone,
    SpeechStarted,
    ToolCall,
    ToolSpec,
    TurnCommitted,
)
from mediaproviders.contract import Fault as Survived
from mediaproviders.emulators.openai import EmulatorSettings, Fault, OpenAIEmulator, Pace, Refuse
from mediaproviders.openai_realtime import OpenAIRealtime

_random = random.Random(1)
NOISE = [_random.randbytes(160) for _ in range(50)]
SILENCE = b"\xff" * 160
QUICK = Pace(first_audio_ms=30.0, rate=10.0)
PROMPT = ContinuitySettings(delays_s=(0.0, 0.05, 0.1), look_s=0.01)


class Narrow:
    """An adapter whose service has lost its telephone formats."""

    def __init__(self, inner):
        self._inner = inner
        self.traits = replace(inner.traits, input_formats=(PCM16_24K,), output_formats=(PCM16_24K,))
        self.start, self.close, self.connect = inner.start, inner.close, inner.connect


def emulator(**settings):
    defaults = {"pace": QUICK, "answer_ms": 300, "transcription_ms": 5.0}
    return OpenAIEmulator(EmulatorSettings(**{**defaults, **settings}))


class Call:
    """A conversation, with all its events."""

    def __init__(self, conversation):
        self.conversation = conversation
        self.events = []
        self.error = None
        self._news = asyncio.Event()

    async def read(self):
        try:
            async for event in self.conversation:
                self.events.append(event)
                self._news.set()
        except ProviderError as error:
            self.error = error
        self._news.set()

    async def until(self, condition):
        """Wait until something is so; it is asked after each event, and now and then."""
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                try:
                    await asyncio.wait_for(self._news.wait(), 0.02)
                except TimeoutError:
                    continue

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def say(self, speech_ms=300, silence_ms=600):
        for n in range(speech_ms // 20):
            self.conversation.send_audio(NOISE[n % 50])
        for _ in range(silence_ms // 20):
            self.conversation.send_audio(SILENCE)

    async def turn(self):
        """The caller says something and is answered, and what both said is known."""
        answers, words = len(self.of(ResponseDone)), len(self.of(CallerTranscript))
        self.say()
        await self.until(lambda: len(self.of(ResponseDone)) > answers and len(self.of(CallerTranscript)) > words)


@asynccontextmanager
async def calling(*emulators, settings=PROMPT, narrow=(), **fields):
    providers = [OpenAIRealtime("sk-test", each.url) for each in emulators]
    candidates = [
        Candidate(f"model-{n}", Narrow(each) if n in narrow else each, "gpt-realtime")
        for n, each in enumerate(providers)
    ]
    brief = Brief("gpt-realtime", "Be brief.", PCMU, PCMU, **fields)
    continuous = Continuous(candidates, settings)
    async with continuous.connect(brief) as conversation:
        call = Call(conversation)
        reader = asyncio.create_task(call.read())
        yield call
    await asyncio.wait_for(reader, 5)
    await continuous.close()
    for each in emulators:
        for session in each.sessions:
            refused = [entry for entry in session.of("refused") if entry.get("code") != "session_expired"]
            assert refused == []


def told(session):
    """What a session was told of before."""
    items = [event["item"] for _, event in session.client_events if event["type"] == "conversation.item.create"]
    return [item["content"][0]["text"] for item in items if item["type"] == "message"]


def sent(session, kind):
    return [event for _, event in session.client_events if event["type"] == kind]


async def test_five_roll_overs():
    settings = replace(PROMPT, connection_s=1.0)
    async with emulator(answer_texts=("One {n}.", "Two {n}."), session_s=1.3) as service:
        async with calling(service, settings=settings, greeting="Hello.") as call:
            call.conversation.greet()
            await call.until(lambda: call.of(ResponseDone))
            for n in range(6):
                await call.turn()
                if n < 5:
                    await call.until(lambda n=n: call.conversation.rollovers > n)
            history = [said.text for said in call.conversation.record.history.told()]
        assert call.conversation.rollovers >= 5
        assert call.conversation.reconnects == 0
        assert call.of(Reconnected) == call.of(Survived) == []
        assert call.conversation.dropped_ms == 0
        spoken = [event for event in call.events if isinstance(event, CallerTranscript | AgentTranscript)]
        assert sorted(event.text for event in spoken if event.final) == sorted(history)
        assert len(call.of(TurnCommitted)) == 6
        assert len(history) == 13
        received = {}
        for audio in call.of(Audio):
            received[audio.item] = received.get(audio.item, 0) + len(audio.data)
        assert list(received.values()) == [2400] * 7
        for session in service.sessions:
            known = told(session)
            assert known == history[: len(known)]
        spoke = [session for session in service.sessions if session.of("committed")]
        assert len(spoke) == 6
        assert [len(told(session)) for session in spoke] == [0, 3, 5, 7, 9, 11]


async def test_turn_across_forced_roll_overs_is_one_turn():
    settings = replace(PROMPT, connection_s=1.0)
    async with emulator() as service:
        async with calling(service, settings=settings) as call:
            clock = asyncio.get_running_loop().time
            began = clock()
            for n in range(100):
                call.conversation.send_audio(NOISE[n % 50] if 20 <= n < 90 else SILENCE)
                await asyncio.sleep(max(0.0, began + (n + 1) * 0.02 - clock()))
            call.say(speech_ms=0)
            await call.until(lambda: call.of(CallerTranscript))
        assert call.conversation.rollovers >= 1
        assert len(call.of(TurnCommitted)) == 1
        # The emulator tells how long the turn was that it heard: 0.3 s before, 1.4 s, and 0.5 s of silence to end it.
        (words,) = [event for event in call.of(CallerTranscript) if event.final]
        (seconds,) = re.findall(r"[\d.]+", words.text)
        assert float(seconds) == pytest.approx(2.2, abs=0.15)
        assert call.of(Reconnected) == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("reset", on_turn=1, after_ms=150, connections=range(1)), "closed_1006"),
        (Fault("close", on_turn=1, after_ms=150, connections=range(1), code=1011), "closed_1011"),
        (Fault("expire", on_turn=1, after_ms=150, connections=range(1)), "session_expired"),
    ],
)
async def test_lost_in_the_middle_of_an_answer(fault, reason):
    async with emulator(faults=(fault,), refusals=(Refuse(429, range(1, 2)), Refuse(500, range(2, 3)))) as service:
        async with calling(service) as call:
            call.say()
            await call.until(lambda: call.of(ResponseDone))
            assert [event.reason for event in call.of(Reconnected)] == [reason]
            await call.turn()
        assert call.conversation.reconnects == 1
        refused = [event.code for event in call.of(Survived) if event.message.startswith("model-0 could not")]
        assert refused == ["rate_limit_exceeded", "server_error"]
        first, second = service.sessions
        # Lost before it was transcribed, and then heard again; or not.
        assert told(second) in (["(speech, 0.8 s)"], [])
        assert len(first.of("response_created")) == 1
        assert len(second.of("response_created")) == 2
        history = [said.text for said in call.conversation.record.history.told()]
        assert [text for text in history if text.startswith("This is")] == [
            "This is answer number 1 of the emulated model.",
            "This is answer number 2 of the emulated model.",
        ]


async def test_lost_between_turns_goes_on_without_a_word():
    async with emulator(faults=(Fault("close", at_s=0.4, connections=range(1), code=1001),)) as service:
        async with calling(service) as call:
            await call.turn()
            await call.until(lambda: call.of(Reconnected))
            await call.turn()
        assert told(service.sessions[1])[-1] == "This is answer number 1 of the emulated model."
        assert sent(service.sessions[1], "response.create") == []
        assert len(call.of(TurnCommitted)) == 2


async def test_gives_up_when_nobody_lets_it_in():
    once = {"faults": (Fault("reset", at_s=0.05),), "refusals": (Refuse(503, range(1, 99)),)}
    async with emulator(**once) as service, calling(service) as call:
        await call.until(lambda: call.error)
        assert call.error.code == "server_error"
        assert len(service.sessions) == 1


async def test_tool_running_across_the_loss():
    tools = (ToolSpec("weather", "Tells the weather.", {"type": "object", "properties": {}}),)
    fault = Fault("reset", at_s=0.4, connections=range(1))
    async with emulator(tool_on_turn={1: ("weather", "{}")}, faults=(fault,)) as service:
        async with calling(service, tools=tools) as call:
            call.say()
            await call.until(lambda: call.of(ToolCall) and call.of(Reconnected))
            answers = len(call.of(ResponseDone))
            call.conversation.send_tool_result(call.of(ToolCall)[0].call, "sunny")
            await call.until(lambda: len(call.of(ResponseDone)) > answers)
        items = told(service.sessions[1])
        assert any("sunny" in text for text in items)
        assert len(sent(service.sessions[1], "response.create")) == 1


@pytest.mark.parametrize("status", [429, 500])
async def test_fails_over_at_the_start(status):
    async with emulator(refusals=(Refuse(status, range(99)),)) as down, emulator() as service:
        async with calling(down, service) as call:
            await call.turn()
            assert call.conversation.current == "model-1"
        assert down.sessions == ()
        assert len(service.sessions) == 1


async def test_fails_over_to_another_format_with_the_history():
    faults = (Fault("reset", at_s=0.5, connections=range(1)),)
    async with (
        emulator(faults=faults, refusals=(Refuse(500, range(1, 99)),), answer_texts=("From the first.",)) as first,
        emulator(answer_texts=("From the second.",), answer_ms=500) as second,
    ):
        async with calling(first, second, narrow=(1,)) as call:
            await call.turn()
            await call.until(lambda: call.of(Reconnected))
            assert call.of(Reconnected)[0].reason == "model-0 was lost (closed_1006), model-1 took over"
            before = len(call.events)
            await call.turn()
            call.conversation.truncate(call.of(Audio)[-1].item, 200)
            await call.until(lambda: second.sessions[0].of("truncate"))
        audio = b"".join(event.data for event in call.events[before:] if isinstance(event, Audio))
        assert len(audio) / 8 == pytest.approx(500, abs=4)
        assert len({event.item for event in call.of(Audio)}) == 2
        assert [type(event) for event in call.events[before:] if isinstance(event, SpeechStarted)] == [SpeechStarted]
        assert told(second.sessions[0]) == ["(speech, 0.8 s)", "From the first."]
        (update,) = sent(second.sessions[0], "session.update")
        assert update["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
        (cut,) = sent(second.sessions[0], "conversation.item.truncate")
        assert cut["audio_end_ms"] == 200
        history = [said.text for said in call.conversation.record.history.told()]
        assert history[:3] == ["(speech, 0.8 s)", "From the first.", "(speech, 0.8 s)"]
        assert "From the second.".startswith(history[3])


async def test_chat_across_roll_overs():
    settings = replace(PROMPT, connection_s=0.8)
    async with emulator(answer_texts=("Answer.",)) as service:
        async with calling(service, settings=settings, modality="text") as call:
            for n in range(3):
                call.conversation.send_text(f"Question {n}?")
                await call.until(lambda n=n: len(call.of(ResponseDone)) > n)
                await call.until(lambda n=n: call.conversation.rollovers > n)
        history = [said.text for said in call.conversation.record.history.told()]
        assert history == ["Question 0?", "Answer.", "Question 1?", "Answer.", "Question 2?", "Answer."]
        assert told(service.sessions[-1])[:4] == history[:4]
        assert call.of(Reconnected) == []
