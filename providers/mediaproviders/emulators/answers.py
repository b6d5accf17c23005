"""What the emulator says: the same audio every time, each answer recognisable by its content."""

import base64
import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from mediacodecs.g711 import PCMA, PCMU
from mediaproviders.emulators.pace import Pace

type Pcm = NDArray[np.int16]

RATES = {"audio/pcmu": 8000, "audio/pcma": 8000, "audio/pcm": 24000}
RATES |= {f"audio/pcm;rate={rate}": rate for rate in (8000, 16000, 24000, 32000, 48000)}
DEFAULT_MS = 4000
_SYLLABLE_S = 0.2
_TELEPHONE_BAND_HZ = 3400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in one format, ready to be sent."""

    pieces: tuple[str, ...]
    """Base64 of each delta's audio."""
    lengths_ms: tuple[int, ...]
    """Length of each."""

    @property
    def duration_ms(self) -> int:
        """Length of the whole."""
        return sum(self.lengths_ms)


@lru_cache(maxsize=128)
def babble(seed: int, duration_ms: int, rate: int) -> Pcm:
    """Something loud and speech-like: a voice whose pitch and colour change at every syllable, drawn from `seed`.

    Its band ends at 3.4 kHz, so that it is the same signal at every rate.
    """
    draw = np.random.default_rng(seed)
    time = np.arange(duration_ms * rate // 1000) / rate
    syllable = (time / _SYLLABLE_S).astype(int)
    count = int(duration_ms / 1000 / _SYLLABLE_S) + 2
    pitch = np.interp(time, np.arange(count) * _SYLLABLE_S, draw.uniform(95, 210, count))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = draw.uniform([300, 900, 2000], [850, 1900, 3100], (count, 3))
    voice = np.zeros(len(time))
    for harmonic in range(1, int(_TELEPHONE_BAND_HZ / 95)):
        frequency = pitch * harmonic
        colour = sum(
            weight * np.exp(-(((frequency - formants[syllable, index]) / 180) ** 2))
            for index, weight in enumerate((1.0, 0.6, 0.35))
        )
        audible = frequency < _TELEPHONE_BAND_HZ
        voice += np.where(audible, (colour + 0.05 / harmonic) * np.sin(harmonic * phase + harmonic**2), 0.0)
    # Loud enough at every moment for a detector, yet with the rhythm of syllables.
    envelope = 0.65 - 0.35 * np.cos(2 * np.pi * time / _SYLLABLE_S)
    shaped = voice * envelope
    return np.asarray(shaped / np.abs(shaped).max() * 16000, np.int16)


@lru_cache(maxsize=16)
def recording(path: str, rate: int) -> Pcm:
    """A mono 16-bit WAV file at `rate`, resampled once. Raises ValueError for another kind of WAV file."""
    with wave.open(path, "rb") as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            raise ValueError(f"{path}: the answer must be mono 16-bit PCM; convert it first")
        own_rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    if own_rate == rate:
        return samples.astype(np.int16)
    divisor = int(np.gcd(own_rate, rate))
    resampled = resample_poly(samples.astype(np.float64), rate // divisor, own_rate // divisor)
    return np.asarray(np.clip(np.round(resampled), -32768, 32767), np.int16)


class Answers:
    """The answers of one emulator. Answer n is the same in every session, and equal to answer n + `variety`."""

    def __init__(
        self, pace: Pace, *, wav: Path | None = None, duration_ms: int | None = None, seed: int = 1, variety: int = 8
    ) -> None:
        self._pace = pace
        self._wav = wav
        self._duration_ms = duration_ms
        self._seed = seed
        self._variety = variety
        self._ready: dict[tuple[int, str], Answer] = {}

    def pcm(self, index: int, rate: int) -> Pcm:
        """The reference of answer `index` (from 0) at `rate`: what a listener is to recognise."""
        if self._wav is None:
            return babble(self._seed * 1000 + index % self._variety, self._duration_ms or DEFAULT_MS, rate)
        samples = recording(str(self._wav), rate)
        return samples if self._duration_ms is None else samples[: self._duration_ms * rate // 1000]

    def audio(self, index: int, kind: str) -> bytes:
        """Answer `index` encoded in a format named as in the session (`audio/pcmu`, …), whole milliseconds of it."""
        rate = RATES[kind]
        pcm = self.pcm(index, rate)
        pcm = pcm[: len(pcm) * 1000 // rate * rate // 1000]
        match kind:
            case "audio/pcmu":
                return PCMU.encode(pcm)
            case "audio/pcma":
                return PCMA.encode(pcm)
            case _:
                return pcm.astype("<i2").tobytes()

    def answer(self, index: int, kind: str) -> Answer:
        """Answer `index` cut into deltas by the pace; prepared once, then shared by all sessions."""
        key = (index % self._variety if self._wav is None else 0, kind)
        ready = self._ready.get(key)
        if ready is None:
            bytes_per_ms = RATES[kind] // 1000 * (1 if kind in ("audio/pcmu", "audio/pcma") else 2)
            ready = self._ready[key] = self._cut(self.audio(index, kind), bytes_per_ms)
        return ready

    def prepare(self, kinds: tuple[str, ...]) -> None:
        """Make every answer in these formats now, so that no session waits for it."""
        for kind in kinds:
            for index in range(self._variety if self._wav is None else 1):
                self.answer(index, kind)

    def _cut(self, audio: bytes, bytes_per_ms: int) -> Answer:
        pieces: list[str] = []
        lengths: list[int] = []
        offset = 0
        for length in self._pace.lengths(len(audio) // bytes_per_ms):
            size = length * bytes_per_ms
            pieces.append(base64.b64encode(audio[offset : offset + size]).decode())
            lengths.append(length)
            offset += size
        return Answer(tuple(pieces), tuple(lengths))
