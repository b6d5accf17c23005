"""Who speaks in the echo bench: recordings for the agent and for callers, at the levels that are asked for."""

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.speech import RECORDINGS, voice
from mediacodecs.pcm import Pcm, from_bytes
from mediacodecs.signal.resample import Resampler
from mediaserver.load.recording import RATE, read_wav

AGENT_DB = -20.0
"""RMS of the agent's voice while it speaks, below full scale (a square wave's): as services speak."""
_PHRASES = (
    "He was not an ill disposed young man, unless to be rather cold hearted is to be ill disposed",
    "Could you tell me when breakfast is served please, and what there is to eat on a Sunday",
    "The next train to the coast leaves at seven minutes past nine, from the second platform",
)
_STOP = ("Wait, one more thing", "No, that is not what I meant", "Stop please, I have to go now")


@dataclass(frozen=True, slots=True)
class Voices:
    """Speech at 8 kHz, without silence at its ends."""

    agent: tuple[Pcm, ...]
    callers: tuple[Pcm, ...]


@cache
def voices() -> Voices:
    """Recordings where they are installed, synthesised speech elsewhere. Raises RuntimeError when there is neither."""
    if not RECORDINGS.exists() or not (RECORDINGS / "librivox").exists():
        if shutil.which("espeak-ng") is None and shutil.which("espeak") is None:
            raise RuntimeError("no speech to send: apt-get install pocketsphinx-testdata or espeak-ng")
        return Voices(tuple(voice("", text) for text in _PHRASES), tuple(voice("", text) for text in _STOP))
    agent = [_trimmed(read_wav(path)) for path in sorted((RECORDINGS / "librivox").glob("*.wav"))]
    callers = [_trimmed(read_wav(path)) for path in sorted((RECORDINGS / "cards").glob("*.wav"))]
    raw = [*sorted(RECORDINGS.glob("*.raw")), *sorted((RECORDINGS / "tidigits").glob("*.raw"))]
    callers += [_trimmed(_read_raw(path)) for path in raw]
    return Voices(tuple(agent), tuple(callers))


def at_level(samples: Pcm, level_db: float) -> Pcm:
    """Scaled so that what is voice in it has this RMS, in dB below full scale."""
    scaled = samples.astype(np.float64) * (32768 * 10 ** (level_db / 20) / active_rms(samples))
    return np.rint(scaled).clip(-32768, 32767).astype(np.int16)


def active_rms(samples: Pcm) -> float:
    """RMS of the frames that are voice: less than 25 dB softer than the loudest."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    powers = np.square(frames).mean(axis=1)
    return float(np.sqrt(powers[powers > powers.max() * 10 ** (-25 / 10)].mean()))


def _trimmed(samples: Pcm) -> Pcm:
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    powers = np.square(frames.astype(np.float64)).mean(axis=1)
    loud = np.flatnonzero(powers > powers.max() * 10 ** (-30 / 10))
    return frames[loud[0] : loud[-1] + 1].reshape(-1)


def _read_raw(path: Path) -> Pcm:
    return Resampler(16000, RATE).process(from_bytes(path.read_bytes()))
