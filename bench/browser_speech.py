"""What a browser's caller says: the cycle of `bench.speech` in wide band, as packets of Opus made beforehand.

Opus delays sound, and its decoder smears the end of a word into the next packet. Where a turn ends for the model's
detector is therefore found on the codec alone, by decoding what was encoded: what latency is then measured from is
later by the codec's own delay, so that none of it is counted as the server's.
"""

from itertools import pairwise

import numpy as np
from scipy.signal import correlate

from bench.speech import BARGE_IN_AT_S, BARGE_IN_S, CYCLE_S, PHRASES, QUESTION_S, SILENCE_MS, Cycle, voice
from mediacodecs.opus import OpusDecoder, OpusEncoder, OpusWishes
from mediaproviders.emulators.speech import floor_of, loudness
from mediaserver.load.recording import Samples

RATE = 24000
FRAME = RATE // 50
BITRATE, COMPLEXITY = 32000, 9
"""As a browser encodes speech."""
_CLEAR = 3.0


def make_browser_cycle() -> Cycle:
    """The cycle and its marks. Raises RuntimeError when there is no speech to send."""
    sound = spoken()
    frames = encoded(sound)
    heard = decoded(frames)
    speech = [i for i, frame in enumerate(heard) if loudness(frame.tobytes(), "audio/pcm") >= floor_of(0.5)]
    border = round(BARGE_IN_AT_S * RATE) // FRAME
    before, after = [i for i in speech if i < border], [i for i in speech if i >= border]
    pauses = [b - a for part in (before, after) for a, b in pairwise(part)]
    if max(pauses) * 20 >= SILENCE_MS:
        raise RuntimeError("a pause in the speech would end the caller's turn: use other recordings")
    return Cycle(frames, before[-1], after[0], after[-1])


def spoken() -> Samples:
    """The sound of the cycle at 24 kHz."""
    sound = np.zeros(round(CYCLE_S * RATE), dtype=np.int16)
    question, barge_in = (voice(*phrase, rate=RATE) for phrase in PHRASES)
    for speech, at_s, longest_s in ((question, 0.0, QUESTION_S), (barge_in, BARGE_IN_AT_S, BARGE_IN_S)):
        clear = _clear_end(speech[: round(longest_s * RATE)])
        begin = round(at_s * RATE)
        sound[begin : begin + len(clear)] = clear
    return sound


def encoded(sound: Samples) -> tuple[bytes, ...]:
    """As a browser would, packet by packet; the encoder has been through the cycle once before."""
    encoder = OpusEncoder(OpusWishes(fec=True), complexity=COMPLEXITY, bitrate=BITRATE)
    frames = sound.reshape(-1, FRAME)
    for frame in frames:
        encoder.encode(frame)
    return tuple(encoder.encode(frame) for frame in frames)


def decoded(packets: tuple[bytes, ...]) -> list[Samples]:
    """As the server does; the decoder has been through the cycle once before."""
    decoder = OpusDecoder(RATE)
    for packet in packets:
        decoder.decode(packet)
    return [decoder.decode(packet).copy() for packet in packets]


def silence() -> bytes:
    """A packet of it."""
    encoder = OpusEncoder(OpusWishes(fec=True), complexity=COMPLEXITY, bitrate=BITRATE)
    return [encoder.encode(np.zeros(FRAME, np.int16)) for _ in range(10)][-1]


def delay_ms() -> float:
    """Opus' own delay from sample to sample, encoder and decoder alone: where what comes out is likest what went in."""
    sound = spoken()
    heard = np.concatenate(decoded(encoded(sound))).astype(np.float64)[: 2 * RATE]
    said = sound.astype(np.float64)[: 2 * RATE]
    likeness = correlate(heard, said, method="fft")[len(said) - 1 :]
    return int(np.argmax(likeness[: RATE // 50])) * 1000 / RATE


def _clear_end(speech: Samples) -> Samples:
    """Without what fades away, so that the end is as plain to a detector after the codec as before it."""
    frames = speech[: len(speech) // FRAME * FRAME].reshape(-1, FRAME)
    clear = [i for i, f in enumerate(frames) if loudness(f.tobytes(), "audio/pcm") >= _CLEAR * floor_of(0.5)]
    return frames[: clear[-1] + 1].reshape(-1)
