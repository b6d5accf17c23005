"""Tones have the frequencies, lengths and levels asked for."""

import numpy as np
import pytest

from mediacodecs.signal.level import rms_dbfs
from mediacodecs.signal.tones import DTMF, dtmf, error_tone, tone


def loudest(pcm, rate, count):
    """The strongest frequencies in Hz, to within 10."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), rate))
    found = []
    for _ in range(count):
        peak = int(np.argmax(spectrum))
        found.append(peak)
        spectrum[max(0, peak - 40) : peak + 40] = 0
    return sorted(found)


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
@pytest.mark.parametrize("digit", sorted(DTMF))
def test_digits(digit, rate):
    pcm = dtmf(digit, 100, rate)
    assert len(pcm) == rate // 10
    assert loudest(pcm, rate, 2) == pytest.approx(sorted(DTMF[digit]), abs=5)


def test_digits_by_the_book():
    assert DTMF["1"] == (697, 1209)
    assert DTMF["0"] == (941, 1336)
    assert DTMF["#"] == (941, 1477)
    assert DTMF["D"] == (941, 1633)
    assert dtmf("a", 50, 8000).tolist() == dtmf("A", 50, 8000).tolist()
    for wrong in ("", "x", "12"):
        with pytest.raises(ValueError, match="digit"):
            dtmf(wrong, 50, 8000)


@pytest.mark.parametrize("frequencies", [(440.0,), (350.0, 440.0)])
def test_level_and_ramps(frequencies):
    pcm = tone(frequencies, 1000, 8000, -20.0, ramp_ms=5)
    assert rms_dbfs(pcm[100:-100]) == pytest.approx(-20, abs=0.2)
    assert pcm[0] == pcm[-1] == 0
    assert np.max(np.abs(pcm[:10])) < np.max(np.abs(pcm)) / 3


def test_nothing_is_nothing():
    assert len(tone((440.0,), 0, 8000)) == 0
    assert not tone((), 20, 8000).any()


@pytest.mark.parametrize("rate", [8000, 24000])
def test_error_tone_rises_in_three_steps(rate):
    pcm = error_tone(rate)
    third = len(pcm) // 3
    assert len(pcm) / rate == pytest.approx(0.99)
    found = [loudest(pcm[third * i : third * (i + 1)], rate, 1)[0] for i in range(3)]
    assert found == pytest.approx([950, 1400, 1800], abs=5)
