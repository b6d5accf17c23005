"""The caller's turns by our own detector: what the service is told of them, on a real socket."""

import pytest

from mediacodecs.pcm import to_bytes
from mediaproviders.contract import (
    Audio,
    CallerTranscript,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    Usage,
)
from mediaproviders.emulators.gemini import BURST, GeminiEmulator
from support.geminiemulator import brief, calling, provider, settings, silence, speech
from support.real_speech import recordings

SILERO = {"gemini_audio": {"vad_mode": "silero"}}


def marks(emulator, session=0):
    """The activity marks the service got, in order."""
    found = []
    for _, message in emulator.sessions[session].client_events:
        found += [each for each in message.get("realtimeInput") or () if each.startswith("activity")]
    return found


def own(**fields):
    return brief(advanced=SILERO, **fields)


def ours(**fields):
    return brief(interruption="local", **fields)


async def test_a_turn_is_marked_and_answered():
    async with (
        GeminiEmulator(settings(hears=("good morning",))) as emulator,
        calling(provider(emulator), own()) as call,
    ):
        call.turn(600)
        await call.until_events(Usage)
        assert marks(emulator) == ["activityStart", "activityEnd"]
        kinds = [type(each) for each in call.events]
        assert kinds[:4] == [SpeechStarted, SpeechStopped, TurnCommitted, CallerTranscript]
        assert call.of(CallerTranscript)[-1].text == "good morning"
        assert {each.item for each in call.of(CallerTranscript)} == {call.of(TurnCommitted)[0].item}
        # The lead-in before the onset, the speech, and the silence that ended the turn; nothing of the rest.
        (committed,) = emulator.sessions[0].of("committed")
        assert 1000 <= committed["audio_ms"] <= 1400


async def test_an_event_of_our_own_needs_no_message_to_be_seen():
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator), own()) as call:
        call.say(silence(100) + speech(300))
        await call.until_events(SpeechStarted)
        assert len(call.events) == 1


async def test_silence_is_not_sent():
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator), own()) as call:
        call.say(silence(5000))
        call.turn()
        await call.until_events(ResponseStarted)
        assert emulator.sessions[0].append_bytes < 1500 * 32


async def test_a_barge_in_interrupts_before_the_service_says_so():
    async with GeminiEmulator(settings(answer_ms=3000)) as emulator, calling(provider(emulator), own()) as call:
        call.turn()
        await call.until_events(Audio, 3)
        call.turn()
        await call.until_events(ResponseStarted, 2)
        assert [each.status for each in call.of(ResponseDone)] == ["cancelled"]
        assert len(call.of(Interrupted)) == 1
        # Nothing of the voided answer came after it was voided.
        done = call.events.index(call.of(ResponseDone)[0])
        void = call.of(ResponseStarted)[0].response
        assert all(each.response != void for each in call.events[done:] if isinstance(each, Audio))


async def test_a_barge_in_while_it_is_only_playing():
    async with (
        GeminiEmulator(settings(answer_ms=3000, pace=BURST)) as emulator,
        calling(provider(emulator), own()) as call,
    ):
        call.turn()
        await call.until_events(ResponseDone)
        call.turn()
        await call.until_events(ResponseStarted, 2)
        assert len(call.of(Interrupted)) == 1


async def test_local_a_turn_waits_for_our_word():
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator), ours()) as call:
        call.turn()
        await call.until_events(TurnCommitted)
        assert call.of(SpeechStarted)[0].item == call.of(TurnCommitted)[0].item
        call.conversation.create_response()
        await call.until_events(Usage)
        assert marks(emulator) == ["activityStart", "activityEnd"]


async def test_local_a_cough_does_not_stop_the_model():
    async with (
        GeminiEmulator(settings(answer_ms=1500)) as emulator,
        calling(provider(emulator), ours(greeting="Hello.")) as call,
    ):
        call.conversation.greet()
        await call.until_events(Audio, 3)
        call.turn(200)
        await call.until_events(TurnCommitted)
        await call.until_events(Usage)
        assert not call.of(Interrupted)
        assert [each.status for each in call.of(ResponseDone)] == ["completed"]
        assert b"".join(each.data for each in call.of(Audio)) == emulator.answers.audio(0, "audio/pcm")
        assert marks(emulator) == []


