"""What a caller of ours heard, told by its content."""

import numpy as np

from mediacodecs.g711 import PCMA, PCMU
from mediaproviders.emulators.openai import OpenAIEmulator
from mediaserver.load.recording import Samples
from mediaserver.load.report import CallReport
from mediaserver.talk import fault_audio
from support.rig import where

RATE = 8000


def answer(emulator: OpenAIEmulator, number: int, codec: str = "PCMU") -> Samples:
    """An answer of the emulator as a caller hears it: it went through G.711 once."""
    law = PCMA if codec == "PCMA" else PCMU
    return law.decode(law.encode(emulator.answers.pcm(number, RATE)))


def tone() -> Samples:
    """What is played when the model is lost and the agent has no words of its own for it."""
    return PCMU.decode(fault_audio.load(None))


def place(report: CallReport, sound: Samples, after_s: float = 0.0, before_s: float = 3600.0) -> tuple[int, float]:
    """Where in the call `sound` fits best, in samples, and how well (1: it is that sound).

    Only what was heard between `after_s` and `before_s` seconds after the answer is looked at.
    """
    assert report.heard is not None and report.answered_at is not None, "nothing was heard"
    early = report.answered_at - report.heard.starts_at
    begin = max(0, round((early + after_s) * RATE))
    at, fit = where(sound, report.heard.samples[begin : max(0, round((early + before_s) * RATE))])
    return begin + at, fit


def hears(report: CallReport, sound: Samples, after_s: float = 0.0, before_s: float = 3600.0) -> bool:
    """Whether `sound` was heard in that time, every sample of it."""
    at, _ = place(report, sound, after_s, before_s)
    assert report.heard is not None
    return np.array_equal(report.heard.samples[at : at + len(sound)], sound)


def heard_at(report: CallReport, sound: Samples) -> float:
    """Seconds after the answer at which `sound`, which must be there, began."""
    at, fit = place(report, sound)
    assert fit > 0.98, f"not heard: the best fit is {fit:.2f}"
    assert report.heard is not None and report.answered_at is not None
    return report.heard.starts_at + at / RATE - report.answered_at
