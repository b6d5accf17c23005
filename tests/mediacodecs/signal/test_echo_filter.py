import numpy as np
import pytest

from mediacodecs.signal.echo_filter import BLOCK, LEAD, EchoFilter
from mediaproviders.emulators.answers import babble

PLAYED = babble(3, 6000, 8000).astype(np.float64)
CALLER = babble(4, 6000, 8000).astype(np.float64)


def path(taps: int = 200) -> np.ndarray:
    fading = np.random.default_rng(5).normal(0, 1, taps) * np.exp(-np.arange(taps) / 32)
    fading[0] = 3.0
    return 0.3 * fading / np.linalg.norm(fading)


def run(heard: np.ndarray) -> tuple[EchoFilter, np.ndarray]:
    """What a filter leaves of what is heard; the echo has no delay but the filter's lead."""
    each = EchoFilter()
    each.begin(0.2)
    left = np.zeros(len(heard))
    for at in range(BLOCK, len(heard) - BLOCK + 1, BLOCK):
        block = heard[at : at + BLOCK].astype(np.float32)
        error = block - each.echo_of(PLAYED[at - BLOCK : at + BLOCK].astype(np.float32))
        each.learn(error)
        left[at : at + BLOCK] = error
    return each, left


def echo(response: np.ndarray) -> np.ndarray:
    late = np.concatenate((np.zeros(LEAD), PLAYED))
    return np.convolve(late, response)[: len(PLAYED)]


def db(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(one * one) / np.sum(other * other)))


def test_a_path_is_learned_within_a_second() -> None:
    heard = echo(path()) + np.random.default_rng(1).normal(0, 10, len(PLAYED))
    _, left = run(heard)
    assert db(heard[8000:16000], left[8000:16000]) > 12
    assert db(heard[32000:], left[32000:]) > 20


def test_what_is_learned_is_the_path() -> None:
    each, _ = run(echo(path()))
    response = each.response()
    assert len(response) == 3 * BLOCK
    assert int(np.abs(response).argmax()) == LEAD
    assert response[LEAD] == pytest.approx(path()[0], rel=0.15)


def test_a_caller_who_speaks_meanwhile_is_left_and_does_not_spoil_it() -> None:
    alone = echo(path())
    both = alone.copy()
    begin, end = 16000, 32000
    both[begin:end] += 0.2 * CALLER[begin:end]
    _, left = run(both)
    caller = 0.2 * CALLER[begin:end]
    assert db(caller, left[begin:end] - caller) > 8
    assert db(alone[36000:], left[36000:]) > 15


def test_nothing_is_heard_of_nothing() -> None:
    each = EchoFilter()
    assert not each.echo_of(np.ones(2 * BLOCK, np.float32)).any()
    each.begin(0.5)
    each.rest()
    assert not each.echo_of(np.zeros(2 * BLOCK, np.float32)).any()
