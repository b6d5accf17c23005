"""Every service of the protocol, by its own provider and the official SDK, against its strict emulator."""

import pytest

from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    PCMA,
    AgentTranscript,
    Audio,
    CallerTranscript,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolSpec,
    TurnCommitted,
    Usage,
    Used,
)
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from support.realtime_services import SERVICES, brief, of, provider, say, sent, talk, token, until

ALL = pytest.mark.parametrize("dialect", SERVICES)
WEATHER = ToolSpec("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})


@ALL
async def test_greeting(dialect):
    async with talk(dialect, brief(dialect, greeting="Hello, Ada speaking.", tools=(WEATHER,))) as (agent, emulator):
        agent.greet()
        events = await until(agent, ResponseDone)
        assert sum(len(audio.data) for audio in of(events, Audio)) == 8000
        assert (type(events[0]), events[-1].status) == (ResponseStarted, "completed")
        words = of(events, AgentTranscript)
        assert words[-1].final and "".join(each.text for each in words if not each.final) == words[-1].text
        if dialect == "xai":
            # Said by the service word for word, not asked of the model.
            assert words[-1].text == "Hello, Ada speaking."
            assert sent(emulator, "response.create") == []
        else:
            assert sent(emulator, "response.create")[0]["response"]["instructions"].endswith("Hello, Ada speaking.")


@ALL
async def test_question(dialect):
    async with talk(dialect, brief(dialect), hears=("How late is it?",)) as (agent, _):
        for number in (1, 2):
            say(agent)
            events = await until(agent, ResponseDone, CallerTranscript)
            if not of(events, CallerTranscript)[-1].final:
                events += await until(agent, CallerTranscript)
            order = [type(event) for event in events if type(event) is not Audio]
            expected = [SpeechStarted, SpeechStopped, TurnCommitted, ResponseStarted, ResponseDone]
            assert [kind for kind in order if kind in expected] == expected
            final = [words for words in of(events, CallerTranscript) if words.final]
            assert [words.text for words in final] == ["How late is it?"]
            # xAI's first response says nothing of its usage.
            assert len(of(events, Usage)) == (0 if dialect == "xai" and number == 1 else 1)


async def test_partial_transcripts_of_xai_are_pieces():
    own = {"xai_realtime": {"input_audio_transcription_model": "grok-transcribe"}}
    async with talk("xai", brief("xai", advanced=own), hears=("How late is it?",)) as (agent, _):
        say(agent)
        words = of(await until(agent, CallerTranscript, CallerTranscript, CallerTranscript), CallerTranscript)
        assert [each.final for each in words] == [False, False, True]
        assert words[0].text + words[1].text == words[2].text == "How late is it?"


@ALL
async def test_tool(dialect):
    script = {"tool_on_turn": {1: ("weather", '{"city":"Oslo"}')}}
    async with talk(dialect, brief(dialect, tools=(WEATHER,)), **script) as (agent, emulator):
        say(agent)
        calls = of(await until(agent, ResponseDone), ToolCall)
        assert [(call.name, call.arguments) for call in calls] == [("weather", '{"city":"Oslo"}')]
        agent.send_tool_result(calls[0].call, '{"sky":"grey"}')
        answer = await until(agent, ResponseDone)
        assert of(answer, ToolCall) == []
        assert of(answer, AgentTranscript)[-1].text == 'The function returned {"sky":"grey"}.'
        kinds = [event["type"] for event in sent(emulator)]
        assert kinds == ["session.update", "conversation.item.create", "response.create"]


@ALL
@pytest.mark.parametrize("heard_ms", [60, 10_000_000])
async def test_barge_in_decided_by_the_service(dialect, heard_ms):
    async with talk(dialect, brief(dialect), answer_ms=8000) as (agent, emulator):
        say(agent)
        first = of(await until(agent, Audio), Audio)
        say(agent, silence_ms=0)
        events = await until(agent, Interrupted)
        received = sum(len(audio.data) for audio in first + of(events, Audio)) // 8
        agent.truncate(first[0].item, heard_ms)
        after = await until(agent, ResponseDone)
        assert of(after, Audio) == []
        assert after[-1].status == "cancelled"
        say(agent, speech_ms=0)
        second = of(await until(agent, Audio), Audio)
        assert {audio.response for audio in second} != {first[0].response}
        truncated = emulator.sessions[0].of("truncate")
        assert [entry["audio_end_ms"] for entry in truncated] == [min(heard_ms, received)]
        assert emulator.sessions[0].of("interrupted")


@ALL
async def test_interruption_decided_here(dialect):
    async with talk(dialect, brief(dialect, interruption="local"), answer_ms=8000) as (agent, emulator):
        say(agent)
        assert of(await until(agent, TurnCommitted), ResponseStarted) == []
        agent.create_response()
        first = of(await until(agent, Audio), Audio)[0]
        # A cough: it talks on.
        say(agent, silence_ms=0)
        await until(agent, SpeechStarted)
        assert of(await until(agent, Audio), Audio)[0].response == first.response
        agent.cancel()
        agent.truncate(first.item, 80)
        agent.create_response()
        after = await until(agent, ResponseStarted)
        assert of(after, Audio) == []
        assert of(after, ResponseDone)[0].status == "cancelled"
        second = await until(agent, Audio)
        assert of(second, Audio)[0].response != first.response
        assert [entry["audio_end_ms"] for entry in emulator.sessions[0].of("truncate")] == [80]
        assert emulator.sessions[0].of("interrupted") == []


@ALL
async def test_history_is_told_and_not_answered(dialect):
    told = (
        Said("caller", "Hi."),
        Said("agent", "Hello."),
        Used("call_1", "weather", "{}", "grey"),
        Used("call_2", "weather", "{}"),
        Said("system", "The caller is known."),
    )
    async with talk(dialect, brief(dialect, history=told, tools=(WEATHER,))) as (agent, emulator):
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert len(of(events, ResponseStarted)) == 1
        # A tool that was running when the session was opened may still be answered.
        agent.send_tool_result("call_2", "blue")
        assert of(await until(agent, ResponseDone), AgentTranscript)[-1].text == "The function returned blue."
        items = [event["item"] for event in sent(emulator, "conversation.item.create")]
        kinds = ["message", "message", "function_call", "function_call_output", "function_call", "message"]
        assert [item["type"] for item in items] == [*kinds, "function_call_output"]


@ALL
async def test_remembered_after_opening(dialect):
    async with talk(dialect, brief(dialect)) as (agent, emulator):
        agent.remember((Said("agent", "As I said."),))
        agent.instruct("Say goodbye.")
        assert (await until(agent, ResponseDone))[-1].status == "completed"
        roles = [event["item"]["role"] for event in sent(emulator, "conversation.item.create")]
        assert roles == ["assistant", "system"]


@ALL
async def test_typed_text(dialect):
    async with talk(dialect, brief(dialect)) as (agent, _):
        agent.send_text("1234#")
        assert of(await until(agent, ResponseDone), Audio)


@pytest.mark.parametrize(
    ("dialect", "output", "size"),
    [
        ("openai", PCMA, 8000),
        ("openai", PCM16_24K, 48000),
        ("azure-preview", PCMA, 8000),
        ("azure-preview", PCM16_24K, 48000),
        ("xai", PCM16_8K, 16000),
        ("xai", PCM16_16K, 32000),
    ],
)
async def test_formats(dialect, output, size):
    async with talk(dialect, brief(dialect, output, output)) as (agent, _):
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert sum(len(audio.data) for audio in of(events, Audio)) == size


@pytest.mark.parametrize("dialect", ["openai", "azure", "azure-preview"])
async def test_limits_of_an_answer(dialect):
    asked = brief(dialect, max_output_tokens=12, temperature=2.0)
    async with talk(dialect, asked) as (agent, emulator):
        agent.create_response()
        done = (await until(agent, ResponseDone))[-1]
        assert (done.status, done.reason) == ("incomplete", "max_output_tokens")
        temperature = sent(emulator, "session.update")[0]["session"].get("temperature")
        assert temperature == (1.2 if dialect == "azure-preview" else None)


@pytest.mark.parametrize("dialect", ["azure", "azure-preview"])
async def test_azure_by_token(dialect):
    options = {"api_key": None, "token": token}
    async with talk(dialect, brief(dialect), options=options, accepted_token="a token", accepted_key="k") as (agent, _):
        agent.create_response()
        assert of(await until(agent, ResponseDone), Audio)


@pytest.mark.parametrize("dialect", ["azure", "azure-preview"])
async def test_azure_with_a_deployment_that_transcribes(dialect):
    settings = {"transcribers": frozenset({"scribe"}), "hears": ("Yes.",)}
    async with talk(dialect, brief(dialect), options={"transcription": "scribe"}, **settings) as (agent, _):
        say(agent)
        assert of(await until(agent, CallerTranscript, CallerTranscript, CallerTranscript), CallerTranscript)[-1].final


@pytest.mark.parametrize("dialect", ["azure", "azure-preview"])
async def test_unknown_deployment(dialect):
    settings = EmulatorSettings(dialect=dialect, models=frozenset({"another"}))
    async with OpenAIEmulator(settings) as emulator:
        with pytest.raises(ProviderError) as refused:
            async with provider(dialect, emulator.url).connect(brief(dialect)):
                pass
    assert (refused.value.code, refused.value.retryable) == ("model_not_found", False)


async def test_the_wrong_interface_of_azure():
    async with OpenAIEmulator(EmulatorSettings(dialect="azure")) as emulator:
        with pytest.raises(ProviderError) as refused:
            async with provider("azure-preview", emulator.url).connect(brief("azure-preview")):
                pass
    assert (refused.value.code, refused.value.retryable) == ("model_not_found", False)


@pytest.mark.parametrize(
    ("dialect", "fields", "words"),
    [
        ("azure", {"advanced": {"openai_realtime": {"turn_detection": {"type": "semantic_vad"}}}}, "use server_vad"),
        ("azure-preview", {"advanced": {"openai_realtime": {"truncation": "auto"}}}, "truncation is not taken"),
        ("xai", {"advanced": {"openai_realtime": {"noise_reduction": "near_field"}}}, "noise_reduction is unknown"),
        ("xai", {"modality": "text"}, "text modality"),
        ("azure", {"input_format": PCM16_16K}, "formats"),
    ],
)
async def test_impossible_briefs(dialect, fields, words):
    with pytest.raises(ProviderError, match=words) as refused:
        async with provider(dialect, "http://127.0.0.1:9").connect(brief(dialect, **fields)):
            pass
    assert (refused.value.code, refused.value.retryable) == ("invalid_configuration", False)


@pytest.mark.parametrize("access", [{}, {"api_key": "k", "token": token}])
def test_azure_needs_one_way_in(access):
    with pytest.raises(ValueError, match="either"):
        provider("azure", "http://127.0.0.1:9", **{"api_key": None, **access})


def test_limits_are_traits():
    assert [provider(dialect, "http://127.0.0.1:9").traits.max_connection_s for dialect in SERVICES] == [
        3600.0, 1800.0, 1800.0, 1800.0]  # fmt: skip
    for dialect in SERVICES:
        assert provider(dialect, "http://127.0.0.1:9", max_connection_s=7.0).traits.max_connection_s == 7.0


@pytest.mark.parametrize(
    ("endpoint", "api_version", "url"),
    [
        ("https://x.openai.azure.com/", None, "https://x.openai.azure.com/openai/v1/"),
        ("https://x.openai.azure.com/openai/v1", None, "https://x.openai.azure.com/openai/v1/"),
        ("https://x.openai.azure.com", "2025-04-01-preview", "wss://x.openai.azure.com/openai"),
    ],
)
def test_where_azure_is(endpoint, api_version, url):
    client = provider("azure", endpoint, api_version=api_version)._client
    assert str(client.websocket_base_url or client.base_url) == url
