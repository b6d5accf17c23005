"""Opus as speech is sent with it: what survives, what loss does, what the peer's parameters change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs import opus
from mediacodecs.codec import CodecUnavailableError
from mediacodecs.opus import OpusDecoder, OpusEncoder, OpusWishes
from mediacodecs.pcm import Pcm, silence
from support.sound import aligned, share, tone, voice

FRAME = 480
SPEECH = voice(24000, 2.0)


def packets(pcm: Pcm, encoder: OpusEncoder, frame: int = FRAME) -> list[bytes]:
    return [encoder.encode(pcm[at : at + frame]) for at in range(0, len(pcm) - frame + 1, frame)]


def decoded(payloads: list[bytes], rate: int = 24000) -> Pcm:
    decoder = OpusDecoder(rate)
    return np.concatenate([decoder.decode(payload).copy() for payload in payloads])


def level(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))


@pytest.mark.parametrize("complexity", [0, 1, 5])
def test_speech_survives(complexity: int) -> None:
    heard = decoded(packets(SPEECH, OpusEncoder(complexity=complexity)))
    assert aligned(SPEECH[4800:], heard[4800:], 400)[1] > 0.9


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_it_is_decoded_to_any_rate(rate: int) -> None:
    payloads = packets(SPEECH, OpusEncoder())
    heard = decoded(payloads, rate)
    assert len(heard) == 2 * rate
    assert OpusDecoder(rate).samples(payloads[0]) == rate // 50
    assert aligned(voice(rate, 2.0)[rate // 5 :], heard[rate // 5 :], rate // 60)[1] > 0.85


@pytest.mark.parametrize("hertz", [3000, 6000, 9000])
def test_the_upper_band_is_carried(hertz: int) -> None:
    sound = (SPEECH // 2 + tone(24000, 2.0, hertz, 3000)).astype(np.int16)
    heard = decoded(packets(sound, OpusEncoder()))
    narrow = share(SPEECH, 24000, hertz - 200, hertz + 200)
    assert share(heard[4800:], 24000, hertz - 200, hertz + 200) > 5 * narrow + 0.01


def test_no_more_is_sent_than_the_peer_can_hear() -> None:
    sound = (SPEECH // 2 + tone(24000, 2.0, 6000, 3000)).astype(np.int16)
    narrow = decoded(packets(sound, OpusEncoder(OpusWishes.of("maxplaybackrate=8000"))))
    assert share(narrow[4800:], 24000, 5000, 12000) < 1e-4
    small = packets(SPEECH, OpusEncoder(OpusWishes.of("maxaveragebitrate=8000")))
    assert sum(map(len, small)) < 0.6 * sum(map(len, packets(SPEECH, OpusEncoder())))


@pytest.mark.parametrize("ms", opus.SPEC.ptimes)
def test_packet_times(ms: int) -> None:
    payloads = packets(SPEECH, OpusEncoder(), 24 * ms)
    assert {OpusDecoder(16000).samples(payload) for payload in payloads} == {16 * ms}


def test_a_length_it_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="720 samples"):
        OpusEncoder().encode(SPEECH[:720])


def recovered(*, fec: bool) -> tuple[float, float, float]:
    """Likeness to what was sent of every tenth frame: received, out of the next packet, and made up."""
    encoder = OpusEncoder(OpusWishes(fec=fec))
    encoder.expect_loss(20)
    payloads, truth = packets(SPEECH, encoder), decoded(packets(SPEECH, OpusEncoder()))
    fits: dict[str, list[float]] = {"copy": [], "made": [], "truth": []}
    decoder, other = OpusDecoder(), OpusDecoder()
    for number in range(len(payloads) - 1):
        sent = truth[number * FRAME : (number + 1) * FRAME]
        if number % 10 == 5:
            copy, made = decoder.recover(payloads[number + 1], FRAME), other.conceal(FRAME)
            assert copy is not None and len(copy) == len(made) == FRAME
            fits["copy"].append(aligned(sent, copy, 0)[1])
            fits["made"].append(aligned(sent, made, 0)[1])
        else:
            fits["truth"].append(aligned(sent, decoder.decode(payloads[number]), 0)[1])
            other.decode(payloads[number])
    return (*(float(np.mean(fits[kind])) for kind in ("truth", "copy", "made")),)  # type: ignore[return-value]


def test_a_lost_frame_comes_out_of_the_next_packet() -> None:
    received, copy, made = recovered(fec=True)
    assert received > 0.8
    assert copy > 0.7
    assert copy > made + 0.1
    _, without, made = recovered(fec=False)
    assert without < copy
    assert without == made, "there is no copy: it is made up either way"


def test_copies_cost_nothing_before_the_first_loss() -> None:
    wide = (SPEECH // 2 + tone(24000, 2.0, 9000, 3000)).astype(np.int16)
    for loss, bitrate, kept in ((0, 20_000, True), (1, 20_000, False), (1, 32_000, True)):
        encoder = OpusEncoder(OpusWishes(fec=True), bitrate=bitrate)
        encoder.expect_loss(loss)
        heard = decoded(packets(wide, encoder))[4800:]
        assert (share(heard, 24000, 8800, 9200) > 0.01) is kept, "copies take the room of the highest band"


def test_copies_get_some_room_of_their_own_but_no_more_than_the_peer_takes() -> None:
    def size(fmtp: str, loss: int) -> int:
        encoder = OpusEncoder(OpusWishes.of(fmtp))
        encoder.expect_loss(loss)
        return sum(map(len, packets(SPEECH, encoder)))

    usual = size("useinbandfec=1", 0)
    assert 1.1 * usual < size("useinbandfec=1", 5) < 1.35 * usual
    assert size("", 5) < 1.1 * usual, "no copies, no room"
    assert size("useinbandfec=1;maxaveragebitrate=32000", 5) < 1.1 * usual


def test_what_is_made_up_fades() -> None:
    decoder = OpusDecoder()
    for payload in packets(SPEECH[: 20 * FRAME], OpusEncoder()):
        heard = decoder.decode(payload).copy()
    made = [decoder.conceal(FRAME) for _ in range(40)]
    assert level(made[0]) > 0.3 * level(heard)
    assert level(made[-1]) < 0.1 * level(heard)
    assert len(decoder.conceal(FRAME + 7)) == FRAME + 7
    assert decoder.recover(b"", FRAME) is None
    assert decoder.recover(b"\x00", FRAME + 7) is None


def test_silence_is_next_to_nothing_where_the_peer_wants_that() -> None:
    for wanted in (True, False):
        encoder = OpusEncoder(OpusWishes(dtx=wanted))
        packets(SPEECH, encoder)
        sizes = [len(encoder.encode(silence(FRAME))) for _ in range(40)]
        assert bool(np.median(sizes[15:]) <= 2) is wanted, sizes


@given(st.binary(max_size=200))
def test_what_is_no_packet_is_nothing(payload: bytes) -> None:
    decoder = OpusDecoder(16000)
    expected = decoder.samples(payload)
    assert len(decoder.decode(payload)) in (0, expected)
    assert len(decoder.decode(OpusEncoder().encode(silence(FRAME)))) == 320, "and the next one is heard"


def test_parameters() -> None:
    assert OpusWishes.of(None) == OpusWishes.of("") == OpusWishes()
    said = OpusWishes.of("minptime=10; useinbandfec=1;USEDTX=1; maxaveragebitrate=20000;maxplaybackrate=16000;stereo=1")
    assert said == OpusWishes(True, True, 20000, 16000)
    assert OpusWishes.of("useinbandfec=yes;maxaveragebitrate=99999999;maxplaybackrate=-1;;=;usedtx") == OpusWishes()


@given(st.text(max_size=80))
def test_any_parameters_can_be_read(fmtp: str) -> None:
    wishes = OpusWishes.of(fmtp)
    assert 8000 <= wishes.playback_rate <= 48000
    assert wishes.bitrate is None or 6000 <= wishes.bitrate <= 510_000


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> object:
        raise Exception("Could not find Opus library. Make sure it is installed.")

    monkeypatch.setattr(opus, "import_module", gone)
    opus._library.cache_clear()
    with pytest.raises(CodecUnavailableError, match="apt install libopus0"):
        OpusDecoder()
    opus._library.cache_clear()
    with pytest.raises(ValueError, match="44100"):
        OpusDecoder(44100)
