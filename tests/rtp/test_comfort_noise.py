import numpy as np
import pytest

from mediacodecs.g711 import CODECS, SILENCE, Encoding
from mediaserver.rtp.comfort_noise import ComfortNoise, build, parse_level
from mediaserver.rtp.form import form_before


def test_payload() -> None:
    assert parse_level(build(50)) == 50
    assert parse_level(b"\x46spectrum") == 70
    assert parse_level(b"") is None
    assert build(300) == b"\x7f"


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_silence_until_a_level_is_told(encoding: Encoding) -> None:
    noise = ComfortNoise(form_before(encoding))
    assert noise.take(7) == bytes([SILENCE[encoding]]) * 7
    noise.told(50)
    samples = CODECS[encoding].decode(b"".join(noise.take(160) for _ in range(120))).astype(float)
    level = 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768)
    assert level == pytest.approx(-50, abs=1)
    noise.told(127)
    assert noise.take(7) == bytes([SILENCE[encoding]]) * 7


def test_a_peer_cannot_make_us_shout() -> None:
    noise = ComfortNoise(form_before("PCMU"))
    noise.told(0)
    samples = CODECS["PCMU"].decode(noise.take(20_000)).astype(float)
    assert len(samples) == 20_000
    assert 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768) < -44
