"""Sessions that are opened: nothing is waited for in vain, nothing left open that nobody wants, nobody held up."""

import asyncio

import pytest

from mediaproviders.continuity import Candidate, ContinuitySettings, Continuous
from mediaproviders.continuity.line import Line
from mediaproviders.contract import PCMU, Audio, Brief, ProviderError
from support.virtual_time import settle, tell

BRIEF = Brief("m", "Be brief.", PCMU, PCMU)


class Patron:
    def take(self, line, event):
        pass

    def crowded(self):
        return None

    def ended(self, line, error):
        raise AssertionError(error)


def test_what_cannot_be_had_is_told_at_once(world):
    async def story():
        wrong = ProviderError("wrong key", code="invalid_api_key", retryable=False)
        models = [world.Model(refuses=[wrong] * 9), world.Model(refuses=[wrong] * 9)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        provider = Continuous([Candidate("a", models[0], "a"), Candidate("b", models[1], "b")], ContinuitySettings())
        with pytest.raises(ProviderError) as refused:
            await provider.connect(BRIEF).__aenter__()
        assert refused.value.code == "invalid_api_key"
        assert loop.time() == began
        assert [len(model.asked_at) for model in models] == [1, 1]

    tell(story())


@pytest.mark.parametrize("given_up", ["cancelled", "too late"])
def test_a_session_that_is_ready_in_the_moment_it_is_given_up_is_left(world, given_up):
    async def story():
        model = world.Model(slow_s=1.0)
        line = Line(0, Candidate("a", model, "a"), BRIEF, Patron())
        opening = asyncio.create_task(line.open(1.0 if given_up == "too late" else 60.0))
        if given_up == "cancelled":
            asyncio.get_running_loop().call_later(1.0, opening.cancel)
        await asyncio.wait((opening,))
        assert opening.cancelled() or opening.exception() is not None
        await settle()
        assert line.over and line.task.done()
        assert all(session.left for session in model.sessions)

    tell(story())


def test_a_minute_of_audio_at_once_does_not_hold_up_the_others(world):
    async def story():
        async with world() as w:
            turns = 0

            async def other_call():
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            pieces = [Audio("a", "r", bytes(8 * 1024)) for _ in range(60)]
            w.session.does(*pieces)
            other = asyncio.create_task(other_call())
            while len(w.of(Audio)) < len(pieces):  # noqa: ASYNC110 - the loop itself is what is looked at
                await asyncio.sleep(0)
            other.cancel()
            assert turns >= 60 * 8 // 64

    tell(story())
