"""What the caller says, and when."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediaproviders.local.speak import synthesise

RATE = 48_000
_TAIL_S = 40.0


@dataclass(frozen=True, slots=True)
class Line:
    """Said `at` seconds after the microphone was opened."""

    at: float
    text: str


LINES = (
    Line(6.0, "What are your opening hours, please?"),
    Line(16.0, "Please tell me a story."),
    # Into the story.
    Line(22.5, "Sorry, where are you located?"),
)


def record(path: Path, lines: tuple[Line, ...] = LINES) -> None:
    """Write it as a WAV file for a microphone. Raises ProviderError when there is no voice."""
    spoken = [(round(line.at * RATE), synthesise(line.text, RATE)) for line in lines]
    samples = np.zeros(max(at + len(words) for at, words in spoken) + round(_TAIL_S * RATE), np.int16)
    for at, words in spoken:
        samples[at : at + len(words)] = words
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
