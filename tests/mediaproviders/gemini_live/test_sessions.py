"""Opening, resuming and ending sessions, on a real socket."""

import asyncio

import numpy as np
import pytest
from google.oauth2.credentials import Credentials

from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCMU,
    AgentTranscript,
    Audio,
    AudioFormat,
    CallerTranscript,
    Fault,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    TurnCommitted,
    Usage,
    Used,
)
from mediaproviders.emulators.gemini import Fault as Mishap
from mediaproviders.emulators.gemini import GeminiEmulator, Refuse
from mediaproviders.gemini_live import GeminiLive, commands
from support.geminiemulator import brief, calling, provider, settings, silence, speech


def advanced(**fields):
    return {"gemini_audio": fields}


async def refused(emulator, wanted=None, resume=None, **options):
    with pytest.raises(ProviderError) as caught:
        async with provider(emulator, **options).connect(wanted or brief(), resume=resume):
            pass
    return caught.value.code, caught.value.retryable


async def test_the_setup_as_it_is_asked_for():
    settled = advanced(
        voice="Kore",
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        start_sensitivity="low",
        end_sensitivity="END_SENSITIVITY_HIGH",
        prefix_padding_ms=100,
        silence_duration_ms=300,
        thinking_budget=0,
        google_search=True,
        input_audio_transcription={"language_codes": ["de-DE"]},
        safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    )
    async with GeminiEmulator(settings()) as emulator:
        async with provider(emulator).connect(brief(advanced=settled, max_output_tokens=2000)):
            pass
        ((_, message),) = emulator.sessions[0].client_events
        setup = message["setup"]
        generation = setup["generationConfig"]
        assert generation["speechConfig"] == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
        assert (generation["temperature"], generation["topP"], generation["topK"]) == (0.5, 0.9, 40)
        assert generation["thinkingConfig"] == {"thinkingBudget": 0}
        assert generation["maxOutputTokens"] == 2000
        assert setup["realtimeInputConfig"]["automaticActivityDetection"] == {
            "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
            "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
            "prefixPaddingMs": 100,
            "silenceDurationMs": 300,
        }
        assert setup["tools"] == [{"googleSearch": {}}]
        assert setup["inputAudioTranscription"] == {"languageCodes": ["de-DE"]}
        assert setup["contextWindowCompression"] == {"slidingWindow": {}}
        assert setup["sessionResumption"] == {}


async def test_previews_go_to_the_preview_version():
    settled = advanced(affective_dialog=True, proactive_audio=True)
    async with GeminiEmulator(settings()) as emulator:
        async with provider(emulator).connect(brief(advanced=settled)):
            pass
        ((_, message),) = emulator.sessions[0].client_events
        assert message["setup"]["proactivity"] == {"proactiveAudio": True}
        assert message["setup"]["generationConfig"]["enableAffectiveDialog"] is True
        assert await refused(emulator, brief(advanced=settled), api_version="v1") == ("invalid_configuration", False)


async def test_vertex():
    script = settings(accepted_token="ya29.right")
    options = {"api_key": None, "vertexai": True, "project": "p", "location": "us-central1"}
    async with GeminiEmulator(script) as emulator:
        right = provider(emulator, **options, credentials=Credentials("ya29.right"))
        async with calling(right, brief(model="gemini-live-2.5-flash-native-audio", greeting="Hi.")) as call:
            call.conversation.greet()
            await call.until_events(Usage)
            (bill,) = call.of(Usage)
            assert bill.output_tokens == bill.output_audio_tokens == 10
            assert bill.input_tokens > 0
        wrong = {**options, "credentials": Credentials("ya29.wrong")}
        assert await refused(emulator, **wrong) == ("invalid_api_key", False)
        # The Developer API's name of the model is not known there.
        assert await refused(emulator, **options, credentials=Credentials("ya29.right")) == ("model_not_found", False)


async def test_what_is_refused_at_the_door():
    script = settings(refusals=(Refuse(429, range(1)), Refuse(503, range(1, 2)), Refuse(403, range(2, 3))))
    async with GeminiEmulator(script) as emulator:
        assert await refused(emulator) == ("rate_limit_exceeded", True)
        assert await refused(emulator) == ("server_error", True)
        assert await refused(emulator) == ("forbidden", False)
        assert await refused(emulator, api_key="wrong") == ("invalid_api_key", False)
        assert await refused(emulator, brief(model="gemini-9")) == ("model_not_found", False)
        assert await refused(emulator, brief(voice="Nobody")) == ("invalid_configuration", False)
        assert await refused(emulator, resume="stale") == ("session_expired", True)
        assert await refused(emulator, tls=None) == ("tls", False)
        asked = provider(emulator)
    with pytest.raises(ProviderError) as caught:
        async with asked.connect(brief()):
            pass
    assert caught.value.code == "unreachable"


