"""Codecs by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs import registry
from mediacodecs.codec import CodecUnavailableError
from support.sound import aligned, voice


@pytest.mark.parametrize("name", registry.SPECS)
@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_each_carries_speech_to_whatever_rate(name: str, rate: int) -> None:
    spec, decoder = registry.spec(name), registry.decoder(name, rate)
    said = voice(spec.sample_rate, 0.6)
    encode, frame = registry.encoder(name).encode, spec.sample_rate // 50
    payloads = [encode(said[at : at + frame]) for at in range(0, len(said), frame)]
    heard = np.concatenate([decoder.decode(payload).copy() for payload in payloads])
    assert decoder.rate == rate or name != "OPUS"
    assert len(heard) == 0.6 * decoder.rate
    assert decoder.samples(payloads[0]) == decoder.rate // 50
    reference = voice(decoder.rate, 0.6)
    assert aligned(reference[decoder.rate // 10 :], heard[decoder.rate // 10 :], decoder.rate // 60)[1] > 0.85
    if spec.bytes_per_ms is not None:
        assert {len(payload) for payload in payloads} == {20 * spec.bytes_per_ms}


def test_names() -> None:
    for name, spec in registry.SPECS.items():
        assert registry.name_of(spec.name, spec.clock_rate, spec.channels) == name
        assert registry.spec(name) is spec
    assert registry.name_of("OPUS", 48000, 1) is None, "its rtpmap must say two channels (RFC 7587 7)"
    assert registry.name_of("G722", 16000) is None
    assert registry.name_of("L16", 44100) is None
    assert registry.spec("L16") is registry.SPECS["L16/16000"]
    assert registry.expanded(("L16", "PCMU")) == ("L16/16000", "L16/8000", "PCMU")


def test_what_the_machine_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: object, **more: object) -> object:
        raise CodecUnavailableError("no libopus")

    assert registry.usable(("OPUS", "PCMU")) == (("OPUS", "PCMU"), ())
    monkeypatch.setattr(registry.opus, "OpusEncoder", gone)
    assert registry.usable(("OPUS", "PCMU")) == (("PCMU",), ("no libopus",))


@given(st.binary(max_size=64))
def test_l16_is_in_network_order(payload: bytes) -> None:
    codec = registry.decoder("L16", 16000)
    whole = payload[: len(payload) // 2 * 2]
    assert registry.encoder("L16").encode(codec.decode(payload)) == whole
    assert codec.decode(payload).tolist() == [
        int.from_bytes(whole[at : at + 2], "big", signed=True) for at in range(0, len(whole), 2)
    ]


def test_l16_fits_a_packet() -> None:
    for name in ("L16/8000", "L16/16000"):
        spec = registry.spec(name)
        assert spec.bytes_per_ms is not None
        assert max(spec.ptimes) * spec.bytes_per_ms <= 1280
