"""The adapter against the strict emulator: nothing it sends may be refused, and whatever goes wrong is told."""

import asyncio
import random
import time
from contextlib import asynccontextmanager

import pytest

from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    AgentTranscript,
    Audio,
    AudioDone,
    Brief,
    CallerTranscript,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    ToolCall,
    ToolSpec,
    TurnCommitted,
    Usage,
    Used,
)
from mediaproviders.contract import Fault as Survived
from mediaproviders.emulators.aws import Secret
from mediaproviders.emulators.nova import Fault, NovaEmulator, NovaSettings, Pace, Refuse
from mediaproviders.nova_sonic import NovaSonic

NOISE = random.Random(1).randbytes(320)
SILENCE = bytes(320)
QUICK = Pace(first_audio_ms=30.0, rate=10.0, deltas_ms=(80,))
FIRST, SECOND = "amazon.nova-sonic-v1:0", "amazon.nova-2-sonic-v1:0"
TOOL = ToolSpec("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Nothing may be left for asyncio to complain about."""
    yield
    complaints = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
    # The SDK's own writer, cancelled with the loop, tries to end a stream that its other end has just completed.
    assert [each for each in complaints if "AWS_ERROR_HTTP_STREAM_HAS_COMPLETED" not in each] == []


def settings(**chosen):
    return NovaSettings(**{"pace": QUICK, "answer_ms": 1000, "silence_ms": 300.0, "recognition_ms": 5.0, **chosen})


def provider(emulator, **chosen):
    keys = {"access_key_id": "AKIATEST", "secret_access_key": "secret-AKIATEST"}
    authority = str(emulator.certificates.authority)
    return NovaSonic("eu-north-1", **{"endpoint_url": emulator.url, "ca_file": authority, **keys, **chosen})


def brief(model=SECOND, audio=PCM16_8K, **fields):
    return Brief(model, "Be brief.", audio, fields.pop("output", audio), **fields)


@asynccontextmanager
async def talk(what=None, *, own=None, **chosen):
    async with NovaEmulator(settings(**chosen)) as emulator:
        async with provider(emulator, **(own or {})).connect(what or brief()) as conversation:
            yield conversation, emulator
        assert [entry for session in emulator.sessions for entry in session.of("refused")] == []


async def until(conversation, kind, *more):
    """The events up to the last of the awaited kinds, in whatever order these come."""
    events, missing = [], [kind, *more]
    async with asyncio.timeout(10):
        while missing:
            events.append(await anext(conversation))
            if type(events[-1]) in missing:
                missing.remove(type(events[-1]))
    return events


async def failing(conversation):
    """All events, and the error the session ends with."""
    events = []
    with pytest.raises(ProviderError) as failure:
        async with asyncio.timeout(10):
            async for event in conversation:
                events.append(event)  # noqa: PERF401 - the error must not take them along
    return events, failure.value


def say(conversation, speech_ms=300, silence_ms=400):
    for _ in range(speech_ms // 20):
        conversation.send_audio(NOISE)
    for _ in range(silence_ms // 20):
        conversation.send_audio(SILENCE)


def of(events, kind):
    return [event for event in events if type(event) is kind]


def sent(session, kind=None):
    """The client's events by kind, or the fields of those of one kind."""
    events = [next(iter(event.items())) for _, event in session.client_events]
    return [name for name, _ in events] if kind is None else [fields for name, fields in events if name == kind]


OPENING = ["sessionStart", "promptStart", "contentStart", "textInput", "contentEnd"]
BLOCK = ["contentStart", "textInput", "contentEnd"]


@pytest.mark.parametrize("audio", [PCM16_8K, PCM16_16K, PCM16_24K])
async def test_greeting(audio):
    async with talk(brief(audio=audio, greeting="Hello!", voice="Tiffany")) as (conversation, emulator):
        conversation.greet()
        events = await until(conversation, ResponseDone)
        assert sum(len(each.data) for each in of(events, Audio)) == 1000 * audio.bytes_per_ms
        item = of(events, Audio)[0].item
        text = "This is answer number 1 of the emulated model."
        assert of(events, AgentTranscript) == [AgentTranscript(item, text, False), AgentTranscript(item, text, True)]
        assert [type(each) for each in events if type(each) not in (Audio, Usage, AgentTranscript)] == [
            ResponseStarted,
            AudioDone,
            ResponseDone,
        ]
        assert events[-1].status == "completed"
        session = emulator.sessions[0]
        assert sent(session) == [*OPENING, "contentStart", *BLOCK]
        assert "Hello!" in sent(session, "textInput")[1]["content"]
        assert sent(session, "promptStart")[0]["audioOutputConfiguration"]["voiceId"] == "tiffany"
    assert sent(session)[-3:] == ["contentEnd", "promptEnd", "sessionEnd"]


async def test_spoken_turn():
    async with talk(hears=("How late is it now?",), pieces=2) as (conversation, emulator):
        say(conversation)
        events = await until(conversation, ResponseDone)
        kinds = (TurnCommitted, CallerTranscript, ResponseStarted, AudioDone, ResponseDone)
        assert [type(event) for event in events if type(event) in kinds] == [
            TurnCommitted,
            CallerTranscript,
            CallerTranscript,
            CallerTranscript,
            *kinds[2:],
        ]
        item = of(events, TurnCommitted)[0].item
        assert of(events, CallerTranscript) == [
            CallerTranscript(item, "How late", False),
            CallerTranscript(item, " is it now?", False),
            CallerTranscript(item, "How late is it now?", True),
        ]
        usage = await until(conversation, Usage)
        assert sum(each.output_audio_tokens for each in of(events + usage, Usage)) == 25
        assert conversation.dropped_ms == 0
        assert sent(emulator.sessions[0]) == [*OPENING, "contentStart"]
        say(conversation)
        again = await until(conversation, ResponseDone)
        ids = {each.item for each in of(events + again, CallerTranscript)}
        assert len(ids) == 2
        assert len({*ids, *(each.item for each in of(events + again, Audio))}) == 4


async def test_sentences_of_an_answer():
    texts = ("One is here. Two follows! And three?",)
    async with talk(brief(greeting="Hello!"), answer_texts=texts) as (conversation, _):
        conversation.greet()
        events = await until(conversation, ResponseDone)
        assert len({each.item for each in of(events, Audio)}) == 1
        assert [(each.text, each.final) for each in of(events, AgentTranscript)] == [
            ("One is here.", False),
            (" Two follows!", False),
            (" And three?", False),
            (texts[0], True),
        ]


@pytest.mark.parametrize("form", ["both", "marker", "stop_reason"])
@pytest.mark.parametrize("end_turn_first", [False, True])
async def test_barge_in(form, end_turn_first):
    chosen = {"answer_ms": 3000, "interruption": form, "end_turn_first": end_turn_first}
    async with talk(**chosen) as (conversation, emulator):
        say(conversation)
        first = of(await until(conversation, Audio), Audio)[0]
        say(conversation, silence_ms=0)
        events = await until(conversation, Interrupted)
        conversation.truncate(first.item, 60)
        done = of(events, ResponseDone)[-1]
        assert (done.response, done.status) == (first.response, "completed" if end_turn_first else "cancelled")
        assert of(events, AgentTranscript)[-1].final
        say(conversation, speech_ms=0)
        after = await until(conversation, ResponseDone)
        assert of(after, Interrupted) == []
        assert first.response not in [each.response for each in of(after, Audio)]
        assert emulator.sessions[0].of("interrupted")


async def test_barge_in_while_only_playout_goes_on():
    async with talk(answer_ms=4000, pace=Pace(first_audio_ms=30, rate=100.0, deltas_ms=(80,))) as (conversation, _):
        say(conversation)
        assert (await until(conversation, ResponseDone))[-1].status == "completed"
        say(conversation, silence_ms=0)
        events = await until(conversation, Interrupted)
        assert of(events, ResponseDone) == []


async def test_cancel_is_local():
    async with talk(answer_ms=3000, tool_on_turn={2: ("weather", "{}")}) as (conversation, _):
        conversation.cancel()
        say(conversation)
        first = of(await until(conversation, Audio), Audio)[0]
        conversation.cancel()
        conversation.cancel()
        done = await until(conversation, ResponseDone)
        assert (done[-1].status, done[-1].reason) == ("cancelled", "client_cancelled")
        assert of(done, AgentTranscript)[-1].final
        conversation.send_text("And now?")
        later = await until(conversation, ResponseDone)
        assert later[-1].status == "completed"
        assert first.response not in {each.response for each in of(later, Audio)}


@pytest.mark.parametrize("double_encoded", [False, True])
async def test_tool(double_encoded):
    chosen = {"tool_on_turn": {1: ("weather", '{"city":"Oslo"}')}, "double_encoded": double_encoded}
    async with talk(brief(tools=(TOOL,)), **chosen) as (conversation, emulator):
        say(conversation)
        call = of(await until(conversation, ToolCall), ToolCall)[0]
        assert (call.name, call.arguments) == ("weather", '{"city":"Oslo"}')
        conversation.send_tool_result(call.call, "grey")
        say(conversation, speech_ms=0)
        events = await until(conversation, ResponseDone)
        assert of(events, ResponseStarted) == []
        assert of(events, AgentTranscript)[-1].text == 'The function returned {"result":"grey"}.'
        conversation.send_tool_result(call.call, "again")
        assert (await until(conversation, Survived))[-1].code == "unknown_call"
        assert sent(emulator.sessions[0])[-3:] == ["contentStart", "toolResult", "contentEnd"]


async def test_typed_text_and_instructions():
    async with talk() as (conversation, emulator):
        conversation.send_text("1234#")
        assert of(await until(conversation, ResponseDone), Audio)
        conversation.instruct("Say goodbye.")
        assert of(await until(conversation, ResponseDone), Audio)
        typed = [each["content"] for each in sent(emulator.sessions[0], "textInput")[1:]]
        assert typed[0] == "1234#"
        assert "Say goodbye." in typed[1]
        conversation.send_text("long " * 1000)
        assert of(await until(conversation, ResponseDone), Audio)


HISTORY = (
    Said("agent", "Hello, this is the emulator."),
    Said("caller", "Hi."),
    Used("c1", "weather", "{}", "grey"),
    Said("caller", "How late is it?"),
    Said("system", "The caller is known."),
    Said("agent", "Nine."),
)


async def test_history_comes_before_the_audio():
    async with talk(brief(history=HISTORY)) as (conversation, emulator):
        conversation.remember([Said("caller", "In the morning?"), Said("agent", "word " * 9000)])
        say(conversation)
        await until(conversation, ResponseDone)
        session = emulator.sessions[0]
        starts = sent(session, "contentStart")
        assert [(each["type"], each["role"]) for each in starts] == [
            ("TEXT", "SYSTEM"),
            ("TEXT", "USER"),
            ("TEXT", "ASSISTANT"),
            ("AUDIO", "USER"),
        ]
        assert len(sent(session, "textInput")) > 30
        conversation.remember(HISTORY)
        assert (await until(conversation, Survived))[-1].code == "too_late"


async def test_the_whole_history():
    async with talk(brief(history=HISTORY)) as (conversation, emulator):
        say(conversation)
        await until(conversation, ResponseDone)
        told = [each["content"] for each in sent(emulator.sessions[0], "textInput")[1:]]
        assert told == [
            "(The caller is on the line.)",
            "Hello, this is the emulator.",
            "Hi.\nHow late is it?\n(Note: The caller is known.)",
            "Nine.",
        ]


async def test_the_last_turn_of_a_history_is_answered_when_asked_for():
    async with talk(brief(history=HISTORY)) as (conversation, emulator):
        conversation.remember([Said("caller", "In the morning?")])
        conversation.create_response()
        assert of(await until(conversation, ResponseDone), Audio)
        conversation.create_response()
        assert of(await until(conversation, ResponseDone), Audio)
        interactive = [
            each["interactive"] for each in sent(emulator.sessions[0], "contentStart") if each["role"] == "USER"
        ]
        assert interactive == [False, False, True, True, True]
        assert sent(emulator.sessions[0], "textInput")[-2]["content"] == "In the morning?"


async def test_the_first_generation_has_to_be_spoken_to():
    async with talk(brief(FIRST, greeting="Hello!"), own={"generation": 1}) as (conversation, emulator):
        for command in (conversation.greet, conversation.create_response, lambda: conversation.send_text("x")):
            command()
            assert (await until(conversation, Survived))[-1].code == "unsupported"
        say(conversation)
        assert of(await until(conversation, ResponseDone), Audio)
        assert "cue" not in sent(emulator.sessions[0], "textInput")[0]["content"]


async def test_a_spoken_cue_makes_the_first_generation_greet():
    async def cue(audio):
        return NOISE * 15 if audio == PCM16_8K else b""

    own = {"generation": 1, "cue": cue}
    async with talk(brief(FIRST, greeting="Hello!"), own=own, hears=("Begin.", "Hi.")) as (conversation, emulator):
        conversation.greet()
        say(conversation, speech_ms=0, silence_ms=1200)
        events = await until(conversation, ResponseDone)
        assert of(events, Audio)
        assert of(events, CallerTranscript) == of(events, TurnCommitted) == []
        assert "Hello!" in sent(emulator.sessions[0], "textInput")[0]["content"]
        say(conversation)
        events = await until(conversation, ResponseDone)
        assert of(events, CallerTranscript)[-1].text == "Hi."


async def test_other_rates_than_the_calls():
    own = {"nova_sonic": {"input_sample_rate": 16000, "output_sample_rate": 24000}}
    async with talk(brief(advanced=own)) as (conversation, emulator):
        say(conversation)
        events = await until(conversation, ResponseDone)
        samples = sum(len(each.data) for each in of(events, Audio))
        assert abs(samples - 1000 * PCM16_8K.bytes_per_ms) < 10 * PCM16_8K.bytes_per_ms
        starts = sent(emulator.sessions[0], "contentStart")
        assert starts[-1]["audioInputConfiguration"]["sampleRateHertz"] == 16000
        prompt = sent(emulator.sessions[0], "promptStart")[0]
        assert prompt["audioOutputConfiguration"]["sampleRateHertz"] == 24000


async def test_every_setting_is_accepted():
    own = {
        "voice": "Amy",
        "temperature": 0.5,
        "top_p": 0.8,
        "max_tokens": 2000,
        "endpointing_sensitivity": "low",
        "tool_choice": "weather",
    }
    whole = brief(advanced={"nova_sonic": own}, tools=(TOOL,))
    async with talk(whole) as (conversation, emulator):
        say(conversation)
        await until(conversation, ResponseDone)
        session = emulator.sessions[0]
        assert sent(session, "sessionStart") == [
            {
                "inferenceConfiguration": {"maxTokens": 2000, "topP": 0.8, "temperature": 0.5},
                "turnDetectionConfiguration": {"endpointingSensitivity": "LOW"},
            }
        ]
        assert sent(session, "promptStart")[0]["toolConfiguration"]["toolChoice"] == {"tool": {"name": "weather"}}


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def refused(what=None, own=None, **chosen):
    async with NovaEmulator(settings(**chosen)) as emulator:
        with pytest.raises(ProviderError) as refusal:
            async with provider(emulator, **(own or {})).connect(what or brief()):
                pass
        return refusal.value.code, refusal.value.retryable


async def test_keys_and_models_that_are_not_known():
    assert await refused(own={"secret_access_key": "wrong"}) == ("invalid_api_key", False)
    assert await refused(own={"access_key_id": "NOBODY"}) == ("invalid_api_key", False)
    assert await refused(own={"session_token": "forged"}) == ("invalid_api_key", False)
    expired = lambda key: Secret(f"secret-{key}", expires_at=time.time() - 1)  # noqa: E731
    assert await refused(keys=expired) == ("invalid_api_key", False)
    assert await refused(brief("amazon.nova-9-sonic-v1:0")) == ("model_not_found", False)


@pytest.mark.parametrize(
    ("status", "kind", "code", "retryable"),
    [
        (403, "AccessDeniedException", "forbidden", False),
        (404, "ResourceNotFoundException", "model_not_found", False),
        (400, "ValidationException", "invalid_configuration", False),
        (400, "ServiceQuotaExceededException", "rate_limit_exceeded", True),
        (408, "ModelTimeoutException", "timeout", True),
        (424, "ModelErrorException", "server_error", True),
        (429, "ThrottlingException", "rate_limit_exceeded", True),
        (429, "ModelNotReadyException", "server_error", True),
        (500, "InternalServerException", "server_error", True),
        (503, "ServiceUnavailableException", "server_error", True),
        (418, "TeapotException", "http_418", False),
    ],
)
async def test_refusals(status, kind, code, retryable):
    assert await refused(refusals=(Refuse(status, kind),)) == (code, retryable)


async def test_the_quota_of_sessions():
    async with talk(sessions_at_once=1) as (conversation, emulator):
        with pytest.raises(ProviderError) as refusal:
            async with provider(emulator).connect(brief()):
                pass
        assert (refusal.value.code, refusal.value.retryable) == ("rate_limit_exceeded", True)
        say(conversation)
        await until(conversation, ResponseDone)


@pytest.mark.parametrize(
    "wrong",
    [
        {"interruption": "local"},
        {"modality": "text"},
        {"voice": "greta"},
        {"advanced": {"nova_sonic": {"voice": "nobody"}}},
        {"advanced": {"nova_sonic": {"top_k": 3}}},
    ],
)
async def test_briefs_that_cannot_be_served(wrong):
    assert await refused(brief(**wrong)) == ("invalid_configuration", False)


async def test_nobody_there():
    async with NovaEmulator(settings()) as emulator:
        gone = provider(emulator)
        await gone.start()
    with pytest.raises(ProviderError) as failure:
        async with gone.connect(brief()):
            pass
    assert (failure.value.code, failure.value.retryable) == ("unreachable", True)
    with pytest.raises(ProviderError, match="ca_file") as failure:
        await NovaSonic("eu-north-1", access_key_id="a", secret_access_key="b", ca_file="/nowhere.pem").start()
    assert failure.value.code == "invalid_configuration"
    with pytest.raises(ProviderError) as failure:
        async with NovaSonic(
            "eu-north-1", endpoint_url="http://localhost:1", access_key_id="a", secret_access_key="b"
        ).connect(brief()):
            pass
    assert failure.value.code == "invalid_configuration"


async def test_a_service_that_never_answers():
    over = asyncio.Event()

    async def silent(reader, writer):
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        keys = {"access_key_id": "AKIATEST", "secret_access_key": "x"}
        named = NovaSonic("eu-north-1", endpoint_url=url, open_timeout_s=0.3, **keys)
        with pytest.raises(ProviderError) as failure:
            async with named.connect(brief()):
                pass
        over.set()
        await named.close()
        assert (failure.value.code, failure.value.retryable) == ("timeout", True)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("end", on_turn=1, after_ms=300), "connection_lost"),
        (Fault("reset", on_turn=1, after_ms=300), "connection_lost"),
        (Fault("abort", on_turn=1, after_ms=300), "connection_lost"),
        (Fault("go_away", on_turn=1, after_ms=300), "connection_lost"),
        (Fault("bad_frame", on_turn=1, after_ms=300), "protocol"),
        (Fault("error", on_turn=1, after_ms=300, code="Odd"), "server_error"),
        (Fault("exception", on_turn=1, after_ms=300), "server_error"),
        (Fault("exception", on_turn=1, after_ms=300, code="throttlingException"), "rate_limit_exceeded"),
        (Fault("exception", on_turn=1, after_ms=300, code="modelTimeoutException"), "timeout"),
        (Fault("exception", on_turn=1, after_ms=300, code="strangeException"), "server_error"),
        (Fault("exception", on_turn=1, after_ms=300, code="validationException"), "protocol"),
        (
            Fault(
                "exception",
                on_turn=1,
                code="validationException",
                message="RST_STREAM closed stream. HTTP/2 error code: NO_ERROR",
            ),
            "server_error",
        ),
    ],
)
async def test_lost_in_an_answer(fault, code):
    emulator = NovaEmulator(settings(faults=(fault,), hears=("How late is it?",)))
    async with emulator, provider(emulator).connect(brief()) as conversation:
        say(conversation)
        events, failure = await failing(conversation)
        assert (failure.code, failure.retryable) == (code, True)
        assert of(events, CallerTranscript)[-1] == CallerTranscript(events[0].item, "How late is it?", True)
        say(conversation)
    assert emulator.sessions[0].of("closed")


