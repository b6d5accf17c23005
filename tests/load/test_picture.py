import numpy as np
import pytest

from mediaserver.load.picture import BargeIn, CallPicture, Latency, Utterance, draw

pytest.importorskip("matplotlib", reason="the extra `picture` is not installed")


def pixels(path):
    from matplotlib.image import imread

    return imread(path)[:, :, :3]


def near(image, colour):
    wanted = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.abs(image - wanted).max(axis=2) < 0.06


def call(**changes):
    draw_from = np.random.default_rng(1)
    rows = np.zeros((8000 * 12, 2), np.int16)
    rows[8000:24000, 1] = draw_from.integers(-9000, 9000, 16000)
    rows[32000:48000, 0] = draw_from.integers(-9000, 9000, 16000)
    fields = {
        "rows": rows,
        "title": "A call",
        "caller": (Utterance(4, 6, "What time is breakfast?"),),
        "agent": (Utterance(1, 3, "Hello there", interrupted=True),),
    }
    return CallPicture(**(fields | changes))


def test_both_voices_are_where_they_spoke(tmp_path):
    from mediaserver.load.picture import AGENT, CALLER

    draw(call(), tmp_path / "call.png")
    image = pixels(tmp_path / "call.png")
    height, width, _ = image.shape
    assert width >= 1600
    agent, caller = near(image, AGENT), near(image, CALLER)
    # Strokes of a voice fill their columns; baselines and labels do not.
    agent_columns = np.flatnonzero(agent.sum(axis=0) > height / 10)
    caller_columns = np.flatnonzero(caller.sum(axis=0) > height / 10)
    assert len(agent_columns) > width / 10
    assert len(caller_columns) > width / 10
    assert np.median(agent_columns) < np.median(caller_columns)
    assert np.median(np.nonzero(caller)[0]) < np.median(np.nonzero(agent)[0])


def test_a_barge_in_and_latencies_are_marked(tmp_path):
    from mediaserver.load.picture import BARGE_IN, STAGES

    draw(call(), tmp_path / "without.png")
    draw(call(barge_ins=(BargeIn(4.0, 80),), latencies=(Latency(7.0, 400, 300, 40),)), tmp_path / "with.png")
    without, marked = pixels(tmp_path / "without.png"), pixels(tmp_path / "with.png")
    assert near(without, BARGE_IN).sum() == 0
    assert near(marked, BARGE_IN).sum() > 200
    for _, _, colour in STAGES:
        assert near(marked, colour).sum() > near(without, colour).sum() + 50


def test_a_call_with_nothing_said_is_drawn(tmp_path):
    draw(CallPicture(np.zeros((8000, 2), np.int16), "Silence"), tmp_path / "silence.svg")
    assert "Silence" in (tmp_path / "silence.svg").read_text()
