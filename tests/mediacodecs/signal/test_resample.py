"""Rates: the same sound, at another pace of samples, however it is cut up."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacodecs.signal.resample import RATES, Resampler

PAIRS = list(itertools.permutations(RATES, 2))


def sine(frequency, rate, seconds=0.5, amplitude=10000):
    moments = np.arange(round(seconds * rate)) / rate
    return np.rint(amplitude * np.sin(2 * np.pi * frequency * moments)).astype(np.int16)


def gain_db(frequency, rate_in, rate_out):
    """What becomes of a sine, wherever in the spectrum it ends up; edges left out."""
    heard = Resampler(rate_in, rate_out).process(sine(frequency, rate_in)).astype(float)
    middle = heard[len(heard) // 4 : len(heard) * 3 // 4]
    return 20 * np.log10(np.sqrt(np.mean(middle**2)) / (10000 / np.sqrt(2)) + 1e-9)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_flat_where_it_should_be_and_nothing_else(rate_in, rate_out):
    nyquist = min(rate_in, rate_out) / 2
    for share in (0.05, 0.3, 0.6, 0.8, 0.85):
        assert abs(gain_db(nyquist * share, rate_in, rate_out)) < 0.1
    if rate_in > rate_out:
        for share in (1.16, 1.25, 1.4, 1.9):
            if nyquist * share < rate_in / 2:
                assert gain_db(nyquist * share, rate_in, rate_out) < -70


@pytest.mark.parametrize("frequency", [300, 1000, 2000, 3000, 3300, 3400])
@pytest.mark.parametrize("pair", [(8000, 16000), (8000, 24000), (24000, 8000), (16000, 8000)])
def test_the_telephone_band_keeps_80_db_of_signal_to_noise(pair, frequency):
    rate_in, rate_out = pair
    resampler = Resampler(rate_in, rate_out)
    whole = sine(frequency, rate_in, seconds=1.0, amplitude=16000)
    # In frames, as on a call: a seam between two of them would count as noise.
    frames = np.split(whole, len(whole) // (rate_in // 50))
    heard = np.concatenate([resampler.process(frame) for frame in frames]).astype(float)
    middle = heard[len(heard) // 4 : len(heard) * 3 // 4]
    moments = 2 * np.pi * frequency * np.arange(len(middle)) / rate_out
    waves = np.stack((np.sin(moments), np.cos(moments)), axis=1)
    tone = waves @ np.linalg.lstsq(waves, middle)[0]
    assert 10 * np.log10(np.sum(tone**2) / np.sum((middle - tone) ** 2)) >= 80


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_a_sine_stays_the_sine_it_was(rate_in, rate_out):
    # Images, aliases, seams between phases and blocks: whatever is not the sine, 60 dB below it.
    resampler = Resampler(rate_in, rate_out)
    whole = sine(1000, rate_in)
    blocks = [whole[at : at + rate_in // 50] for at in range(0, len(whole), rate_in // 50)]
    heard = np.concatenate([resampler.process(block) for block in blocks])
    moments = np.arange(len(heard)) / rate_out - resampler.delay_ms / 1000
    error = (heard - 10000 * np.sin(2 * np.pi * 1000 * moments))[len(heard) // 4 :]
    assert np.sqrt(np.mean(error**2)) < 7


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_frames_of_20_ms_come_out_whole(rate_in, rate_out):
    resampler = Resampler(rate_in, rate_out)
    sizes = [len(resampler.process(np.zeros(rate_in // 50, np.int16))) for _ in range(50)]
    assert sizes == [rate_out // 50] * 50
    assert resampler.delay_ms <= 2.0


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 900), max_size=12), st.integers(0, 2**32 - 1))
def test_blocks_do_not_matter(pair, sizes, seed):
    rate_in, rate_out = pair
    whole = np.random.default_rng(seed).integers(-32768, 32768, sum(sizes)).astype(np.int16)
    at_once, in_blocks = Resampler(rate_in, rate_out), Resampler(rate_in, rate_out)
    expected = np.concatenate((at_once.process(whole), at_once.flush())).astype(int)
    parts = [in_blocks.process(block) for block in np.split(whole, np.cumsum(sizes))]
    heard = np.concatenate((*parts, in_blocks.flush())).astype(int)
    assert len(heard) == len(expected)
    # Sums in another order may round the other way.
    assert np.all(np.abs(heard - expected) <= 1)
    exact = len(whole) * rate_out / rate_in
    delay = at_once.delay_ms * rate_out / 1000 if len(whole) else 0
    assert abs(len(heard) - exact - delay) <= 1


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("ms", [10, 20, 40])
def test_blocks_of_one_length_are_as_good_and_one_s_own(pair, ms):
    # At full scale, so that rounding and clipping are alike, too.
    size, count = pair[0] * ms // 1000, 400 // ms
    whole = np.random.default_rng(7).integers(-32768, 32768, size * count).astype(np.int16)
    blocks = np.split(whole, count)
    resampler = Resampler(*pair)
    heard = [resampler.process(block) for block in blocks[:-7]]
    as_they_came = [each.copy() for each in heard]
    heard += [resampler.process(np.concatenate(blocks[-7:-4])), *map(resampler.process, blocks[-4:])]
    assert all(np.array_equal(*each) for each in zip(heard, as_they_came, strict=False)), "a later block changed it"
    expected = Resampler(*pair).process(whole).astype(int)
    assert np.all(np.abs(np.concatenate(heard).astype(int) - expected) <= 1)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_ratio_is_exact_over_a_long_time(rate_in, rate_out):
    resampler = Resampler(rate_in, rate_out)
    made = sum(len(resampler.process(np.zeros(997, np.int16))) for _ in range(300))
    assert 0 <= 300 * 997 * rate_out / rate_in - made <= 0.021 * rate_out


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_flush_gives_the_end_and_begins_anew(rate_in, rate_out):
    resampler = Resampler(rate_in, rate_out)
    click = np.zeros(rate_in // 10, np.int16)
    click[-1] = 20000
    first = np.concatenate((resampler.process(click), resampler.flush()))
    place = round((len(click) - 1) / rate_in * rate_out + resampler.delay_ms / 1000 * rate_out)
    assert abs(int(np.argmax(first)) - place) <= 1
    assert len(resampler.flush()) == 0
    again = np.concatenate((resampler.process(click), resampler.flush()))
    assert again.tolist() == first.tolist()


def test_full_scale_clips_and_does_not_wrap():
    square = np.where(np.arange(4000) // 20 % 2, 32767, -32768).astype(np.int16)
    for pair in PAIRS:
        heard = Resampler(*pair).process(square).astype(int)
        rate_in, rate_out = pair
        times = (np.arange(len(heard)) / rate_out - Resampler(*pair).delay_ms / 1000) * rate_in
        # In the middle of every half-wave the sign is right.
        inside = (np.abs(times % 20 - 9.5) < 2) & (times > 100)
        assert np.all(np.sign(heard[inside]) == np.where(times[inside] // 20 % 2, 1, -1))


def test_equal_rates_pass_untouched():
    resampler = Resampler(8000, 8000)
    block = sine(440, 8000)
    assert resampler.process(block) is block
    assert (len(resampler.flush()), resampler.delay_ms) == (0, 0.0)


@pytest.mark.parametrize("pair", [(8000, 44100), (0, 8000), (11025, 16000)])
def test_other_rates_are_refused(pair):
    with pytest.raises(ValueError, match="must be among"):
        Resampler(*pair)
