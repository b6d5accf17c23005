"""What second copies and concealment save of a voice, by a measure of its own: how far spectra are off where packets
were lost."""

import numpy as np
import pytest

from bench.loss_calls import RATE, Loss, Way, agent_to_caller, caller_to_model
from mediacodecs.pcm import Pcm
from support.sound import voice

SAID = voice(RATE, 16.0)
FRAME = RATE // 50
REPORTED = 300
"""From the sixth second on the peer's first report has come."""


def spectra(pcm: Pcm) -> np.ndarray:
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME).astype(float) * np.hanning(FRAME)
    return 20 * np.log10(np.abs(np.fft.rfft(frames, axis=1))[:, 2:80] + 30.0)


def off_db(way: Way, direction: str, loss: Loss) -> float:
    """Of the frames that were lost, against those of the same call without loss."""
    lost, none = loss.pattern(len(SAID) // FRAME, 3), [False] * (len(SAID) // FRAME)
    if direction == "up":
        whole, heard = (caller_to_model(SAID, pattern, loss, way) for pattern in (none, lost))
    else:
        whole, heard = (agent_to_caller(SAID, pattern, way) for pattern in (none, lost))
    count = min(len(whole), len(heard)) // FRAME
    gone = [number for number in range(REPORTED, count) if lost[number]]
    off = spectra(heard)[gone] - spectra(whole)[gone]
    return float(np.sqrt(np.mean(off**2)))


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("loss", [Loss(0.05), Loss(0.10), Loss(0.10, burst=3.0)], ids=["5%", "10%", "10% in bursts"])
def test_what_is_lost_is_nearer_to_what_was_said(direction: str, loss: Loss) -> None:
    plain, concealed, ours = (off_db(way, direction, loss) for way in ("plain", "concealed", "ours"))
    assert concealed < 0.8 * plain, (plain, concealed, ours)
    assert ours < (0.8 * concealed if loss.burst <= 1 else concealed), (plain, concealed, ours)


def test_patterns_have_the_share_and_the_bursts_they_say() -> None:
    for loss in (Loss(0.0), Loss(0.05), Loss(0.10, burst=3.0)):
        lost = loss.pattern(50_000, 1)
        assert np.mean(lost) == pytest.approx(loss.share, abs=0.01)
        begun = sum(each and not before for before, each in zip([False, *lost], lost, strict=False))
        if loss.burst > 1:
            assert sum(lost) / begun == pytest.approx(loss.burst, rel=0.1)


def test_the_voice_is_better_by_the_measure_of_the_field() -> None:
    """PESQ, where it is installed: at least the half of the margin that is told in the documentation."""
    quality = pytest.importorskip("bench.loss", exc_type=ImportError)
    try:
        utterances = quality.recordings()[:5]
    except RuntimeError:
        pytest.skip("no recorded speech here")
    for direction in quality.DIRECTIONS:
        scores = quality.judged(quality.Case(direction, Loss(0.10), 1), utterances)
        assert np.mean(scores["ours"]) > np.mean(scores["plain"]) + 0.7, scores
