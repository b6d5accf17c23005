import numpy as np
import pytest

from mediacodecs.g711 import PCMU as MU_LAW
from mediaproviders.continuity.recent import Recent
from mediaproviders.contract import PCM16_16K, PCMU


def frames(count, size=160):
    return [bytes([n]) * size for n in range(count)]


def kept(recent, chunks):
    add = recent.begin(chunks[0])
    for chunk in chunks[1:]:
        add(chunk)
    return recent.newest()


@pytest.mark.parametrize(
    ("audio", "size", "count"),
    [(PCMU, 160, 50), (PCMU, 80, 100), (PCMU, 8, 100), (PCM16_16K, 1280, 25), (PCM16_16K, 32 * 5000, 16)],
)
def test_keeps_the_newest_whatever_the_length_of_chunks(audio, size, count):
    chunks = frames(120, size)
    assert kept(Recent(audio, 1000), chunks) == chunks[-count:]


def test_newest_is_cut_to_the_millisecond():
    recent = Recent(PCMU, 1000)
    assert recent.newest() == []
    assert recent.newest(100) == []
    chunks = frames(10)
    kept(recent, chunks)
    assert recent.newest(40) == chunks[-2:]
    assert recent.newest(50) == [chunks[-3][:80], *chunks[-2:]]
    assert recent.newest(0) == []
    assert recent.newest(9999) == chunks


def test_trim_and_clear_leave_the_stream_going():
    recent = Recent(PCMU, 1000)
    add = recent.begin(b"a" * 160)
    add(b"b" * 160)
    recent.trim(20)
    add(b"c" * 160)
    assert recent.newest() == [b"b" * 160, b"c" * 160]
    recent.clear()
    add(b"d" * 160)
    assert recent.newest() == [b"d" * 160]


def sound(*parts, rate=8000):
    """Stretches of tone or silence: (level, ms)."""
    pcm = [level * np.sin(np.arange(rate * ms // 1000) / rate * 2700) for level, ms in parts]
    return np.rint(np.concatenate(pcm)).astype(np.int16)


@pytest.mark.parametrize(
    ("parts", "began"),
    [
        ([(0, 1000)], None),
        ([(0, 1000), (8000, 600)], 600),
        ([(0, 1000), (8000, 600), (0, 400)], 1000),
        ([(8000, 600), (0, 1000), (8000, 600), (0, 400)], 2600),  # a pause within what was said
        ([(8000, 600), (0, 2000), (8000, 600), (0, 400)], 1000),
        ([(0, 1000), (8000, 600), (0, 1960)], 2560),
        ([(0, 1000), (8000, 600), (0, 2040)], None),  # long ago
        ([(0, 1000), (8000, 60), (0, 400)], None),  # a click
        ([(60, 1000)], None),
    ],
)
def test_voice(parts, began):
    recent = Recent(PCMU, 4000)
    assert recent.voice(2000) is None
    recent.begin(MU_LAW.encode(sound(*parts)))
    assert recent.voice(2000) == began
    wide = Recent(PCM16_16K, 4000)
    wide.begin(sound(*parts, rate=16000).tobytes())
    assert wide.voice(2000) == began


@pytest.mark.parametrize(("level", "loud"), [(8000, True), (500, True), (60, False), (0, False)])
def test_loud(level, loud):
    pcm = np.rint(level * np.sin(np.arange(2400) / 5)).astype(np.int16)
    recent = Recent(PCMU, 1000)
    assert not recent.loud
    recent.begin(MU_LAW.encode(pcm))
    assert recent.loud is loud
    wide = Recent(PCM16_16K, 1000)
    wide.begin(pcm.tobytes() + b"\x00")  # half a sample
    assert wide.loud is loud
