"""What a caller's ear received: the packet log, and the sound it makes when played by timestamp."""

import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from mediaserver.rtp.packet import parse

type Samples = NDArray[np.int16]

RATE = 8000
"""Hz: every recording here is of a telephone."""

LONGEST_JUMP_S = 30.0
"""A timestamp further than this from the wall clock begins a new stretch instead of minutes of silence."""


@dataclass(slots=True)
class Arrival:
    """One RTP packet as it came in; `at` is `time.monotonic()` in seconds."""

    at: float
    sequence: int
    timestamp: int
    marker: bool
    payload_type: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Track:
    """Sound of one side of a call; `starts_at` is the monotonic time of its first sample."""

    samples: Samples
    starts_at: float

    @property
    def ends_at(self) -> float:
        """The monotonic time after its last sample."""
        return self.starts_at + len(self.samples) / RATE


def parse_arrival(at: float, packet: bytes) -> Arrival | None:
    """Read an RTP packet that arrived `at`; None if it is not one (RFC 3550 5.1)."""
    read = parse(packet)
    if read is None:
        return None
    return Arrival(at, read.sequence, read.timestamp, read.marker, read.payload_type, read.ssrc, read.payload)


def unwrap(values: Sequence[int] | NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Serial numbers as they count on beyond their wrap at `bits`, starting at the first value."""
    raw = np.asarray(values, dtype=np.int64)
    if len(raw) == 0:
        return raw
    half = 1 << (bits - 1)
    steps = (np.diff(raw) + half) % (1 << bits) - half
    return np.concatenate(([raw[0]], raw[0] + np.cumsum(steps)))


def play_by_timestamp(arrivals: Sequence[Arrival], decoders: Mapping[int, Callable[[bytes], Samples]]) -> Track | None:
    """
    Sound as a patient receiver would play it: each packet at its timestamp, silence where one is missing.

    The zero of the clock is the best transit seen. A new SSRC, or a timestamp far from the wall clock, starts a new
    stretch placed by its arrival. None when no packet has a decoder for its payload type.
    """
    audible = [arrival for arrival in arrivals if arrival.payload_type in decoders]
    if not audible:
        return None
    stretches = [_place(stretch, decoders) for stretch in _stretches(audible)]
    begin = min(track.starts_at for track in stretches)
    length = max(round((track.starts_at - begin) * RATE) + len(track.samples) for track in stretches)
    mixed = np.zeros(length, dtype=np.int16)
    for track in stretches:
        offset = round((track.starts_at - begin) * RATE)
        mixed[offset : offset + len(track.samples)] = track.samples
    return Track(mixed, begin)


def _stretches(arrivals: Sequence[Arrival]) -> list[list[Arrival]]:
    """Cut where the SSRC changes or the timestamps leave the wall clock behind."""
    stretches: list[list[Arrival]] = []
    for _, same_source in groupby(arrivals, key=lambda arrival: arrival.ssrc):
        packets = list(same_source)
        transit = np.array([packet.at for packet in packets]) - unwrap([p.timestamp for p in packets], 32) / RATE
        cuts = np.flatnonzero(np.abs(np.diff(transit)) > LONGEST_JUMP_S) + 1
        bounds = [0, *cuts.tolist(), len(packets)]
        stretches += [packets[a:b] for a, b in pairwise(bounds)]
    return stretches


def _place(arrivals: Sequence[Arrival], decoders: Mapping[int, Callable[[bytes], Samples]]) -> Track:
    timestamps = unwrap([arrival.timestamp for arrival in arrivals], 32)
    origin = int(timestamps.min())
    best = min(arrival.at - (int(ts) - origin) / RATE for arrival, ts in zip(arrivals, timestamps, strict=True))
    pieces = [decoders[arrival.payload_type](arrival.payload) for arrival in arrivals]
    length = max(int(ts) - origin + len(piece) for ts, piece in zip(timestamps, pieces, strict=True))
    sound = np.zeros(length, dtype=np.int16)
    for ts, piece in zip(timestamps, pieces, strict=True):
        offset = int(ts) - origin
        sound[offset : offset + len(piece)] = piece
    return Track(sound, best)


def stereo(left: Track, right: Track | None) -> tuple[Samples, float]:
    """Both tracks on one time axis: an array of shape (n, 2), and the monotonic time of its first row."""
    tracks = [track for track in (left, right) if track is not None]
    begin = min(track.starts_at for track in tracks)
    length = max(round((track.starts_at - begin) * RATE) + len(track.samples) for track in tracks)
    rows = np.zeros((length, 2), dtype=np.int16)
    for channel, track in enumerate((left, right)):
        if track is not None:
            offset = round((track.starts_at - begin) * RATE)
            rows[offset : offset + len(track.samples), channel] = track.samples
    return rows, begin


def write_wav(path: Path, samples: Samples, rate: int = RATE) -> None:
    """Write 16-bit samples; one channel for shape (n,), as many as columns for shape (n, c)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def read_wav(path: Path, rate: int = RATE) -> Samples:
    """Read a 16-bit WAV as mono at `rate` Hz. Raises ValueError for another sample width."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path}: {8 * file.getsampwidth()} bits per sample; convert it to 16-bit PCM")
        channels, from_rate = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return resample(samples, from_rate, rate)


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """A whole recording at another rate (offline: no state, no delay)."""
    if from_rate == to_rate:
        return samples.astype(np.int16)
    common = int(np.gcd(from_rate, to_rate))
    converted = resample_poly(samples.astype(np.float64), to_rate // common, from_rate // common)
    rounded: Samples = np.clip(np.rint(converted), -32768, 32767).astype(np.int16)
    return rounded
