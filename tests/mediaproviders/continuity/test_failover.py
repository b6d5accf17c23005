"""A model cannot be used: the next one takes over, whatever audio it speaks."""

import asyncio
import itertools

import numpy as np
import pytest

from mediacodecs.g711 import PCMA as A_LAW
from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import from_bytes, to_bytes
from mediaproviders.continuity import Candidate, Continuous
from mediaproviders.contract import (
    PCM16_24K,
    PCMA,
    PCMU,
    Audio,
    AudioDone,
    AudioFormat,
    Brief,
    Fault,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    RolledOver,
    Said,
    SpeechStarted,
    TookOver,
    TurnCommitted,
)
from support.virtual_time import settle, tell


def remembers(session):
    return [session.knows] if session.knows else []


def asked(session):
    return [each for each in session.told if each[0] != "remember"]


def tone(rate, ms, hz=440.0):
    return np.rint(8000 * np.sin(2 * np.pi * hz * np.arange(rate * ms // 1000) / rate)).astype(np.int16)


def test_at_the_start_of_the_call(world, refused):
    async def story():
        first, second = world.Model(refuses=[refused("rate_limit_exceeded")]), world.Model()
        async with world(first, second) as w:
            assert w.conversation.current == "model-1"
            assert w.conversation.failovers == 1
            assert w.of(Fault) == [Fault("rate_limit_exceeded", "model-0 could not be opened: rate_limit_exceeded")]
            assert w.reasons == []
            assert w.of(TookOver) == [TookOver("model-1", "model-0")]
            assert second.sessions[0].brief.model == "id-1"

    tell(story())


def test_slow_to_start_leaves_time_for_the_next(world):
    async def story():
        async with world(world.Model(slow_s=60), world.Model(slow_s=3), open_s=10.0) as w:
            assert w.conversation.current == "model-1"

    tell(story())


def test_all_refuse_at_the_start(world, refused):
    """In rounds, while it may help: who has fallen over may be up again before the caller is turned away."""

    async def story():
        models = [world.Model(refuses=[refused(code)] * 3) for code in ("first", "last")]
        began = asyncio.get_running_loop().time()
        with pytest.raises(ProviderError) as error:
            async with world(*models, delays_s=(0.0, 0.5, 1.5)):
                pass
        assert error.value.code == "last"
        for model in models:
            assert [at - began for at in model.asked_at] == pytest.approx([0.0, 0.5, 2.0])
        assert len(asyncio.all_tasks()) == 1

    tell(story())


def test_refused_at_first(world, refused):
    async def story():
        model = world.Model(refuses=[refused("rate_limit_exceeded")])
        async with world(model) as w:
            assert (len(model.asked_at), w.conversation.failovers, w.of(TookOver)) == (2, 0, [])
            assert [fault.code for fault in w.of(Fault)] == ["rate_limit_exceeded"]

    tell(story())


def test_a_refusal_that_cannot_heal_is_not_asked_for_twice(world, refused):
    async def story():
        hopeless = world.Model(refuses=[refused("invalid_api_key", retryable=False)] * 3)
        with pytest.raises(ProviderError) as error:
            async with world(hopeless):
                pass
        assert (error.value.code, len(hopeless.asked_at)) == ("invalid_api_key", 1)
        hopeless, busy = world.Model(refuses=[refused("forbidden", retryable=False)]), world.Model(refuses=[refused()])
        async with world(hopeless, busy) as w:
            assert w.conversation.current == "model-1"
        assert (len(hopeless.asked_at), len(busy.asked_at)) == (1, 2)

    tell(story())


def test_rounds_are_bounded_in_time(world, refused):
    async def story():
        model = world.Model(refuses=[refused()] * 3, slow_s=2.0)
        with pytest.raises(ProviderError):
            async with world(model, total_s=3.0):
                pass
        assert len(model.asked_at) == 2

    tell(story())


def test_nobody_answers_at_the_start(world):
    async def story():
        began = asyncio.get_running_loop().time()
        with pytest.raises(ProviderError) as error:
            async with world(world.Model(slow_s=60), world.Model(slow_s=60), open_s=4.0):
                pass
        assert error.value.code == "timeout"
        assert error.value.retryable
        assert asyncio.get_running_loop().time() - began < 5

    tell(story())


def test_caller_who_hangs_up_while_it_rings(world):
    async def story():
        model = world.Model(slow_s=5)
        opening = asyncio.create_task(world(model).__aenter__())
        await asyncio.sleep(1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await settle()
        assert len(asyncio.all_tasks()) == 1

    tell(story())


@pytest.mark.parametrize("how", ["final", "exhausted"])
def test_in_the_middle_of_the_call(world, refused, how):
    async def story():
        first, second = world.Model(refuses=[None] + [refused()] * 9), world.Model()
        async with world(first, second) as w:
            first.sessions[0].turn("Why?")
            first.sessions[0].begin("Bec")
            await settle()
            first.sessions[0].lose("closed_1008", retryable=how == "exhausted")
            await asyncio.sleep(3)
            assert w.reasons == ["model-0 was lost (closed_1008), model-1 took over"]
            assert w.of(TookOver) == [TookOver("model-1", "model-0")]
            assert len(first.asked_at) == (1 if how == "final" else 4)
            assert remembers(second.sessions[0]) == [(Said("caller", "Why?"),)]
            assert asked(second.sessions[0]) == [("create",)]
            assert (w.conversation.current, w.conversation.failovers, w.conversation.reconnects) == ("model-1", 1, 0)

    tell(story())


def test_back_to_the_first_when_the_second_fails(world, refused):
    async def story():
        first, second = world.Model(refuses=[refused()]), world.Model()
        async with world(first, second) as w:
            second.sessions[0].lose("closed_1008", retryable=False)
            await asyncio.sleep(1)
            assert w.conversation.current == "model-0"

    tell(story())


def test_models_that_throw_the_call_at_each_other_are_given_up(world):
    async def story():
        first, second = world.Model(), world.Model()
        async with world(first, second) as w:
            for _ in range(20):
                current = (first, second)[int(w.conversation.current[-1])]
                if w.error is None:
                    current.sessions[-1].lose()
                    await asyncio.sleep(2)
            assert w.error.code == "closed_1006"
            assert len(first.sessions) + len(second.sessions) == 7

    tell(story())


def test_renewal_by_another_model(world, refused):
    async def story():
        first = world.Model(refuses=[None] + [refused("invalid_api_key", retryable=False)] * 9, max_connection_s=100.0)
        second = world.Model()
        async with world(first, second) as w:
            first.sessions[0].say("Hello.")
            await asyncio.sleep(80)
            assert w.reasons == []
            assert w.events[-2:] == [RolledOver(), TookOver("model-1", "model-0")]
            assert (w.conversation.rollovers, w.conversation.failovers) == (1, 1)
            assert remembers(second.sessions[0]) == [(Said("agent", "Hello."),)]
            assert w.error is None

    tell(story())


def test_renewal_prefers_the_same_model_while_there_is_time(world, refused):
    async def story():
        first = world.Model(refuses=[None, refused(), refused(), refused(), refused()], max_connection_s=100.0)
        second = world.Model()
        async with world(first, second) as w:
            await asyncio.sleep(90)
            assert w.conversation.current == "model-0"
            assert w.conversation.rollovers == 1
            assert second.sessions == []

    tell(story())


def test_each_gets_its_own_voice_and_settings(world):
    async def story():
        brief = Brief("wanted", "", PCMU, PCMU, voice="ash", advanced={"a": 1}, interruption="local")
        async with world(brief=brief) as w:
            got = w.session.brief
            assert (got.model, got.voice, got.advanced, got.interruption) == ("id-0", "ash", {"a": 1}, "local")
        models = world.Model(), world.Model(reversible_interrupt=False)
        candidates = (Candidate("x", models[0], "mx", "vx", {"b": 2}), Candidate("y", models[1], "my"))
        async with Continuous(candidates).connect(brief) as conversation:
            got = models[0].sessions[0].brief
            assert (got.model, got.voice, got.advanced) == ("mx", "vx", {"b": 2})
            models[0].sessions[0].lose("closed_1008", retryable=False)
            await anext(conversation)
            got = models[1].sessions[0].brief
            assert (got.model, got.voice, got.advanced, got.interruption) == ("my", None, {}, "provider")

    tell(story())


def test_model_that_decides_itself_is_not_asked_for_what_it_does_anyway(world):
    async def story():
        brief = Brief("m", "", PCMU, PCMU, interruption="local")
        models = world.Model(), world.Model(reversible_interrupt=False)
        async with world(*models, brief=brief) as w:
            models[0].sessions[0].lose("closed_1008", retryable=False)
            await settle()
            session = models[1].sessions[0]
            session.turn("Hi.")
            await settle()
            w.conversation.create_response()
            assert asked(session) == []
            session.say("Hello.")
            await settle()
            w.conversation.create_response()
            assert asked(session) == [("create",)]

    tell(story())


# --- its audio ---


def converting(world, models, brief):
    """A world whose second model has taken over."""

    class Converted:
        async def __aenter__(self):
            self.w = await world(*models, brief=brief).__aenter__()
            models[0].sessions[0].lose("closed_1008", retryable=False)
            await settle()
            return self.w

        async def __aexit__(self, *exc):
            await self.w.__aexit__(*exc)

    return Converted()


def test_another_rate_both_ways(world):
    async def story():
        models = world.Model(), world.Model(input_formats=(PCM16_24K,), output_formats=(PCM16_24K,))
        async with converting(world, models, Brief("m", "", PCMU, PCMU)) as w:
            session = models[1].sessions[0]
            assert (session.brief.input_format, session.brief.output_format) == (PCM16_24K, PCM16_24K)
            session.does(ResponseStarted("r"))
            spoken = tone(24000, 1000)
            data = to_bytes(spoken)
            cuts = [0, 4801, 4802, 4803, 20_000, len(data)]  # samples are split, too
            for start, end in itertools.pairwise(cuts):
                session.does(Audio("a", "r", data[start:end]))
            session.does(AudioDone("a", "r"), ResponseDone("r", "completed"))
            await settle()
            heard = MU_LAW.decode(b"".join(event.data for event in w.of(Audio)))
            assert abs(len(heard) - 8000) <= 32
            assert w.events.index(w.of(AudioDone)[0]) > w.events.index(w.of(Audio)[-1])
            assert_tone(heard, 8000, 440.0)
            said = MU_LAW.encode(tone(8000, 1000, 300.0))
            for at in range(0, len(said), 160):
                w.conversation.send_audio(said[at : at + 160])
            got = from_bytes(b"".join(session.heard))
            assert abs(len(got) - 24_000) <= 24 * 8
            assert_tone(got, 24_000, 300.0)
            w.conversation.truncate(w.of(Audio)[0].item, 500)
            assert asked(session) == [("truncate", "a", 500)]

    tell(story())


def assert_tone(pcm, rate, hz):
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    loudest = int(np.argmax(spectrum)) * rate / len(pcm)
    assert loudest == pytest.approx(hz, abs=3)
    near = np.abs(np.fft.rfftfreq(len(pcm), 1 / rate) - hz) < 20
    assert np.sum(spectrum[~near] ** 2) < np.sum(spectrum[near] ** 2) / 1000  # 30 dB: no clicks


def test_the_other_law(world):
    async def story():
        models = world.Model(), world.Model(input_formats=(PCMA,), output_formats=(PCMA, PCM16_24K))
        async with converting(world, models, Brief("m", "", PCMU, PCMU)) as w:
            session = models[1].sessions[0]
            pcm = tone(8000, 100)
            session.does(ResponseStarted("r"), Audio("a", "r", A_LAW.encode(pcm)), AudioDone("a", "r"))
            await settle()
            heard = MU_LAW.decode(w.of(Audio)[0].data)
            assert np.max(np.abs(heard.astype(int) - pcm)) < 600
            w.conversation.send_audio(MU_LAW.encode(pcm))
            got = A_LAW.decode(b"".join(session.heard))
            assert np.max(np.abs(got.astype(int) - pcm)) < 600

    tell(story())


def test_what_is_void_is_not_flushed(world):
    async def story():
        models = world.Model(), world.Model(input_formats=(PCM16_24K,), output_formats=(PCM16_24K,))
        async with converting(world, models, Brief("m", "", PCMU, PCMU)) as w:
            session = models[1].sessions[0]
            session.does(ResponseStarted("r"), Audio("a", "r", to_bytes(tone(24000, 100))))
            session.does(SpeechStarted("u", None), Interrupted(), ResponseDone("r", "cancelled"))
            await settle()
            assert isinstance(w.events[-2], Interrupted)
            session.does(ResponseStarted("s"), Audio("b", "s", to_bytes(tone(24000, 100))))
            session.does(Audio("c", "s", to_bytes(tone(24000, 100))), ResponseDone("s", "completed"))
            await settle()
            audio = {}
            for event in w.of(Audio):
                audio[event.item] = audio.get(event.item, b"") + event.data
            assert len(audio["a"]) == 800 < len(audio["b"]) <= 824
            assert audio["b"] == audio["c"]  # nothing of one is left in the other

    tell(story())


def test_audio_that_cannot_be_converted_is_no_candidate(world):
    async def story():
        odd = AudioFormat("pcm16", 44_100)
        models = world.Model(), world.Model(input_formats=(odd,), output_formats=(odd,))
        async with world(*models) as w:
            models[0].sessions[0].lose("closed_1008", retryable=False)
            await settle()
            assert w.error.code == "invalid_configuration"

    tell(story())


def test_in_text_the_formats_do_not_matter(world):
    async def story():
        brief = Brief("m", "", PCMU, PCMU, modality="text")
        models = world.Model(), world.Model(input_formats=(), output_formats=(PCM16_24K,))
        async with converting(world, models, brief) as w:
            models[1].sessions[0].say("Hi.")
            await settle()
            assert isinstance(w.events[-1], ResponseDone)

    tell(story())


# --- the provider itself ---


def test_starts_and_closes_all_once(world):
    async def story():
        shared, other = world.Model(), world.Model(max_connection_s=480.0)
        provider = Continuous((Candidate("a", other, "1"), Candidate("b", shared, "2"), Candidate("c", shared, "3")))
        await provider.start()
        await provider.close()
        assert shared.life == other.life == ["start", "close"]
        assert provider.traits.max_connection_s is None
        assert provider.traits.uplink_ms == other.traits.uplink_ms

    tell(story())


def test_closes_all_even_if_one_fails(world):
    async def story():
        broken, other = world.Model(), world.Model()

        async def fail():
            raise RuntimeError("stuck")

        broken.close = fail
        with pytest.raises(RuntimeError, match="stuck"):
            await Continuous((Candidate("a", broken, "1"), Candidate("b", other, "2"))).close()
        assert other.life == ["close"]

    tell(story())


def test_needs_a_candidate():
    with pytest.raises(ValueError, match="candidate"):
        Continuous(())


def test_turn_event_names_survive_the_change_of_models(world):
    async def story():
        models = world.Model(), world.Model()
        async with converting(world, models, Brief("m", "", PCMU, PCMU)) as w:
            await w.does(TurnCommitted("u"), model=1)
            assert w.events[-1] == TurnCommitted("u")

    tell(story())