async def test_local_an_interruption_gives_the_whole_turn():
    async with (
        GeminiEmulator(settings(answer_ms=1500)) as emulator,
        calling(provider(emulator), ours(greeting="Hello.")) as call,
    ):
        call.conversation.greet()
        await call.until_events(Audio, 3)
        call.say(silence(100) + speech(400))
        await call.until_events(SpeechStarted)
        assert marks(emulator) == []
        call.conversation.cancel()
        heard = len(call.of(Audio))
        call.say(speech(300) + silence(700))
        await call.until_events(TurnCommitted)
        assert [each.status for each in call.of(ResponseDone)] == ["cancelled"]
        assert len(call.of(Audio)) == heard
        call.conversation.create_response()
        await call.until_events(ResponseStarted, 2)
        assert marks(emulator) == ["activityStart", "activityEnd"]
        (committed,) = emulator.sessions[0].of("committed")
        assert committed["audio_ms"] >= 1100
        assert not call.of(Interrupted)


async def test_local_a_turn_held_back_can_be_answered_after_the_model_has_ended():
    async with (
        GeminiEmulator(settings(answer_ms=1500)) as emulator,
        calling(provider(emulator), ours(greeting="Hello.")) as call,
    ):
        call.conversation.greet()
        await call.until_events(Audio, 3)
        call.turn()
        await call.until_events(TurnCommitted)
        await call.until_events(Usage)
        call.conversation.create_response()
        await call.until_events(ResponseDone, 2)
        assert [each.status for each in call.of(ResponseDone)] == ["completed", "completed"]
        (committed,) = emulator.sessions[0].of("committed")
        assert committed["audio_ms"] >= 900


async def test_local_a_turn_passed_over_is_joined_by_the_next():
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator), ours()) as call:
        call.turn(200)
        await call.until_events(TurnCommitted)
        call.turn(400)
        await call.until_events(TurnCommitted, 2)
        call.conversation.create_response()
        await call.until_events(ResponseDone)
        assert marks(emulator) == ["activityStart", "activityEnd"]
        (committed,) = emulator.sessions[0].of("committed")
        assert committed["audio_ms"] >= 1700


async def test_local_a_turn_passed_over_does_not_hold_up_what_we_have_to_say():
    async with GeminiEmulator(settings(mixing_fails=True)) as emulator, calling(provider(emulator), ours()) as call:
        call.turn(200)
        await call.until_events(TurnCommitted)
        call.conversation.instruct("Say goodbye.")
        await call.until_events(ResponseDone)
        assert marks(emulator) == ["activityStart", "activityEnd"]
        assert [each.status for each in call.of(ResponseDone)] == ["completed"]
        assert "Say goodbye." in str(emulator.sessions[0].client_events[-1])


async def test_local_an_answer_asked_for_can_be_cancelled_before_it_begins():
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator), ours()) as call:
        call.turn()
        await call.until_events(TurnCommitted)
        call.conversation.create_response()
        call.say(silence(100) + speech(300))
        await call.until_events(SpeechStarted, 2)
        call.conversation.cancel()
        call.say(silence(700))
        await call.until_events(TurnCommitted, 2)
        call.conversation.create_response()
        await call.until_events(ResponseDone)
        assert len(call.of(ResponseStarted)) == 1
        assert call.of(ResponseDone)[0].status == "completed"
        assert marks(emulator) == ["activityStart", "activityEnd"] * 2


@pytest.mark.tool("pocketsphinx-testdata")
async def test_silero_hears_a_sentence_and_nothing_in_noise():
    sentence = to_bytes(recordings(16000)[0][: 16000 * 4])
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator, detector=None), own()) as call:
        call.turn(300)
        assert not call.of(SpeechStarted)
        call.say(sentence + silence(800))
        await call.until_events(ResponseDone)
        assert len(call.of(SpeechStarted)) == len(call.of(TurnCommitted)) >= 1
        assert marks(emulator)[:2] == ["activityStart", "activityEnd"]
        assert sum(each["audio_ms"] for each in emulator.sessions[0].of("committed")) > 1500
