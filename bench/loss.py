"""How much of the voice survives lost packets: PESQ (ITU-T P.862.2, wide band) of Opus both ways, ours and plain.

Run as `python -m bench.loss [--patterns N]`. Recorded speech is put together into one call, which loses packets by the
same pattern whatever is done against it; each utterance is then judged by itself.
"""

import argparse
import wave
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from math import sqrt
from statistics import fmean, stdev

import numpy as np
from pesq import NoUtterancesError, pesq

from bench.loss_calls import RATE, Loss, Way, agent_to_caller, caller_to_model
from bench.speech import RECORDINGS
from mediacodecs.pcm import Pcm, from_bytes, silence

LOSSES = (Loss(0.0), Loss(0.01), Loss(0.05), Loss(0.10), Loss(0.05, burst=3.0), Loss(0.10, burst=3.0))
WAYS: tuple[Way, ...] = ("plain", "concealed", "ours")
DIRECTIONS = ("caller to model", "agent to caller")
_GAP_S = 0.5
_SHORTEST_S = 1.5
_LONGEST_S = 4.0
_LATE_S = 0.1
"""Of an utterance heard, so much more is judged: it may be late. PESQ finds by how much."""


@dataclass(frozen=True, slots=True)
class Case:
    """One call: a direction, a loss, and which pattern of it."""

    direction: str
    loss: Loss
    seed: int


def recordings() -> list[Pcm]:
    """Utterances of some seconds. Raises RuntimeError when there are none."""
    found = list[Pcm]()
    for path in sorted(RECORDINGS.rglob("*.wav")):
        with wave.open(str(path)) as file:
            if file.getframerate() == RATE and file.getnchannels() == 1:
                found += _cut(from_bytes(file.readframes(file.getnframes())))
    for path in sorted(RECORDINGS.glob("*.raw")):
        found += _cut(from_bytes(path.read_bytes()))
    if not found:
        raise RuntimeError(f"no recorded speech in {RECORDINGS}: apt-get install pocketsphinx-testdata")
    return found


def _cut(pcm: Pcm) -> Iterator[Pcm]:
    """Pieces of one length, none too long; nothing of what is too short."""
    pieces = max(1, round(len(pcm) / RATE / _LONGEST_S))
    for piece in np.array_split(pcm, pieces):
        if len(piece) >= _SHORTEST_S * RATE:
            loudest = max(1, int(np.abs(piece.astype(np.int32)).max()))
            yield (piece.astype(np.float64) * (16384 / loudest)).astype(np.int16)


def judged(case: Case, utterances: list[Pcm]) -> dict[Way, list[float]]:
    """PESQ of each utterance of one call, by what is done against loss."""
    gap = silence(round(_GAP_S * RATE))
    said = np.concatenate([part for each in utterances for part in (gap, each)] + [gap])
    lost = case.loss.pattern(len(said) // (RATE // 50) + 1, case.seed)
    scores = dict[Way, list[float]]()
    for way in WAYS:
        if case.direction == "caller to model":
            heard = caller_to_model(said, lost, case.loss, way)
        else:
            heard = agent_to_caller(said, lost, way)
        scores[way] = _scores(utterances, heard)
    return scores


def _scores(utterances: list[Pcm], heard: Pcm) -> list[float]:
    scores, at = list[float](), 0
    for each in utterances:
        at += round(_GAP_S * RATE)
        piece = heard[at : at + len(each) + round(_LATE_S * RATE)]
        at += len(each)
        try:
            scores.append(pesq(RATE, each, piece, "wb"))
        except NoUtterancesError:  # all of it was lost
            scores.append(1.0)
    return scores


def interval(values: list[float]) -> float:
    """Half the width of the 95 % confidence interval of the mean."""
    return 1.96 * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def _row(direction: str, loss: Loss, scores: dict[Way, list[float]]) -> str:
    margin = [ours - plain for ours, plain in zip(scores["ours"], scores["plain"], strict=True)]
    how = "" if loss.share == 0 else ", each by itself" if loss.burst <= 1 else f", in bursts of {loss.burst:g}"
    means = " | ".join(f"{fmean(scores[way]):.2f}" for way in WAYS)
    return f"| {direction} | {loss.share:.0%}{how} | {means} | {fmean(margin):+.2f} ± {interval(margin):.2f} |"


def main() -> None:
    """Judge all of it, and print it as a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.loss", description=__doc__)
    parser.add_argument("--patterns", type=int, default=4, help="patterns of loss for each share (default 4)")
    parser.add_argument("--processes", type=int, default=1, help="at once (default 1)")
    arguments = parser.parse_args()
    utterances = recordings()
    cases = [Case(*each) for each in product(DIRECTIONS, LOSSES, range(arguments.patterns))]
    gathered = dict[tuple[str, Loss], dict[Way, list[float]]]()
    with ProcessPoolExecutor(arguments.processes) as pool:
        for case, scores in zip(cases, pool.map(judged, cases, [utterances] * len(cases)), strict=True):
            into = gathered.setdefault((case.direction, case.loss), {way: [] for way in WAYS})
            for way in WAYS:
                into[way] += scores[way]
    print(f"PESQ (wide band) of {len(utterances)} utterances, {arguments.patterns} patterns of loss each\n")
    print("| direction | packets lost | plain | concealed | with second copies | margin over plain |")
    print("|---|---|---|---|---|---|")
    for (direction, loss), scores in gathered.items():
        print(_row(direction, loss, scores))


if __name__ == "__main__":
    main()
