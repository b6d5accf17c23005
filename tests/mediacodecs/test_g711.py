"""G.711 against the recommendation's procedure, sample by sample, written out plainly here."""

import itertools
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs.g711 import (
    ALAW_TO_ULAW,
    CODECS,
    PCMA,
    PCMU,
    SILENCE,
    ULAW_TO_ALAW,
    attenuation_table,
)
from mediacodecs.pcm import from_bytes, silence, to_bytes

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_OCTET = bytes(range(256))


def reference_mu_law(sample: int) -> int:
    biased = min(((~sample if sample < 0 else sample) >> 2) + 33, 0x1FFF)
    segment = 1
    rest = biased >> 6
    while rest:
        segment += 1
        rest >>= 1
    high, low = 8 - segment, 15 - ((biased >> segment) & 15)
    return high << 4 | low | (0x80 if sample >= 0 else 0)


def reference_mu_law_value(octet: int) -> int:
    sign = -1 if octet < 0x80 else 1
    inverted = ~octet & 0xFF
    exponent, mantissa = inverted >> 4 & 7, inverted & 15
    step = 4 << (exponent + 1)
    return sign * ((0x80 << exponent) + step * mantissa + step // 2 - 4 * 33)


def reference_a_law(sample: int) -> int:
    code = (~sample if sample < 0 else sample) >> 4
    if code > 15:
        exponent = 1
        while code > 31:
            code >>= 1
            exponent += 1
        code = code - 16 + (exponent << 4)
    return (code | (0x80 if sample >= 0 else 0)) ^ 0x55


def reference_a_law_value(octet: int) -> int:
    plain = octet ^ 0x55
    code = plain & 0x7F
    exponent, mantissa = code >> 4, code & 15
    value = (mantissa << 4) + 8
    if exponent:
        value = (value + 256) << (exponent - 1)
    return value if plain & 0x80 else -value


@pytest.mark.parametrize(("codec", "reference"), [(PCMU, reference_mu_law), (PCMA, reference_a_law)])
def test_every_sample_is_encoded_as_the_recommendation_says(codec, reference):
    assert codec.encode(EVERY_SAMPLE) == bytes(reference(int(sample)) for sample in EVERY_SAMPLE)


@pytest.mark.parametrize(("codec", "reference"), [(PCMU, reference_mu_law_value), (PCMA, reference_a_law_value)])
def test_every_octet_is_decoded_as_the_recommendation_says(codec, reference):
    assert codec.decode(EVERY_OCTET).tolist() == [reference(octet) for octet in EVERY_OCTET]


def test_known_values():
    samples = np.array([0, -1, 32767, -32768, 1000, -1000], np.int16)
    assert PCMU.encode(samples).hex() == "ff7f8000ce4e"
    assert PCMA.encode(samples).hex() == "d555aa2afa7a"
    assert PCMU.decode(b"\x80\x00\xff\x7f").tolist() == [32124, -32124, 0, 0]
    assert PCMA.decode(b"\xaa\x2a\xd5\x55").tolist() == [32256, -32256, 8, -8]


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_decoding_then_encoding_loses_nothing(codec):
    # Mu-law has two zeros; the negative one reads as 0 and so comes back as the positive.
    expected = EVERY_OCTET.replace(b"\x7f", b"\xff") if codec is PCMU else EVERY_OCTET
    assert codec.encode(codec.decode(EVERY_OCTET)) == expected


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_encoding_keeps_order_and_is_near(codec):
    back = codec.decode(codec.encode(EVERY_SAMPLE)).astype(np.int32)
    assert np.all(np.diff(back) >= 0)
    error = np.abs(back - EVERY_SAMPLE)
    assert np.all(
        error <= np.maximum(np.abs(EVERY_SAMPLE.astype(np.int32)) / 32 + 8, 16) + (np.abs(back) > 32000) * 700
    )


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_silence_is_the_smallest_positive_value(encoding):
    assert CODECS[encoding].encode(silence(3)) == bytes([SILENCE[encoding]]) * 3


def test_specs():
    assert (PCMU.spec.name, PCMU.spec.payload_type, PCMA.spec.name, PCMA.spec.payload_type) == ("PCMU", 0, "PCMA", 8)
    assert PCMU.spec.clock_rate == PCMU.spec.sample_rate == 8000 == PCMU.spec.bytes_per_ms * 1000


def test_transcoding_equals_decoding_and_encoding():
    assert EVERY_OCTET.translate(ULAW_TO_ALAW) == PCMA.encode(PCMU.decode(EVERY_OCTET))
    assert EVERY_OCTET.translate(ALAW_TO_ULAW) == PCMU.encode(PCMA.decode(EVERY_OCTET))


def test_transcoding_there_and_back_stays_within_a_step():
    there_and_back = EVERY_OCTET.translate(ULAW_TO_ALAW).translate(ALAW_TO_ULAW)
    before, after = (PCMU.decode(octets).astype(np.int32) for octets in (EVERY_OCTET, there_and_back))
    assert np.all(np.abs(after - before) <= np.maximum(np.abs(before) / 16, 16))


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_attenuation_limits(encoding):
    assert attenuation_table(encoding, 1.0) == EVERY_OCTET
    assert set(attenuation_table(encoding, 0.0)) == {SILENCE[encoding]}
    with pytest.raises(ValueError, match="negative"):
        attenuation_table(encoding, -0.5)
    with pytest.raises(ValueError, match="negative"):
        attenuation_table(encoding, float("nan"))


@given(st.sampled_from(["PCMU", "PCMA"]), st.floats(0.0, 4.0))
def test_attenuation_scales_the_decoded_value(encoding, gain):
    codec = CODECS[encoding]
    before = codec.decode(EVERY_OCTET).astype(np.float64)
    after = codec.decode(EVERY_OCTET.translate(attenuation_table(encoding, gain)))
    wanted = np.clip(before * gain, -32768, 32767)
    assert np.all(np.abs(after - wanted) <= np.abs(wanted) / 24 + 9)


@given(st.binary(max_size=400))
def test_any_payload_decodes(payload):
    for codec in (PCMU, PCMA):
        assert len(codec.decode(payload)) == len(payload)
        assert codec.decode(memoryview(payload)).tolist() == codec.decode(payload).tolist()


def test_encoding_takes_strided_and_read_only_samples():
    shared = from_bytes(to_bytes(EVERY_SAMPLE))
    assert PCMU.encode(shared[::7]) == PCMU.encode(EVERY_SAMPLE)[::7]


def test_little_endian_edge():
    values = [0, 1, -1, 32767, -32768]
    wire = struct.pack("<5h", *values)
    assert from_bytes(wire).tolist() == values
    assert to_bytes(np.array(values, np.int16)) == wire
    assert not from_bytes(wire).flags.owndata
    with pytest.raises(ValueError, match="multiple"):
        from_bytes(b"\0\0\0")


def test_negative_samples_at_segment_borders_are_not_negated():
    # The places where negating instead of complementing goes one step too far.
    negated = [sample for sample in range(-32767, 0) if reference_mu_law(sample) | 0x80 != reference_mu_law(-sample)]
    assert len(negated) > 100
    assert all(
        codec.encode(np.array(negated[:50], np.int16)) == bytes(map(reference, negated[:50]))
        for codec, reference in itertools.zip_longest((PCMU, PCMA), (reference_mu_law, reference_a_law))
    )
