"""From one audio format to another."""

import numpy as np
import pytest

from mediacodecs.g711 import PCMA as A_LAW
from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import from_bytes, to_bytes
from mediaproviders.contract import PCM16_8K, PCM16_24K, PCMA, PCMU, AudioFormat
from mediaproviders.transcode import Transcoder, encoded, linear

TONE = np.asarray(8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), np.int16)


def test_the_same_format_passes_untouched() -> None:
    data = b"\x12\x34" * 80
    assert Transcoder(PCMU, PCMU).convert(data) is data
    odd = Transcoder(PCM16_8K, PCM16_8K)
    assert [odd.convert(data[:3]), odd.convert(data[3:5]), odd.convert(data[5:])] == [data[:2], data[2:4], data[4:]]


@pytest.mark.parametrize("step", [160, 77, 8000])
def test_up_and_down_again_is_the_same_sound(step: int) -> None:
    law = MU_LAW.encode(TONE)
    up, down = Transcoder(PCMU, PCM16_24K), Transcoder(PCM16_24K, PCMA)
    wide = b"".join(up.convert(law[begin : begin + step]) for begin in range(0, len(law), step)) + up.flush()
    # The other way in pieces that split samples.
    back = b"".join(down.convert(wide[begin : begin + 333]) for begin in range(0, len(wide), 333)) + down.flush()
    got = A_LAW.decode(back).astype(float)
    assert abs(len(wide) / 2 - 24000) < 200
    spectrum = np.abs(np.fft.rfft(got[:8000] * np.hanning(8000)))
    assert spectrum.argmax() == 440
    assert spectrum[430:450].sum() > 20 * spectrum[600:].sum() / 10
    assert from_bytes(to_bytes(TONE)).size == 8000


@pytest.mark.parametrize(("form", "codec"), [(PCMU, MU_LAW), (PCMA, A_LAW)])
def test_samples_of_a_law(form: AudioFormat, codec: object) -> None:
    assert encoded(TONE, form) == codec.encode(TONE)
    assert (linear(encoded(TONE, form), form) == codec.decode(codec.encode(TONE))).all()
    # Every second sample of something: not in one piece.
    assert encoded(TONE[::2], form) == codec.encode(TONE[::2].copy())


def test_linear_samples() -> None:
    assert (linear(encoded(TONE, PCM16_8K), PCM16_8K) == TONE).all()


@pytest.mark.parametrize(("source", "target"), [(PCMU, PCMA), (PCMA, PCMU)])
def test_one_law_to_the_other(source: AudioFormat, target: AudioFormat) -> None:
    said = encoded(TONE, source)
    transcoder = Transcoder(source, target)
    heard = linear(transcoder.convert(said), target).astype(int)
    assert abs(heard - linear(said, source)).max() <= 512
    assert transcoder.flush() == b""


def test_a_new_stream_after_half_a_sample() -> None:
    transcoder = Transcoder(PCM16_8K, PCMU)
    assert transcoder.convert(b"\x01") == b""
    transcoder.flush()
    assert transcoder.convert(b"\x00\x00") == encoded(np.zeros(1, np.int16), PCMU)


def test_rates_that_cannot_be_converted() -> None:
    with pytest.raises(ValueError, match="44100"):
        Transcoder(AudioFormat("pcm16", 44100), PCMU)
