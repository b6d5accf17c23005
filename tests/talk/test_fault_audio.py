import wave
from pathlib import Path

import numpy as np
import pytest

from mediacodecs.g711 import PCMA, PCMU
from mediacodecs.pcm import from_bytes
from mediaproviders import contract
from mediaserver.errors import ConfigurationError
from mediaserver.talk import fault_audio


def recorded(path: Path, rate: int, seconds: float = 1.0, channels: int = 1, width: int = 2) -> str:
    tone = (8000 * np.sin(2 * np.pi * 500 * np.arange(int(rate * seconds)) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(tone.tobytes())
    return str(path)


def pitch(pcm: "np.typing.NDArray[np.int16]", rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(pcm.astype(float)))) * rate / len(pcm))


def test_without_a_recording_it_is_an_audible_tone() -> None:
    pcm = PCMU.decode(fault_audio.load(None))
    assert 0.2 < len(pcm) / 8000 < 5
    assert np.abs(pcm).max() > 1000


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_a_recording_of_any_usual_rate(tmp_path: Path, rate: int) -> None:
    pcm = PCMU.decode(fault_audio.load(recorded(tmp_path / "sorry.wav", rate)))
    assert len(pcm) == pytest.approx(8000, abs=80)
    assert pitch(pcm, 8000) == pytest.approx(500, abs=10)


def test_a_recording_that_never_ends_is_cut(tmp_path: Path) -> None:
    assert len(fault_audio.load(recorded(tmp_path / "long.wav", 8000, 40.0))) == fault_audio.LONGEST_S * 8000


@pytest.mark.parametrize("shape", [{"channels": 2}, {"width": 1}, {"rate": 11025}])
def test_what_cannot_be_used_is_named(tmp_path: Path, shape: dict[str, int]) -> None:
    path = recorded(tmp_path / "odd.wav", **({"rate": 8000} | shape))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"agent\.fault_audio .*odd\.wav"):
        fault_audio.load(path)


@pytest.mark.parametrize("content", [None, b"", b"RIFF", b"ID3 not a wave file at all, but longer than a header is."])
def test_what_is_no_wav_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "sorry.mp3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"sorry\.mp3: cannot be read as WAV"):
        fault_audio.load(str(path))


def test_in_the_format_the_model_speaks(tmp_path: Path) -> None:
    law = fault_audio.load(recorded(tmp_path / "sorry.wav", 8000))
    pcm = PCMU.decode(law)
    assert fault_audio.in_format(law, contract.PCMU) == law
    assert fault_audio.in_format(law, contract.PCMA) == PCMA.encode(pcm)
    assert from_bytes(fault_audio.in_format(law, contract.PCM16_8K)).tolist() == pcm.tolist()
    wide = from_bytes(fault_audio.in_format(law, contract.PCM16_24K))
    assert len(wide) == pytest.approx(24000, abs=240)
    assert pitch(wide, 24000) == pytest.approx(500, abs=10)