async def test_briefs_that_cannot_be_served():
    async with GeminiEmulator(settings()) as emulator:
        assert await refused(emulator, brief(input_format=PCMU)) == ("invalid_configuration", False)
        assert await refused(emulator, brief(modality="text")) == ("invalid_configuration", False)
        with pytest.raises(ProviderError, match=r"gemini_audio.vioce is unknown; did you mean voice\?"):
            async with provider(emulator).connect(brief(advanced=advanced(vioce="Kore"))):
                pass
        assert not emulator.sessions


@pytest.mark.parametrize(("form", "mime"), [(PCM16_8K, b"audio/pcm;rate=8000"), (PCM16_16K, b"audio/pcm;rate=16000")])
def test_audio_says_the_rate_it_has(form: AudioFormat, mime: bytes):
    assert b'"mime_type":"%s","data":"AAAA"' % mime in commands.audio(form.rate)(bytes(3))


async def test_a_narrow_band_is_heard_as_well():
    narrow = brief(input_format=PCM16_8K)
    async with GeminiEmulator(settings()) as emulator, provider(emulator).connect(narrow) as session:
        words = np.frombuffer(speech(1000), "<i2")[::2].tobytes()
        session.send_audio(words + bytes(2 * 8000 * 2))
        async with asyncio.timeout(20):
            async for event in session:
                if isinstance(event, TurnCommitted):
                    break
        (stopped,) = emulator.sessions[0].of("speech_stopped")
        assert 1300 <= stopped["audio_end_ms"] <= 1700  # one second of speech, and the silence that ends a turn


def test_vertex_is_given_the_one_rate_it_promises_to_take():
    ours = GeminiLive(vertexai=True, project="p", location="l", credentials=Credentials("t"))
    assert ours.traits.input_formats == (PCM16_16K,)
    assert GeminiLive("k").traits.input_formats == (PCM16_8K, PCM16_16K)


async def test_what_was_said_before_is_known_from_the_first_word():
    history = (Said("caller", "My name is Ada."), Said("agent", "Hello Ada."), Used("c", "time", "{}", '"noon"'))
    async with GeminiEmulator(settings()) as emulator:
        async with provider(emulator).connect(brief(history=history)):
            pass
        ((_, message),) = emulator.sessions[0].client_events
        (part,) = message["setup"]["systemInstruction"]["parts"]
        assert part["text"].startswith("Be brief.")
        assert "Caller: My name is Ada.\nYou: Hello Ada.\nNote: (You used the tool time" in part["text"]


async def test_remembering_asks_for_no_answer_until_one_is_wanted():
    told = [Said("agent", "Hello."), Said("caller", "I am"), Said("caller", "Ada."), Said("system", "Key 1.")]
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator), brief()) as call:
        call.conversation.remember(told)
        call.conversation.create_response()
        await call.until_events(ResponseDone)
        assert len(call.of(ResponseStarted)) == 1
        assert not call.of(TurnCommitted)
        seeded, asked = (message["clientContent"] for _, message in list(emulator.sessions[0].client_events)[1:])
        assert [each["role"] for each in seeded["turns"]] == ["user", "model", "user"]
        assert seeded["turns"][2]["parts"] == [{"text": "I am\nAda.\n(Note: Key 1.)"}]
        assert (seeded["turnComplete"], asked["turnComplete"]) == (False, True)
        assert emulator.sessions[0].of("response_created")[0]["known"] == 4


async def test_the_service_goes_away_and_is_come_back_to():
    script = settings(connection_s=1.2, go_away_s=0.9)
    async with GeminiEmulator(script) as emulator:
        asked = provider(emulator)
        loop = asyncio.get_running_loop()
        async with calling(asked, brief(greeting="Hi.")) as call:
            began = loop.time()
            assert call.conversation.ending_at is None
            call.conversation.greet()
            error = await call.until_over()
            assert isinstance(error, ProviderError)
            assert (error.code, error.retryable) == ("session_expired", True)
            assert call.conversation.ending_at == pytest.approx(began + 1.2, abs=0.3)
            handle = call.conversation.resumption_handle
            assert handle is not None
        async with calling(asked, brief(greeting="Hi.", history=(Said("agent", "Hi."),)), resume=handle) as call:
            assert emulator.sessions[1].of("session")[0]["resumed"] is True
            ((_, message),) = emulator.sessions[1].client_events
            assert "So far" not in str(message["setup"]["systemInstruction"])
            call.conversation.greet()
            await call.until_events(ResponseStarted)
            await call.until(lambda: emulator.sessions[1].of("response_created"))
            assert emulator.sessions[1].of("response_created")[0]["known"] >= 2