@pytest.mark.parametrize("session_end", ["silent", "exception"])
async def test_the_limit_of_a_stream(session_end):
    async with NovaEmulator(settings(session_s=1.2, session_end=session_end)) as emulator:
        named = provider(emulator, connection_s=1.2)
        assert named.traits.max_connection_s == 1.2
        async with named.connect(brief()) as conversation:
            assert conversation.ending_at is None
            say(conversation)
            _, failure = await failing(conversation)
            assert (failure.code, failure.retryable) == ("session_expired", True)


async def test_credentials_that_expire_under_way():
    until = time.time() + 0.4
    emulator = NovaEmulator(settings(keys=lambda key: Secret(f"secret-{key}", expires_at=until)))
    async with emulator, provider(emulator).connect(brief()) as conversation:

        async def speak():
            while True:
                conversation.send_audio(SILENCE)
                await asyncio.sleep(0.02)

        speaking = asyncio.create_task(speak())
        _, failure = await failing(conversation)
        speaking.cancel()
        assert (failure.code, failure.retryable) == ("session_expired", True)


async def test_a_service_that_never_reads_again(monkeypatch):
    monkeypatch.setattr("mediaproviders.nova_sonic.conversation.STALL_S", 0.3)
    emulator = NovaEmulator(settings(faults=(Fault("stop_reading", at_s=0.0, seconds=60.0),)))
    async with emulator, provider(emulator).connect(brief()) as conversation:

        async def speak():
            while True:
                conversation.send_audio(NOISE * 20)
                await asyncio.sleep(0.005)

        speaking = asyncio.create_task(speak())
        _, failure = await failing(conversation)
        speaking.cancel()
        assert (failure.code, failure.retryable) == ("stalled", True)


