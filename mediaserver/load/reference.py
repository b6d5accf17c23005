"""The reference receiver: judges a stream by its timestamps, as a phone with no jitter buffer would have to play it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediaserver.load.recording import RATE, Arrival, unwrap

type Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of one measure, in its own unit; all NaN when nothing was measured."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> "Spread":
        """The spread of `values`."""
        array = np.asarray(values, dtype=np.float64)
        if array.size == 0:
            return cls(0, *[float("nan")] * 4)
        p50, p95, p99 = (float(q) for q in np.percentile(array, (50, 95, 99)))
        return cls(array.size, p50, p95, p99, float(array.max()))


@dataclass(frozen=True, slots=True)
class Reception:
    """
    What the receiver found of one SSRC. Arrays have one entry per packet, in order of arrival.

    `lateness_ms` is how long after its scheduled time a packet came, the schedule being anchored at the best transit
    so far. `playout` (monotonic seconds) is when it is heard: at the time the packets before it had scheduled, so
    that coming early gains nothing, or on its arrival if that is later. `gaps_ms` is the time since the packet
    before. `missing` counts sequence numbers never seen, `clock_ms` how far the RTP clock ran ahead of the wall
    (negative: behind) between the first and the last second.
    """

    packets: int
    missing: int
    duplicates: int
    reordered: int
    lateness_ms: Seconds
    gaps_ms: Seconds
    playout: Seconds
    clock_ms: float
    seconds: float


def receive(arrivals: Sequence[Arrival], clock_rate: int = RATE) -> Reception:
    """Judge the packets of one SSRC. Leave telephone-events out: their timestamps stand still (RFC 4733 2.2.1)."""
    return judge(
        np.array([arrival.at for arrival in arrivals]),
        [arrival.sequence for arrival in arrivals],
        [arrival.timestamp for arrival in arrivals],
        clock_rate,
    )


def judge(
    at: Seconds,
    sequence: Sequence[int] | NDArray[np.int64],
    timestamp: Sequence[int] | NDArray[np.int64],
    clock_rate: int = RATE,
) -> Reception:
    """As :func:`receive`, of columns in order of arrival: monotonic seconds, sequence numbers, timestamps."""
    if len(at) == 0:
        nothing = np.zeros(0)
        return Reception(0, 0, 0, 0, nothing, nothing, nothing, 0.0, 0.0)
    numbers = unwrap(sequence, 16)
    media = unwrap(timestamp, 32) / clock_rate
    transit = at - media
    anchor = np.minimum.accumulate(transit)
    distinct = len(np.unique(numbers))
    return Reception(
        packets=len(at),
        missing=int(numbers.max() - numbers.min()) + 1 - distinct,
        duplicates=len(at) - distinct,
        reordered=int(np.count_nonzero(np.diff(numbers) < 0)),
        lateness_ms=(transit - anchor) * 1000,
        gaps_ms=np.diff(at) * 1000,
        playout=np.maximum(at, media + np.concatenate((anchor[:1], anchor[:-1]))),
        clock_ms=_clock_against_wall(at, transit) * 1000,
        seconds=float(at[-1] - at[0]),
    )


def main_source(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """The packets of the SSRC that sent most of them."""
    counts: dict[int, int] = {}
    for arrival in arrivals:
        counts[arrival.ssrc] = counts.get(arrival.ssrc, 0) + 1
    if not counts:
        return []
    main = max(counts, key=lambda ssrc: counts[ssrc])
    return [arrival for arrival in arrivals if arrival.ssrc == main]


def _clock_against_wall(at: Seconds, transit: Seconds) -> float:
    """Best transit of the first second less that of the last: jitter only adds to transit, so the best ones compare."""
    first = transit[at <= at[0] + 1.0].min()
    last = transit[at >= at[-1] - 1.0].min()
    return float(first - last)
