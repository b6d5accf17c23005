"""What a caller of the benchmark says: one cycle of real speech and silence, as mu-law frames of 20 ms."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mediacodecs.g711 import PCMU
from mediaproviders.emulators.speech import floor_of, loudness
from mediaserver.load.ear import is_loud
from mediaserver.load.recording import RATE, Samples, read_wav

FRAME = RATE // 50
CYCLE_S = 11.0
QUESTION_S, BARGE_IN_AT_S, BARGE_IN_S = 1.5, 4.9, 1.1
"""A question, answered from about 2.2 s on for 4 s; two thirds into that a barge-in, which is answered too."""
SILENCE_MS = 500
"""Quiet audio after which the model's detector ends a turn; the protocol's default."""
SHORT_CYCLE_S, SHORT_SPEECH_S, SHORT_SILENCE_MS, SHORT_ANSWER_MS = 1.6, 0.35, 300, 300
"""Short turns: the answer is over about 1.2 s after the caller began."""

RECORDINGS = Path("/usr/share/pocketsphinx/test/data")
"""Where Debian's pocketsphinx-testdata puts its readings."""
CLEAR = 3.0
"""Times what the model's detector counts as speech: where a phrase ends, so that every service hears it end there."""
MOVED_MS = 4
"""How far a resampler may move sound, with room to spare."""
PHRASES = (
    ("librivox/sense_and_sensibility_01_austen_64kb-0880.wav", "Could you tell me when breakfast is served please"),
    ("librivox/sense_and_sensibility_01_austen_64kb-0890.wav", "Wait, one more thing"),
)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Frames to send round and round, and the indices of those that latency is measured from.

    `question_end` and `barge_in_end` are the last frames the model's detector counts as speech; the frame
    `silence_ms` after such a one is the one on whose arrival it ends the turn. `barge_in` is the first of the barge-in.
    """

    frames: tuple[bytes, ...]
    question_end: int
    barge_in: int | None = None
    barge_in_end: int | None = None
    silence_ms: int = SILENCE_MS

    @property
    def marks(self) -> dict[int, str]:
        """What to note the sending of, by index."""
        wait = self.silence_ms // 20
        marks = {self.question_end: "question_end", self.question_end + wait: "question_decided"}
        if self.barge_in is not None and self.barge_in_end is not None:
            marks[self.barge_in] = "barge_in"
            marks[self.barge_in_end] = "barge_in_end"
            marks[self.barge_in_end + wait] = "barge_in_decided"
        return marks


def make_short_cycle() -> Cycle:
    """One short question and the time for a short answer. Raises RuntimeError when there is no speech to send."""
    sound = np.zeros(round(SHORT_CYCLE_S * RATE), dtype=np.int16)
    _lay(sound, voice(*PHRASES[1])[: round(SHORT_SPEECH_S * RATE)], 0.0)
    frames, speech = _frames(sound)
    return Cycle(frames, speech[-1], silence_ms=SHORT_SILENCE_MS)


def make_cycle() -> Cycle:
    """Real speech where it is installed, synthesised speech otherwise. Raises RuntimeError when there is neither."""
    sound = np.zeros(round(CYCLE_S * RATE), dtype=np.int16)
    question, barge_in = (voice(*phrase) for phrase in PHRASES)
    _lay(sound, _clear_end(question[: round(QUESTION_S * RATE)]), 0.0)
    _lay(sound, _clear_end(barge_in[: round(BARGE_IN_S * RATE)]), BARGE_IN_AT_S)
    frames, speech = _frames(sound)
    border = round(BARGE_IN_AT_S * RATE) // FRAME
    before, after = [i for i in speech if i < border], [i for i in speech if i >= border]
    pauses = [b - a for part in (before, after) for a, b in pairwise(part)]
    if max(pauses) * 20 >= SILENCE_MS:
        raise RuntimeError("a pause in the speech would end the caller's turn: use other recordings")
    return Cycle(frames, before[-1], after[0], after[-1])


def _frames(sound: Samples) -> tuple[tuple[bytes, ...], list[int]]:
    """Encoded, and the indices of those that the model's detector counts as speech."""
    frames = tuple(PCMU.encode(frame) for frame in sound.reshape(-1, FRAME))
    return frames, [index for index, frame in enumerate(frames) if loudness(frame, "audio/pcmu") >= floor_of(0.5)]


def _clear_end(speech: Samples) -> Samples:
    """Without what fades away: services are not equally sensitive, and a resampler moves sound to the next frame."""
    frames = speech[: len(speech) // FRAME * FRAME].reshape(-1, FRAME)
    clear = [i for i, f in enumerate(frames) if loudness(PCMU.encode(f), "audio/pcmu") >= CLEAR * floor_of(0.5)]
    ended = frames[: clear[-1] + 1].reshape(-1).copy()
    ended[-MOVED_MS * RATE // 1000 :] = 0
    return ended


def _lay(sound: Samples, speech: Samples, at_s: float, rate: int = RATE) -> None:
    begin = round(at_s * rate)
    sound[begin : begin + len(speech)] = speech


def voice(recording: str, text: str, rate: int = RATE) -> Samples:
    """One phrase at `rate`, without the silence around it, its loudest sample at half of full scale."""
    path, frame = RECORDINGS / recording, rate // 50
    samples = read_wav(path, rate) if path.exists() else _synthesise(text, rate)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    peak = max(1, int(np.abs(samples.astype(np.int32)).max()))
    scaled = (frames.astype(np.float64) * (16384 / peak)).astype(np.int16)
    loud = [index for index, frame in enumerate(scaled) if is_loud(frame, threshold=800.0)]
    return scaled[loud[0] : loud[-1] + 1].reshape(-1)


def _synthesise(text: str, rate: int = RATE) -> Samples:
    program = shutil.which("espeak-ng") or shutil.which("espeak")
    if program is None:
        raise RuntimeError("no speech to send: apt-get install pocketsphinx-testdata or espeak-ng")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "phrase.wav"
        subprocess.run([program, "-w", str(path), text], check=True)
        return read_wav(path, rate)
