"""G.722 against another implementation of it, and against what it is for: the band from 3.4 to 7 kHz."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs import g722
from mediacodecs.codec import CodecUnavailableError
from mediacodecs.g722 import G722Decoder, G722Encoder
from mediacodecs.pcm import Pcm
from support.sound import aligned, share, signal_to_noise_db, tone, voice

FRAME = 320
SPEECH = voice(16000, 1.0)


def through(pcm: Pcm, rate: int = 16000) -> Pcm:
    encoder, decoder = G722Encoder(), G722Decoder(rate)
    frames = (pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME))
    return np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames])


def test_the_decoder_is_exact_to_another_one() -> None:
    payload = G722Encoder().encode(SPEECH)
    other = av.CodecContext.create("g722", "r")
    other.layout = "mono"
    theirs = [frame.to_ndarray().ravel() for frame in other.decode(av.Packet(payload))]
    assert np.array_equal(G722Decoder().decode(payload), np.concatenate(theirs))


def test_speech_survives() -> None:
    heard = through(SPEECH)
    late, fit = aligned(SPEECH, heard, 40)
    assert late == 22, "the two filter banks hold up the sound by 22 samples"
    assert fit > 0.97
    assert signal_to_noise_db(SPEECH, heard[late:]) > 12


@pytest.mark.parametrize("hertz", [1000, 3800, 5000, 6500])
def test_the_upper_band_is_carried(hertz: int) -> None:
    heard = through(tone(16000, 0.5, hertz))[1600:]
    assert share(heard, 16000, hertz - 100, hertz + 100) > 0.97


def test_an_octet_is_two_samples() -> None:
    payload = G722Encoder().encode(SPEECH[:FRAME])
    assert len(payload) == 160 == 20 * g722.SPEC.bytes_per_ms
    assert G722Decoder().samples(payload) == FRAME
    assert G722Decoder(8000).samples(payload) == len(G722Decoder(8000).decode(payload)) == 160


def test_the_lower_band_alone() -> None:
    low, high = tone(16000, 0.5, 1000), tone(16000, 0.5, 6000)
    heard = through((low // 2 + high // 2).astype(np.int16), 8000)[800:]
    assert share(heard, 8000, 900, 1100) > 0.97
    assert aligned(tone(8000, 0.4, 1000), heard, 8)[1] > 0.97


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8))
def test_how_the_stream_is_cut_makes_no_difference(sizes: list[int]) -> None:
    encoder, decoder, at, payloads, heard = G722Encoder(), G722Decoder(), 0, [], []
    for size in sizes:
        payloads.append(encoder.encode(SPEECH[at : at + 2 * size]))
        heard.append(decoder.decode(payloads[-1]))
        at += 2 * size
    whole = G722Encoder().encode(SPEECH[:at])
    assert b"".join(payloads) == whole
    assert np.array_equal(np.concatenate(heard), G722Decoder().decode(whole))


@given(st.binary(max_size=400))
def test_any_octets_are_sound(payload: bytes) -> None:
    assert len(G722Decoder().decode(payload)) == 2 * len(payload)


def test_a_lost_packet_is_got_over() -> None:
    """The encoder knows nothing of it; 100 ms later the decoder is with it again."""
    encoder, decoder = G722Encoder(), G722Decoder()
    payloads = [encoder.encode(SPEECH[at : at + FRAME]) for at in range(0, len(SPEECH), FRAME)]
    del payloads[10]
    heard = np.concatenate([decoder.decode(payload) for payload in payloads])
    after = slice(15 * FRAME, 40 * FRAME)
    assert aligned(SPEECH[FRAME:][after], heard[after], 40)[1] > 0.97


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> object:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(g722, "import_module", gone)
    with pytest.raises(CodecUnavailableError, match="package G722"):
        G722Encoder()
    with pytest.raises(ValueError, match="48000"):
        G722Decoder(48000)
