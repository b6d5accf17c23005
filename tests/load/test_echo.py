import numpy as np
import pytest

from mediaserver.load.echo import EchoPath

AGENT = (1000 * np.arange(1, 11)).repeat(160).astype(np.int16)
SILENCE = np.zeros(160, np.int16)


@pytest.mark.parametrize("frames", [0, 1, 6])
def test_what_is_heard_comes_back_later_and_softer(frames: int) -> None:
    path = EchoPath(-20.0, frames * 20)
    back = []
    for at in range(0, len(AGENT), 160):
        path.hear(AGENT[at : at + 160])
        back.append(path.over(SILENCE))
    heard = np.concatenate(back)
    assert not heard[: frames * 160].any()
    assert heard[frames * 160 :].tolist() == (AGENT[: len(AGENT) - frames * 160] // 10).tolist()


def test_it_comes_on_top_of_what_the_caller_says() -> None:
    path = EchoPath(-20.0, 0)
    path.hear(AGENT[:160])
    assert set(path.over(np.full(160, 50, np.int16)).tolist()) == {150}
    assert set(path.over(np.full(160, 50, np.int16)).tolist()) == {50}  # nothing more was heard


def test_what_waits_is_bounded() -> None:
    path = EchoPath(0.0, 20)
    for _ in range(100):
        path.hear(AGENT[:160])
    frames = 0
    while path.over(SILENCE).any():
        frames += 1
    assert frames == 11


def test_a_loud_echo_clips() -> None:
    path = EchoPath(6.0, 0)
    path.hear(np.full(160, 30000, np.int16))
    assert path.over(SILENCE).max() == 32767