async def test_a_session_that_does_not_compress_its_context_has_an_end():
    settled = advanced(context_window_compression=False)
    script = settings(session_s=0.3)
    async with GeminiEmulator(script) as emulator, calling(provider(emulator), brief(advanced=settled)) as call:
        error = await call.until_over()
        assert isinstance(error, ProviderError)
        assert error.code == "session_expired"


async def test_a_context_that_is_full_is_not_tried_again():
    settled = advanced(context_window_compression=False)
    wanted = brief(advanced=settled, instructions="x" * 100)
    async with (
        GeminiEmulator(settings(context_tokens=10)) as emulator,
        calling(provider(emulator), wanted) as call,
    ):
        call.conversation.send_text("Hello?")
        error = await call.until_over()
        assert isinstance(error, ProviderError)
        assert (error.code, error.retryable) == ("invalid_configuration", False)


def test_access_that_cannot_be_right(monkeypatch):
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="API key"):
        GeminiLive()


async def test_leaving_ends_the_iteration():
    async with GeminiEmulator(settings()) as emulator:
        async with provider(emulator).connect(brief()) as conversation:
            waiting = asyncio.ensure_future(anext(conversation))
            await asyncio.sleep(0)
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(StopAsyncIteration):
            await anext(conversation)
        conversation.send_audio(speech(100))
        assert conversation.renew("stalled") is False
        await asyncio.sleep(0)


async def test_texts_wait_until_nobody_speaks():
    async with GeminiEmulator(settings(answer_ms=800)) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until_events(Audio)
        call.conversation.send_text("Press 1.")
        call.conversation.instruct("Say goodbye.")
        await call.until_events(ResponseDone, 2)
        assert [each.status for each in call.of(ResponseDone)] == ["completed", "completed"]
        ((_, _), (_, message)) = emulator.sessions[0].client_events
        (turn,) = message["clientContent"]["turns"]
        assert turn["parts"][0]["text"].startswith("Press 1.\n(An instruction")
        assert len(call.of(TurnCommitted)) == 1


async def test_a_text_does_not_wait_for_ever_for_a_word_that_never_comes():
    mute = Mishap("mute", on_turn=1, after_ms=400)
    async with GeminiEmulator(settings(faults=(mute,))) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until(lambda: len(call.of(Audio)) == 10)
        call.conversation.send_text("Hello?")
        call.conversation.cancel()
        call.conversation.send_text("Are you there?")
        await call.until(lambda: len(emulator.sessions[0].client_events) == 2)


async def test_where_the_service_decides_a_cancelled_answer_is_not_heard_any_more():
    async with GeminiEmulator(settings(answer_ms=800)) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until_events(Audio, 2)
        call.conversation.cancel()
        heard = len(call.of(Audio))
        await call.until_events(Usage)
        assert len(call.of(Audio)) == heard
        assert [each.status for each in call.of(ResponseDone)] == ["cancelled"]
        call.turn()
        await call.until_events(ResponseStarted, 2)


async def test_audio_is_dropped_and_counted_while_the_service_does_not_read():
    script = settings(faults=(Mishap("stop_reading", at_s=0.0, seconds=1),))
    async with GeminiEmulator(script) as emulator, calling(provider(emulator, queue_ms=400), brief()) as call:
        for _ in range(400):
            call.say(silence(400))
            if call.conversation.dropped_ms:
                break
            await asyncio.sleep(0)
        assert call.conversation.dropped_ms > 0


async def test_words_of_the_caller_survive_the_connection():
    script = settings(hears=("hold the line",), faults=(Mishap("reset", on_turn=1, after_ms=80),))
    async with GeminiEmulator(script) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        error = await call.until_over()
        assert isinstance(error, ProviderError)
        assert (error.code, error.retryable) == ("connection_lost", True)
        assert [each.text for each in call.of(CallerTranscript) if each.final] == ["hold the line"]
        assert call.of(TurnCommitted)


async def test_an_unknown_tool_call_is_not_answered():
    async with GeminiEmulator(settings()) as emulator, calling(provider(emulator), brief(greeting="Hi.")) as call:
        call.conversation.send_tool_result("nothing", "{}")
        call.conversation.greet()
        await call.until_events(ResponseDone)
        assert not call.of(Fault)
        assert call.of(AgentTranscript)
