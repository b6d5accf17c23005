"""The tone that says it rings elsewhere."""

import numpy as np
import pytest

from mediacodecs.g711 import PCMU
from mediaproviders.contract import PCMU as PCMU_FORMAT
from mediaserver.talk.ringback import Ringback


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_it_sounds_a_second_in_every_five(ptime_ms: int) -> None:
    source = Ringback(PCMU_FORMAT, lambda: ptime_ms)
    ticks = 10_000 // ptime_ms
    frames = [source.pop() for _ in range(ticks)]
    sounding = [at * ptime_ms for at, frame in enumerate(frames) if frame is not None]
    assert {len(frame) for frame in frames if frame is not None} == {8 * ptime_ms}
    assert all(at % 5000 < 1000 for at in sounding)
    assert sum(at < 5000 for at in sounding) == -(-1000 // ptime_ms)
    heard = PCMU.decode(b"".join(frame for frame in frames[: 1000 // ptime_ms] if frame is not None))
    spectrum = np.abs(np.fft.rfft(heard.astype(float)))
    assert np.argmax(spectrum) * 8000 / len(heard) == pytest.approx(425, abs=2)


def test_the_length_of_its_frames_may_change() -> None:
    lengths = iter([20, 20, 40, 60, 10])
    now = 0

    def ptime() -> int:
        nonlocal now
        now = next(lengths)
        return now

    source = Ringback(PCMU_FORMAT, ptime)
    for _ in range(5):
        frame = source.pop()
        assert frame is not None and len(frame) == 8 * now
