"""Recorded speech, for tests marked ``tool("pocketsphinx-testdata")``."""

import wave
from functools import cache
from pathlib import Path

from mediacodecs.pcm import Pcm, from_bytes
from mediacodecs.signal.resample import Resampler
from support.tools import SPEECH_FOLDER


@cache
def _read(path: Path) -> tuple[Pcm, int]:
    with wave.open(str(path)) as file:
        return from_bytes(file.readframes(file.getnframes())), file.getframerate()


def recordings(rate: int = 8000) -> list[Pcm]:
    """Sentences read aloud, at `rate` in Hz."""
    paths = sorted((SPEECH_FOLDER / "librivox").glob("*.wav"))
    return [Resampler(own, rate).process(pcm) for pcm, own in map(_read, paths)]