async def test_a_tools_result_that_is_refused_is_survived():
    message = "Tool Response parsing error: try again"
    odd = Fault("exception", on_turn=1, after_ms=160, code="validationException", message=message)
    async with NovaEmulator(settings(faults=(odd,))) as emulator, provider(emulator).connect(brief()) as conversation:
        say(conversation)
        assert (await until(conversation, Survived))[-1].code == "tool_result"


async def test_a_stream_without_audio():
    async with NovaEmulator(settings(audio_timeout_s=0.2)) as emulator, provider(emulator).connect(brief()) as silent:
        _, failure = await failing(silent)
        assert (failure.code, failure.retryable) == ("timeout", True)


@pytest.mark.parametrize(
    ("kind", "faults"), [("garbage", 4), ("wrong_order", 0), ("unknown_event", 0), ("unknown_type", 0)]
)
async def test_nonsense_in_an_answer(kind, faults):
    async with talk(faults=(Fault(kind, on_turn=1, after_ms=240),)) as (conversation, _):
        say(conversation)
        events = await until(conversation, ResponseDone)
        assert len(of(events, Survived)) == faults
        say(conversation)
        assert of(await until(conversation, ResponseDone), Audio)


async def test_nothing_but_nonsense():
    garbage = tuple(Fault("garbage", at_s=0.05 * count) for count in range(6))
    async with NovaEmulator(settings(faults=garbage)) as emulator, provider(emulator).connect(brief()) as conversation:
        events, failure = await failing(conversation)
        assert (failure.code, failure.retryable) == ("protocol", True)
        assert len(of(events, Survived)) == 20


