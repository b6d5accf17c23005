"""Levels and ramps, on samples and on payloads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs.g711 import CODECS, SILENCE
from mediacodecs.signal.level import SILENT_DBFS, ramp, ramp_payload, rms_dbfs

ENCODINGS = ["PCMU", "PCMA"]


def test_known_levels():
    assert rms_dbfs(np.full(100, -32768, np.int16)) == pytest.approx(0, abs=0.001)
    assert rms_dbfs(np.tile(np.array([3277, -3277], np.int16), 50)) == pytest.approx(-20, abs=0.01)
    assert rms_dbfs(np.ones(10, np.int16)) == pytest.approx(-90.3, abs=0.1)
    assert rms_dbfs(np.zeros(10, np.int16)) == rms_dbfs(np.zeros(0, np.int16)) == SILENT_DBFS


def test_ramp_goes_evenly_to_its_end():
    flat = np.full(100, 10000, np.int16)
    down = ramp(flat, 1.0, 0.0)
    assert np.all(np.diff(down) <= 0)
    assert (down[49], down[-1]) == (5000, 0)
    assert ramp(flat, 1.0, 1.0) is flat
    assert ramp(flat, 0.5, 0.5).tolist() == [5000] * 100
    assert ramp(flat, 4.0, 4.0).tolist() == [32767] * 100
    assert len(ramp(flat[:0], 0.0, 1.0)) == 0


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_payload_ramp_follows_the_sample_ramp(encoding):
    codec = CODECS[encoding]
    flat = np.full(160, 10000, np.int16)
    payload = codec.encode(flat)
    heard = codec.decode(ramp_payload(payload, encoding, 1.0, 0.25)).astype(int)
    assert np.all(np.diff(heard) <= 0)
    assert abs(heard[0] - 10000) < 1500
    assert abs(heard[-1] - 2500) < 200
    assert ramp_payload(payload, encoding, 1.0, 1.0) is payload
    assert set(ramp_payload(payload, encoding, 0.0, 0.0)) == {SILENCE[encoding]}
    assert set(codec.decode(ramp_payload(payload, encoding, 0.5, 0.5))) <= set(range(4800, 5200))


@given(st.sampled_from(ENCODINGS), st.binary(max_size=500), st.floats(0, 1), st.floats(0, 1))
def test_payload_ramps_keep_length_and_never_amplify(encoding, payload, start, end):
    codec = CODECS[encoding]
    softer = ramp_payload(payload, encoding, start, end)
    assert len(softer) == len(payload)
    before, after = codec.decode(payload).astype(int), codec.decode(softer).astype(int)
    assert np.all(np.abs(after) <= np.maximum(np.abs(before), 8))
