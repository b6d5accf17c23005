"""Lost frames: what stands in for them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacodecs.signal.level import rms_dbfs
from mediacodecs.signal.plc import Concealment
from support.real_speech import recordings

FRAME = 160


def voiced(samples=8000, pitch=125.0, rate=8000):
    moments = np.arange(samples) / rate
    wave = sum(np.sin(2 * np.pi * pitch * k * moments + k) / k for k in range(1, 8))
    return np.rint(4000 * wave).astype(np.int16)


def listened(pcm, frames=10, rate=8000):
    concealment = Concealment(rate)
    size = rate // 50
    for at in range(0, frames * size, size):
        concealment.good(pcm[at : at + size])
    return concealment


@pytest.mark.parametrize("pitch", [70.0, 100.0, 125.0, 160.0, 200.0])
def test_the_first_10_ms_of_a_vowel_are_nearly_right(pitch):
    vowel = voiced(pitch=pitch)
    made = listened(vowel).conceal(80)
    truth = vowel[10 * FRAME :][:80]
    assert rms_dbfs((made - truth).astype(np.int16)) < rms_dbfs(truth) - 12


@pytest.mark.parametrize("rate", [8000, 16000])
def test_no_click_at_either_end_nor_inside(rate):
    vowel = voiced(rate, 130.0, rate)
    size = rate // 50
    largest = np.max(np.abs(np.diff(vowel.astype(int))))
    concealment = listened(vowel, 10, rate)
    made = [concealment.conceal(size), concealment.conceal(size), concealment.recover(vowel[12 * size : 13 * size])]
    whole = np.concatenate((vowel[: 10 * size], *made, vowel[13 * size :])).astype(int)
    assert np.max(np.abs(np.diff(whole))) < 1.4 * largest


def test_no_click_when_voice_and_loudness_move():
    # Nothing fits here, so each seam shows in the curvature unless it is smoothed: at the beginning of the loss, at
    # every period, and after 10 and 20 ms.
    moments = np.arange(8000) / 8000
    phase = 2 * np.pi * (110 * moments + 120 * moments**2)
    voice = np.rint(8000 * np.sin(phase) * np.exp(-60 * (moments - 0.3) ** 2)).astype(np.int16)
    for frames in range(5, 14):
        end = frames * FRAME
        whole = np.concatenate((voice[end - 3 : end], listened(voice, frames).conceal(400))).astype(int)
        usual = np.max(np.abs(np.diff(voice[end - 480 : end].astype(int), 2)))
        assert np.max(np.abs(np.diff(whole, 2))) < 3 * usual


def test_fades_to_silence_in_60_ms():
    concealment = listened(voiced())
    levels = [rms_dbfs(concealment.conceal(80)) for _ in range(8)]
    assert abs(levels[0] - rms_dbfs(voiced())) < 1.5
    assert all(later < earlier + 0.5 for earlier, later in itertools.pairwise(levels))
    assert levels[5] < levels[0] - 15
    assert not concealment.conceal(160).any()


def test_how_a_loss_is_cut_up_does_not_matter():
    at_once = listened(voiced()).conceal(560)
    concealment = listened(voiced())
    pieces = [concealment.conceal(size) for size in (160, 80, 33, 7, 240, 40)]
    assert np.concatenate(pieces).tolist() == at_once.tolist()


def test_recovery_blends_and_then_leaves_alone():
    vowel = voiced()
    concealment = listened(vowel)
    concealment.conceal(FRAME)
    back = vowel[11 * FRAME : 12 * FRAME]
    blended = concealment.recover(back)
    assert len(blended) == FRAME
    assert blended[:8].tolist() != back[:8].tolist()
    assert blended[80:].tolist() == back[80:].tolist()
    after = vowel[12 * FRAME : 13 * FRAME]
    assert concealment.recover(after) is after


def test_a_loss_at_the_very_beginning_is_silence():
    concealment = Concealment()
    assert not concealment.conceal(FRAME).any()
    frame = voiced()[:FRAME]
    assert concealment.recover(frame)[80:].tolist() == frame[80:].tolist()


def test_silence_is_continued_by_silence():
    assert not listened(np.zeros(8000, np.int16)).conceal(480).any()


def test_only_60_ms_are_remembered():
    vowel, other = voiced(), voiced(pitch=90.0)
    long = listened(other, 20)
    for at in range(0, 10 * FRAME, FRAME):
        long.good(vowel[at : at + FRAME])
    assert long.conceal(FRAME).tolist() == listened(vowel).conceal(FRAME).tolist()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["good", "conceal", "recover"]), st.integers(0, 500)), max_size=12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([8000, 16000]),
)
def test_any_order_gives_as_many_samples_as_asked(steps, seed, rate):
    concealment, random = Concealment(rate), np.random.default_rng(seed)
    for step, samples in steps:
        block = random.integers(-32768, 32768, samples).astype(np.int16)
        match step:
            case "good":
                concealment.good(block)
            case "conceal":
                assert len(concealment.conceal(samples)) == samples
            case _:
                assert len(concealment.recover(block)) == samples


@pytest.mark.tool("pocketsphinx-testdata")
def test_better_than_silence_and_repetition_on_real_speech():
    random = np.random.default_rng(5)
    errors = {"silence": 0.0, "repetition": 0.0, "concealment": 0.0}
    for recording in recordings():
        concealment = Concealment()
        last = np.zeros(FRAME, np.int16)
        lost_before = False
        for at in range(0, len(recording) - FRAME, FRAME):
            frame = recording[at : at + FRAME]
            if random.random() < 0.1 and not lost_before:
                made = concealment.conceal(FRAME)
                for name, stand_in in (("silence", frame * 0), ("repetition", last), ("concealment", made)):
                    errors[name] += spectral_distance(stand_in, frame)
                lost_before = True
            else:
                concealment.recover(frame)
                lost_before = False
                last = frame
    assert errors["concealment"] < 0.5 * errors["silence"]
    assert errors["concealment"] < errors["repetition"]


def spectral_distance(heard, truth):
    """In log magnitudes of bands, as an ear would: a waveform error would punish any shift."""
    spectra = [
        np.abs(np.fft.rfft(pcm * np.hanning(FRAME), 256))[1:].reshape(16, 8).mean(axis=1) for pcm in (heard, truth)
    ]
    return float(np.mean(np.abs(20 * np.log10((spectra[0] + 50) / (spectra[1] + 50)))))
