"""The neural detector, as turns are cut by it."""

import numpy as np

from mediaproviders.hearing import SileroDetector, silero


def test_the_model_is_loaded_once_for_all_who_hear_by_it():
    assert silero() is silero()


def test_two_callers_by_one_model_do_not_hear_each_other():
    generator = np.random.default_rng(1)
    noise = [(generator.standard_normal(256) * 4000).astype(np.int16) for _ in range(40)]
    alone, first, second = (SileroDetector(silero()) for _ in range(3))
    expected = [alone.speech(frame) for frame in noise]
    heard = []
    for frame in noise:
        heard.append(first.speech(frame))
        assert not second.speech(np.zeros(256, np.int16))
    assert heard == expected
