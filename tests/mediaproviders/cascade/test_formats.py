"""Between the leg's audio and the services'."""

import numpy as np
import pytest

from mediacodecs.g711 import PCMA as A_LAW
from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import from_bytes, to_bytes
from mediaproviders.cascade.formats import Converter, nearest
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat

TONE = np.asarray(8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), np.int16)


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        (PCMU, (PCM16_24K, PCMU), PCMU),
        (PCMU, (PCM16_24K, PCM16_16K), PCM16_16K),
        (PCMU, (PCM16_24K, PCMA, PCM16_8K), PCM16_8K),
        (PCMU, (PCMA,), PCMA),
        (PCM16_16K, (PCMU, PCM16_24K), PCM16_24K),
        (PCM16_24K, (PCMU, PCM16_16K), PCM16_16K),
        (PCMU, (AudioFormat("pcm16", 44100), PCM16_24K), PCM16_24K),
    ],
)
def test_the_nearest_format(wanted: AudioFormat, offered: tuple[AudioFormat, ...], chosen: AudioFormat) -> None:
    assert nearest(wanted, offered) == chosen


@pytest.mark.parametrize("offered", [(), (AudioFormat("pcm16", 44100),)])
def test_a_service_without_a_usable_format(offered: tuple[AudioFormat, ...]) -> None:
    with pytest.raises(ValueError, match="none of"):
        nearest(PCMU, offered)


def test_the_same_format_passes_untouched() -> None:
    data = b"\x12\x34" * 80
    assert Converter(PCMU, PCMU).convert(data) is data
    odd = Converter(PCM16_8K, PCM16_8K)
    assert [odd.convert(data[:3]), odd.convert(data[3:5]), odd.convert(data[5:])] == [data[:2], data[2:4], data[4:]]


@pytest.mark.parametrize("step", [160, 77, 8000])
def test_up_and_down_again_is_the_same_sound(step: int) -> None:
    law = MU_LAW.encode(TONE)
    up, down = Converter(PCMU, PCM16_24K), Converter(PCM16_24K, PCMA)
    wide = b"".join(up.convert(law[begin : begin + step]) for begin in range(0, len(law), step)) + up.flush()
    # The other way in pieces that split samples.
    back = b"".join(down.convert(wide[begin : begin + 333]) for begin in range(0, len(wide), 333)) + down.flush()
    got = A_LAW.decode(back).astype(float)
    assert abs(len(wide) / 2 - 24000) < 200
    spectrum = np.abs(np.fft.rfft(got[:8000] * np.hanning(8000)))
    assert spectrum.argmax() == 440
    assert spectrum[430:450].sum() > 20 * spectrum[600:].sum() / 10
    assert from_bytes(to_bytes(TONE)).size == 8000
