"""The adapter against the emulator: the official SDK on a real socket, both sides as shipped."""

import pytest

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    CallerTranscript,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    ToolCall,
    ToolSpec,
    TurnCommitted,
    Usage,
)
from mediaproviders.emulators.gemini import BURST, GeminiEmulator
from support.geminiemulator import brief, calling, provider, settings

WEATHER = ToolSpec("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("bundles", [True, False])
async def test_greeting_question_and_answer(binary, bundles):
    script = settings(binary_frames=binary, bundles=bundles, hears=("what time is it",))
    async with GeminiEmulator(script) as emulator, calling(provider(emulator), brief(greeting="Hello.")) as call:
        call.conversation.greet()
        await call.until_events(Usage)
        kinds = [type(each) for each in call.events if not isinstance(each, Audio)]
        assert kinds[0] is ResponseStarted
        assert kinds[-4:] == [AgentTranscript, AudioDone, ResponseDone, Usage]
        assert b"".join(each.data for each in call.of(Audio)) == emulator.answers.audio(0, "audio/pcm")
        assert call.of(AgentTranscript)[-1].text == "This is answer number 1 of the emulated model."
        assert not call.of(TurnCommitted)

        call.turn()
        await call.until_events(Usage, 2)
        assert len(call.of(TurnCommitted)) == 1
        assert not call.of(Interrupted)
        committed = call.events.index(call.of(TurnCommitted)[0])
        assert isinstance(call.events[committed + 1], ResponseStarted)
        heard = [each for each in call.of(CallerTranscript) if each.final]
        assert [each.text for each in heard] == ["what time is it"]
        assert heard[0].item == call.of(TurnCommitted)[0].item
        first, second = (each.response for each in call.of(ResponseStarted))
        assert first != second
        assert [each.status for each in call.of(ResponseDone)] == ["completed", "completed"]


async def test_barge_in_while_it_is_generated():
    script = settings(answer_ms=3000)
    async with GeminiEmulator(script) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until_events(Audio, 3)
        call.turn()
        await call.until_events(Interrupted)
        await call.until_events(ResponseStarted, 2)
        assert [each.status for each in call.of(ResponseDone)] == ["cancelled"]
        assert len(call.of(Interrupted)) == 1


async def test_barge_in_after_it_was_generated():
    script = settings(answer_ms=3000, pace=BURST)
    async with GeminiEmulator(script) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until_events(ResponseDone)
        call.turn()
        await call.until_events(Interrupted)
        assert [each.status for each in call.of(ResponseDone)] == ["completed"]


async def test_a_tool():
    script = settings(tool_on_turn={1: ("weather", '{"city":"Bern"}')})
    async with GeminiEmulator(script) as emulator, calling(provider(emulator), brief(tools=(WEATHER,))) as call:
        call.turn()
        await call.until_events(ResponseDone)
        assert not call.of(Audio)
        (wanted,) = call.of(ToolCall)
        assert (wanted.name, wanted.arguments) == ("weather", '{"city":"Bern"}')
        call.conversation.send_tool_result(wanted.call, '{"sky":"blue"}')
        await call.until_events(ResponseDone, 2)
        assert call.of(AgentTranscript)[-1].text == 'The function returned {"sky":"blue"}.'
        assert len(call.of(TurnCommitted)) == 1
