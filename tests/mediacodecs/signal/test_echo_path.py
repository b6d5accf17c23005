import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs.pcm import Pcm
from mediacodecs.signal.echo_path import EARLIEST, LATEST, Tape, search
from mediaproviders.emulators.answers import babble

VOICE = babble(1, 4000, 8000)
OTHER = babble(2, 4000, 8000)


def taped(samples: Pcm, until: int) -> Tape:
    tape = Tape()
    for at in range(0, until, 160):
        tape.put(at, samples[at : at + 160])
    return tape


def heard(samples: Pcm, delay: int, gain: float, at: int, length: int, noise: float = 15.0) -> np.ndarray:
    hiss = np.random.default_rng(at).normal(0, noise, length)
    return (samples[at - delay : at - delay + length] * gain + hiss).astype(np.float32)


@pytest.mark.parametrize("echo_db", [-6, -12, -20, -30])
@pytest.mark.parametrize("delay", [EARLIEST, -160, 0, 160, 961, 3200, LATEST])
def test_the_delay_and_the_gain_of_an_echo_are_found(delay: int, echo_db: float) -> None:
    gain = 10 ** (echo_db / 20)
    found = search(taped(VOICE, 16000), heard(VOICE, delay, gain, 11200, 640), 11200)
    assert found is not None
    assert found.delay == delay
    assert found.gain == pytest.approx(gain, rel=0.1)
    assert found.likeness > 0.9


def test_an_echo_upside_down_is_one_too() -> None:
    found = search(taped(VOICE, 16000), heard(VOICE, 500, -0.3, 11200, 480), 11200)
    assert found is not None and found.delay == 500
    assert found.gain == pytest.approx(-0.3, rel=0.1)


@pytest.mark.parametrize("at", range(8000, 24000, 1600))
def test_another_voice_is_like_nothing_that_was_played(at: int) -> None:
    found = search(taped(VOICE, at + 800), heard(OTHER, 0, 0.5, at, 800), at)
    assert found is None or found.likeness < 0.6


def test_what_nothing_played_can_be_the_origin_of() -> None:
    loud = heard(OTHER, 0, 1.0, 8000, 320)
    assert search(Tape(), loud, 8000) is None
    assert search(taped(VOICE, 16000), np.zeros(320, np.float32), 8000) is None
    faint = (VOICE // 400).astype(np.int16)
    assert search(taped(faint, 16000), loud, 8000) is None


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 400)), min_size=1, max_size=30),
    st.integers(-9000, 200),
    st.integers(1, 2000),
)
def test_a_tape_is_what_was_laid_on_it_and_silence_elsewhere(
    frames: list[tuple[int, int]], back: int, length: int
) -> None:
    tape, model, at = Tape(), {}, 0
    for number, (gap, size) in enumerate(frames, 1):
        at += gap
        tape.put(at, np.full(size, number, np.int16))
        model |= dict.fromkeys(range(at, at + size), number)
        at += size
    begin = tape.end + back
    span = tape.span(begin, length)
    # The last second is there, whatever was before.
    for place, sample in enumerate(span, begin):
        if place >= tape.end - 8000:
            assert sample == model.get(place, 0)


def test_what_comes_long_after_everything_else() -> None:
    tape = taped(VOICE, 4000)
    tape.put(1_000_000, VOICE[:160])
    assert not tape.span(999_000, 1000).any()
    assert (tape.span(1_000_000, 160) == VOICE[:160]).all()
    tape.put(3, VOICE[:160])  # from before its memory
    assert (tape.span(1_000_000, 160) == VOICE[:160]).all()
    assert not tape.span(0, 160).any()
