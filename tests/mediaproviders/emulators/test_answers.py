"""What the emulator says can be recognised by its content."""

import wave
from pathlib import Path

import numpy as np
import pytest

from mediacodecs.g711 import PCMA, PCMU
from mediaproviders.emulators.answers import Answers, Pcm, babble
from mediaproviders.emulators.openai import Pace


def likeness(one: Pcm, other: Pcm) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    return float(np.max(np.abs(np.correlate(a, b, "full"))) / np.sqrt((a @ a) * (b @ b)))


def test_answers_differ_from_each_other_and_repeat_themselves() -> None:
    answers = Answers(Pace(), duration_ms=1000, variety=4)
    first, second = answers.pcm(0, 8000), answers.pcm(1, 8000)
    assert likeness(first, first) == pytest.approx(1.0)
    assert likeness(first, second) < 0.35
    assert np.array_equal(answers.pcm(4, 8000), first)
    assert not np.array_equal(Answers(Pace(), duration_ms=1000, seed=2).pcm(0, 8000), first)


def test_babble_is_loud_throughout_and_the_same_at_both_rates() -> None:
    narrow, wide = babble(5, 1000, 8000).astype(np.int32), babble(5, 1000, 24000)
    assert np.abs(narrow).reshape(-1, 160).mean(axis=1).min() > 400
    assert likeness(narrow.astype(np.int16), wide[::3]) > 0.95


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_g711_answers_decode_to_the_reference(kind: str) -> None:
    answers = Answers(Pace(), duration_ms=500)
    decoded = (PCMU if kind == "audio/pcmu" else PCMA).decode(answers.audio(0, kind))
    assert likeness(decoded, answers.pcm(0, 8000)) > 0.999


def wav(path: Path, rate: int, channels: int = 1) -> Path:
    time = np.arange(rate * channels) / rate
    tone = (np.sin(2 * np.pi * 440 * time) * 12000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone.tobytes())
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_a_wav_of_any_rate(tmp_path: Path, rate: int) -> None:
    answers = Answers(Pace(), wav=wav(tmp_path / f"tone{rate}.wav", rate))
    for index, wanted in ((0, 8000), (3, 24000)):
        pcm = answers.pcm(index, wanted)
        assert len(pcm) == wanted
        spectrum = np.abs(np.fft.rfft(pcm))
        assert spectrum.argmax() == 440
    assert answers.answer(0, "audio/pcmu").duration_ms == 1000
    assert answers.answer(5, "audio/pcmu") is answers.answer(0, "audio/pcmu")


def test_a_part_of_a_wav(tmp_path: Path) -> None:
    answers = Answers(Pace(), wav=wav(tmp_path / "tone.wav", 16000), duration_ms=300)
    assert len(answers.audio(0, "audio/pcm")) == 300 * 48


def test_stereo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mono"):
        Answers(Pace(), wav=wav(tmp_path / "stereo.wav", 8000, channels=2)).pcm(0, 8000)