async def test_an_empty_answer():
    async with talk(faults=(Fault("empty", on_turn=1),)) as (conversation, _):
        say(conversation)
        events = await until(conversation, ResponseDone)
        assert (of(events, Audio), events[-1].status) == ([], "completed")
        conversation.create_response()
        assert of(await until(conversation, ResponseDone), Audio)


async def test_a_flood():
    async with talk(faults=(Fault("flood", on_turn=1, after_ms=160, seconds=60),)) as (conversation, _):
        say(conversation)
        events = await until(conversation, ResponseDone)
        assert sum(len(each.data) for each in of(events, Audio)) >= 60_000 * PCM16_8K.bytes_per_ms


async def test_a_stall_and_a_mute_service_end_when_we_leave():
    for kind in ("stall", "mute"):
        async with NovaEmulator(settings(faults=(Fault(kind, on_turn=1, after_ms=160, seconds=60),))) as emulator:
            async with provider(emulator).connect(brief()) as conversation:
                say(conversation)
                await until(conversation, Audio)
                began = time.monotonic()
            assert time.monotonic() - began < 3
            assert Interrupted not in [type(event) async for event in conversation]
        assert emulator.sessions[0].of("closed")


async def test_a_service_that_does_not_read():
    async with talk(faults=(Fault("stop_reading", at_s=0.0, seconds=1.0),), own={"queue_ms": 660}) as (
        conversation,
        emulator,
    ):
        for _ in range(1500):
            conversation.send_audio(SILENCE)
            await asyncio.sleep(0)
        assert conversation.dropped_ms > 20_000
        say(conversation, silence_ms=340)
        assert of(await until(conversation, ResponseDone), Audio)
        assert emulator.sessions[0].append_bytes < 10_000 * PCM16_8K.bytes_per_ms


