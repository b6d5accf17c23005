import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs.g711 import CODECS, PCMA, PCMU
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.vad import WINDOW, DetectorPool
from mediaproviders import contract
from mediaserver.talk.uplink import Uplink
from support.sound import aligned, share, tone, voice

TONE = np.array([round(9000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(8000)], np.int16)
LOUD, QUIET = PCMU.encode(TONE[:160]), b"\xff" * 160


class Gate:
    """A detector whose gate says what the test says."""

    def __init__(self, *verdicts: bool) -> None:
        self.verdicts = list(verdicts)
        self.blocks: list[Pcm] = []

    def push(self, pcm: Pcm, now: float) -> bool:
        self.blocks.append(pcm.copy())
        return self.verdicts.pop(0) if self.verdicts else False


def through(encoding: str, wanted: contract.AudioFormat, *payloads: bytes) -> list[bytes]:
    uplink = Uplink(contract.PCMA if encoding == "PCMA" else contract.PCMU, wanted)
    out: list[bytes] = []
    uplink.sink = out.append
    for place, payload in enumerate(payloads):
        uplink.take(payload, 10 + place * 0.02)
    return out


@pytest.mark.parametrize(("encoding", "wanted"), [("PCMU", contract.PCMU), ("PCMA", contract.PCMA)])
def test_what_the_model_takes_passes_untouched(encoding: str, wanted: contract.AudioFormat) -> None:
    (out,) = through(encoding, wanted, LOUD)
    assert out is LOUD


@given(st.binary(min_size=1, max_size=320))
def test_the_other_law_means_the_same_sound(payload: bytes) -> None:
    (alaw,) = through("PCMU", contract.PCMA, payload)
    assert alaw == PCMA.encode(PCMU.decode(payload))
    (ulaw,) = through("PCMA", contract.PCMU, payload)
    assert ulaw == PCMU.encode(PCMA.decode(payload))


def test_pcm_at_the_legs_rate_is_the_decoded_payload() -> None:
    (out,) = through("PCMA", contract.PCM16_8K, PCMA.encode(TONE[:160]))
    assert from_bytes(out).tolist() == PCMA.decode(PCMA.encode(TONE[:160])).tolist()


@pytest.mark.parametrize("wanted", [contract.PCM16_16K, contract.PCM16_24K])
def test_pcm_at_another_rate_is_the_same_tone_and_as_long(wanted: contract.AudioFormat) -> None:
    payloads = [PCMU.encode(TONE[at : at + 160]) for at in range(0, 8000, 160)]
    pcm = from_bytes(b"".join(through("PCMU", wanted, *payloads)))
    assert len(pcm) == pytest.approx(wanted.rate, abs=wanted.rate // 100)
    spectrum = np.abs(np.fft.rfft(pcm.astype(float)))
    assert np.argmax(spectrum) * wanted.rate / len(pcm) == pytest.approx(440, abs=5)


def test_what_is_resampled_is_collected_first_and_all_of_it_comes() -> None:
    payloads = [PCMU.encode(TONE[at : at + 160]) for at in range(0, 4000, 160)]
    uplink, out = Uplink(contract.PCMU, contract.PCM16_16K, chunk_ms=40), []
    uplink.sink = out.append
    for payload in payloads:
        uplink.take(payload, 10.0)
    assert len(out) == len(payloads) // 2
    assert (
        from_bytes(b"".join(out)).tolist()
        == from_bytes(b"".join(through("PCMU", contract.PCM16_16K, *payloads[: len(payloads) // 2 * 2]))).tolist()
    )


def test_nothing_is_heard_before_the_model_listens() -> None:
    uplink = Uplink(contract.PCMU, contract.PCMU)
    gate = Gate(True, True)
    uplink.listen_in(gate, lambda now: pytest.fail("no hint"))
    uplink.take(LOUD, 10.0)
    assert uplink.last_voice == 0.0 and not gate.blocks


def test_nothing_is_judged_while_there_is_nobody_to_interrupt() -> None:
    uplink, told = Uplink(contract.PCMU, contract.PCMU), []
    uplink.sink = lambda payload: None
    gate = Gate(True, True, True, True, True)
    uplink.listen_in(gate, told.append)
    uplink.take(LOUD, 10.00)
    assert not gate.blocks
    uplink.judge(True)
    uplink.take(LOUD, 10.02)
    uplink.judge(False)
    uplink.take(LOUD, 10.04)
    uplink.judge(True)
    uplink.take(LOUD, 10.06)
    assert len(gate.blocks) == 2 and told == [], "two packets in a row are an onset, two with a pause between are not"


def test_when_the_caller_was_loud_and_since_when() -> None:
    uplink = Uplink(contract.PCMU, contract.PCMU)
    uplink.sink = lambda payload: None

    def say(payload: bytes, first: float, packets: int) -> None:
        for place in range(packets):
            uplink.take(payload, first + place * 0.02)

    say(QUIET, 10.0, 5)
    assert uplink.last_voice == 0.0
    say(LOUD, 11.0, 10)
    say(QUIET, 11.2, 10)
    assert (uplink.voice_began, uplink.last_voice) == (11.0, pytest.approx(11.18))
    say(LOUD, 11.4, 10)  # a pause between words
    assert (uplink.voice_began, uplink.last_voice) == (11.0, pytest.approx(11.58))
    assert uplink.loud_s == pytest.approx(0.4)
    say(LOUD, 12.0, 1)
    assert (uplink.voice_began, uplink.loud_s) == (12.0, pytest.approx(0.02))


@pytest.mark.parametrize(
    ("gate", "loud", "hints"),
    [
        pytest.param((True,), (True,), [], id="a click"),
        pytest.param((True, True, True, True), (True,) * 4, [10.02], id="one onset"),
        pytest.param((True, False, True, False), (True,) * 4, [], id="scattered"),
        pytest.param((True, True, False, True, True), (True,) * 5, [10.02, 10.08], id="two onsets"),
        pytest.param((True, True, True), (False,) * 3, [], id="the gate errs on a quiet line"),
    ],
)
def test_an_onset_is_two_packets_in_a_row(gate: tuple[bool, ...], loud: tuple[bool, ...], hints: list[float]) -> None:
    uplink, told = Uplink(contract.PCMU, contract.PCMU), []
    uplink.sink = lambda payload: None
    detector = Gate(*gate)
    uplink.listen_in(detector, told.append)
    uplink.judge(True)
    for place, is_loud in enumerate(loud):
        uplink.take(LOUD if is_loud else QUIET, 10 + place * 0.02)
    assert told == pytest.approx(hints)
    assert detector.blocks[0].tolist() == PCMU.decode(LOUD if loud[0] else QUIET).tolist()


class Unconvinced:
    """In place of the model: it never hears speech, and counts what it is asked."""

    def __init__(self) -> None:
        self.windows = 0

    def infer(self, frames: np.ndarray, states: object) -> np.ndarray:
        assert frames.shape[1] == WINDOW
        self.windows += len(frames)
        return np.zeros(len(frames), np.float32)


@given(st.lists(st.integers(1, 2000) | st.sampled_from([37, 80, 160]), min_size=1, max_size=30), st.data())
def test_packets_of_any_length_are_heard_whole_and_in_order(sizes: list[int], data: st.DataObject) -> None:
    pool = DetectorPool(Unconvinced())  # type: ignore[arg-type]
    detector = pool.detector()
    heard: list[Pcm] = []

    class Overheard:
        def push(self, pcm: Pcm, now: float) -> bool:
            heard.append(pcm)
            return detector.push(pcm, now)

    uplink = Uplink(contract.PCMU, contract.PCMU)
    uplink.sink = lambda payload: None
    uplink.listen_in(Overheard(), lambda now: None)
    uplink.judge(True)
    line = data.draw(st.sampled_from([LOUD, QUIET])) * (sum(sizes) // 160 + 1)
    at = 0
    for size in sizes:
        uplink.take(line[at : at + size], 10 + at / 8000)
        at += size
        pool.run()
    whole = at - at % 80
    assert pool.samples == whole
    assert b"".join(block.tobytes() for block in heard) == PCMU.decode(line[:whole]).tobytes()


@pytest.mark.parametrize("wanted", [contract.PCM16_16K, contract.PCM16_24K], ids=["16 kHz", "24 kHz"])
def test_a_wide_leg_reaches_the_model_in_its_whole_band(wanted: contract.AudioFormat) -> None:
    said = (voice(16000, 1.0) // 2 + tone(16000, 1.0, 6500, 3000)).astype(np.int16)
    payloads = [to_bytes(said[at : at + 320]) for at in range(0, len(said), 320)]
    uplink, out = Uplink(contract.PCM16_16K, wanted), list[bytes]()
    uplink.sink = out.append
    for place, payload in enumerate(payloads):
        uplink.take(payload, 10 + place * 0.02)
    heard = from_bytes(b"".join(out))
    assert len(heard) == wanted.rate
    assert share(heard, wanted.rate, 6300, 6700) == pytest.approx(share(said, 16000, 6300, 6700), rel=0.02)
    assert (b"".join(out) == b"".join(payloads)) is (wanted == contract.PCM16_16K), "untouched if it may be"
    assert uplink.loud_s == pytest.approx(1.0)


def test_a_wide_leg_is_narrowed_for_a_model_that_takes_no_more() -> None:
    said = voice(16000, 1.0)
    uplink, out = Uplink(contract.PCM16_16K, contract.PCMA), list[bytes]()
    uplink.sink = out.append
    for at in range(0, len(said), 320):
        uplink.take(to_bytes(said[at : at + 320]), 10 + at / 16000)
    heard = CODECS["PCMA"].decode(b"".join(out))
    assert len(heard) == 8000
    assert aligned(voice(8000, 1.0)[800:], heard[800:], 80)[1] > 0.95


@pytest.mark.parametrize("rate", [16000, 24000])
def test_the_detector_hears_a_wide_leg_at_8_khz(rate: int) -> None:
    """And nothing of what lies above 4 kHz folded into it."""
    listener, hints = Gate(), list[float]()
    source = contract.AudioFormat("pcm16", rate)
    uplink = Uplink(source, source)
    uplink.sink = lambda payload: None
    uplink.listen_in(listener, hints.append)
    uplink.judge(True)
    said = (voice(rate, 1.0) // 2 + tone(rate, 1.0, 6500, 8000)).astype(np.int16)
    for at in range(0, len(said), rate // 50):
        uplink.take(to_bytes(said[at : at + rate // 50]), 10 + at / rate)
    heard = np.concatenate(listener.blocks)
    assert all(len(block) % 80 == 0 for block in listener.blocks)
    assert len(heard) == pytest.approx(8000, abs=80)
    assert aligned((voice(8000, 1.0) // 2)[800:], heard[800:], 80)[1] > 0.95
