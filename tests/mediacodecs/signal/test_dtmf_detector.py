"""Keys told from everything else, after ITU-T Q.24."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacodecs.g711 import PCMA, PCMU
from mediacodecs.pcm import Pcm, silence
from mediacodecs.signal.dtmf_detector import DtmfDetector
from mediacodecs.signal.tones import DTMF, dtmf, tone
from support.real_speech import recordings

ALL = "".join(DTMF)


def keys(pcm: Pcm, block: int = 160) -> str:
    """What is heard in it, taken in blocks."""
    detector = DtmfDetector()
    padded = np.concatenate((pcm, silence(400)))
    heard = [key for at in range(0, len(padded), block) for key in detector.push(padded[at : at + block])]
    assert not detector.down
    return "".join(key.digit for key in heard)


def pair(
    key: str, ms: float, *, off: float = 0.0, twist_db: float = 0.0, level_db: float = -16.0, noise_db: float = -99.0
) -> Pcm:
    """Both tones at `level_db` of full scale, the high one stronger by `twist_db`, both off by a share."""
    moments = np.arange(round(ms * 8)) / 8000
    low, high = (frequency * (1 + off) for frequency in DTMF[key])
    amplitude = 32768 * 10 ** (level_db / 20)
    wave = amplitude * np.sin(2 * np.pi * low * moments)
    wave += amplitude * 10 ** (twist_db / 20) * np.sin(2 * np.pi * high * moments)
    whole = np.concatenate((np.zeros(330), wave, np.zeros(400)))
    hiss = np.random.default_rng(2).normal(0, amplitude / 2**0.5 * 10 ** (noise_db / 20), len(whole))
    return (whole + hiss).clip(-32768, 32767).astype(np.int16)


def every(ms: float, **how: float) -> str:
    return "".join(keys(pair(key, ms, **how)) for key in ALL)


def test_every_key_of_40_ms_wherever_it_begins() -> None:
    for shift in range(0, 51, 7):
        dialled = [np.concatenate((dtmf(key, 40, 8000), silence(320))) for key in ALL]
        assert keys(np.concatenate((silence(100 + shift), *dialled))) == ALL


@pytest.mark.parametrize("ms", [10, 20, 24])
def test_a_shorter_one_is_none(ms: int) -> None:
    assert every(ms) == ""


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_over_a_telephone(codec: "type[PCMU]") -> None:
    assert "".join(keys(codec.decode(codec.encode(pair(key, 50)))) for key in ALL) == ALL


@pytest.mark.parametrize("off", [-0.018, -0.015, 0.015, 0.018])
def test_tones_a_little_off_are_taken(off: float) -> None:
    assert every(50, off=off) == ALL


@pytest.mark.parametrize("off", [-0.035, -0.03, 0.03, 0.035])
def test_tones_far_off_are_not(off: float) -> None:
    assert every(100, off=off) == ""


@pytest.mark.parametrize("twist_db", [-6.0, 0.0, 4.0])
def test_twist_within_bounds(twist_db: float) -> None:
    assert every(50, twist_db=twist_db) == ALL


@pytest.mark.parametrize("twist_db", [-12.0, 8.0])
def test_twist_out_of_bounds(twist_db: float) -> None:
    assert every(100, twist_db=twist_db) == ""


@pytest.mark.parametrize("level_db", [-6.5, -20.0, -36.0])
def test_loud_and_soft(level_db: float) -> None:
    assert every(50, level_db=level_db) == ALL


def test_next_to_nothing_is_none() -> None:
    assert every(100, level_db=-50.0) == ""


def test_noise_15_db_below() -> None:
    assert every(50, noise_db=-15.0) == ALL


def test_how_long_a_key_was_down_and_how_long_ago() -> None:
    detector = DtmfDetector()
    heard = detector.push(np.concatenate((silence(800), dtmf("5", 200, 8000), silence(1600))))
    (key,) = heard
    assert key.duration_ms == pytest.approx(200, abs=13)
    assert key.ago_ms == pytest.approx(200, abs=13)


def test_a_short_dropout_is_one_press_and_a_break_is_two() -> None:
    def twice(gap_ms: int) -> str:
        return keys(np.concatenate((dtmf("5", 60, 8000), silence(gap_ms * 8), dtmf("5", 60, 8000))))

    assert twice(5) == "5"
    assert twice(50) == "55"


@pytest.mark.parametrize("frequencies", [(697.0,), (1336.0,), (697.0, 770.0), (440.0, 480.0), (350.0, 440.0), (425.0,)])
def test_other_tones_are_no_keys(frequencies: tuple[float, ...]) -> None:
    assert keys(tone(frequencies, 2000, 8000)) == ""


def test_noise_is_no_key() -> None:
    assert keys(np.random.default_rng(3).normal(0, 6000, 80_000).clip(-32768, 32767).astype(np.int16)) == ""


@pytest.mark.tool("pocketsphinx-testdata")
def test_speech_is_no_key() -> None:
    sentences = recordings()
    assert sum(map(len, sentences)) > 8000 * 10
    for pcm in sentences:
        for gain in (1.0, 0.3):
            assert keys((pcm * gain).astype(np.int16)) == ""


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=30))
def test_how_it_is_cut_does_not_matter(cuts: list[int]) -> None:
    pcm = np.concatenate((silence(77), *(np.concatenate((dtmf(key, 60, 8000), silence(480))) for key in "159#D")))
    detector, heard, at = DtmfDetector(), "", 0
    for size in cuts:
        heard += "".join(key.digit for key in detector.push(pcm[at : at + size]))
        at += size
    heard += "".join(key.digit for key in detector.push(pcm[at:]))
    assert heard == "159#D"