async def test_sessions_have_connections_of_their_own():
    async with NovaEmulator(settings(faults=(Fault("abort", on_turn=1, sessions=range(1)),))) as emulator:
        named = provider(emulator)
        await named.start()
        async with named.connect(brief()) as first, named.connect(brief()) as second:
            say(first)
            await failing(first)
            say(second)
            assert of(await until(second, ResponseDone), Audio)
        await named.close()


async def test_ten_at_once():
    async with NovaEmulator(settings()) as emulator:
        named = provider(emulator)

        async def one():
            async with named.connect(brief(greeting="Hello!")) as conversation:
                conversation.greet()
                return (await until(conversation, ResponseDone))[-1].status

        assert await asyncio.gather(*(one() for _ in range(10))) == ["completed"] * 10
        assert len({session.session for session in emulator.sessions}) == 10


async def test_given_up_while_it_opens():
    async with NovaEmulator(settings()) as emulator:
        named = provider(emulator)

        async def one():
            async with named.connect(brief()):
                await asyncio.sleep(10)

        for delay_s in (0.0, 0.01, 0.03, 0.06):
            task = asyncio.create_task(one())
            await asyncio.sleep(delay_s)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with named.connect(brief()) as conversation:
            say(conversation)
            await until(conversation, ResponseDone)
