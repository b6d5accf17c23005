"""The tone that says it rings elsewhere."""

import numpy as np
import pytest

from mediacodecs.g711 import PCMU
from mediaproviders.contract import PCMU as PCMU_FORMAT
from mediaserver.talk.ringback import Ringback, RingTone


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_it_sounds_a_second_in_every_five(ptime_ms: int) -> None:
    source = Ringback(RingTone(), PCMU_FORMAT, lambda: ptime_ms)
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

    source = Ringback(RingTone(), PCMU_FORMAT, ptime)
    for _ in range(5):
        frame = source.pop()
        assert frame is not None and len(frame) == 8 * now


def test_another_country_rings_otherwise() -> None:
    source = Ringback(RingTone((400.0, 450.0), (400, 200, 400, 2000)), PCMU_FORMAT, lambda: 20)
    for _ in range(2):
        frames = [source.pop() for _ in range(150)]
        assert [at for at, frame in enumerate(frames) if frame is not None] == [*range(20), *range(30, 50)]
        heard = PCMU.decode(b"".join(frame for frame in frames[:20] if frame is not None))
        spectrum = np.abs(np.fft.rfft(heard.astype(float)))
        assert {round(peak * 2.5) for peak in np.argsort(spectrum)[-2:]} == {400, 450}
