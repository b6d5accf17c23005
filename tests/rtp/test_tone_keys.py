"""Keys as tones: what is played is heard by our own detector."""

import pytest

from mediacodecs.signal.dtmf_detector import DtmfDetector
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import PCM16_16K, PCMA, PCMU, AudioFormat
from mediaserver.errors import LocalProtocolError
from mediaserver.rtp.form import form_of
from mediaserver.rtp.tone_keys import ToneKeys
from support.rtp import plan, session, speech


def played(keys: ToneKeys) -> list[bytes]:
    frames = []
    while (frame := keys.pop()) is not None:
        frames.append(frame)
    return frames


@pytest.mark.parametrize("audio", [PCMU, PCMA, PCM16_16K])
@pytest.mark.parametrize("ptime", [10, 20, 30])
def test_every_key_is_heard(audio: AudioFormat, ptime: int) -> None:
    form, detector = form_of(audio), DtmfDetector()
    keys = ToneKeys(form, ptime, 100, 60)
    keys.press("1234567890*#ABCd")
    frames = played(keys)
    assert {len(frame) for frame in frames} == {ptime * form.bytes_per_ms}
    assert len(frames) == pytest.approx(16 * 160 / ptime, abs=1)
    pcm = Resampler(audio.rate, 8000).process(form.decode(b"".join(frames)))
    heard = [key.digit for key in detector.push(pcm)]
    assert "".join(heard) == "1234567890*#ABCD"


def test_pauses_and_nonsense() -> None:
    form = form_of(PCMU)
    keys = ToneKeys(form, 20, 100, 60)
    for wrong in ("1x", "!"):
        with pytest.raises(ValueError, match=wrong):
            keys.press(wrong)
    assert keys.pop() is None
    keys.press("1w,2")
    assert len(played(keys)) == (160 + 500 + 2000 + 160) // 20


def test_tones_take_the_place_of_audio_and_hold_it_up() -> None:
    subject, wire = session(plan(event_send=None)), []
    payloads = speech(20)
    subject.playout.push("a", b"".join(payloads))
    subject.tick(0.0, wire.append)
    subject.send_digits("5")
    for turn in range(1, 12):
        subject.tick(0.02 * turn, wire.append)
    audio = [packet[12:] for packet in wire]
    assert audio[0] == payloads[0] and audio[9:] == payloads[1:4]
    detector, form = DtmfDetector(), form_of(PCMU)
    assert [key.digit for key in detector.push(form.decode(b"".join(audio[1:9])))] == ["5"]


def test_tones_though_events_were_agreed() -> None:
    subject, wire = session(), []
    subject.send_digits("5", tones=True)
    for turn in range(10):
        subject.tick(0.02 * turn, wire.append)
    assert {packet[1] & 0x7F for packet in wire} == {0}


def test_a_new_description_in_the_middle_of_a_tone() -> None:
    subject, wire = session(plan(event_send=None)), []
    subject.send_digits("12")
    subject.tick(0.0, wire.append)
    subject.update(plan(event_send=None, send_encoding="PCMA", send_payload_type=8, ptime_ms=30), 0.02)
    for turn in range(1, 12):
        subject.tick(0.03 * turn, wire.append)
    sound = b"".join(packet[12:] for packet in wire[1:])
    assert [key.digit for key in DtmfDetector().push(form_of(PCMA).decode(sound))] == ["2"]


def test_another_source_than_the_playout_and_back() -> None:
    subject, wire = session(plan(event_send=None)), []
    subject.playout.push("a", b"\x11" * 1600)
    other = b"\x22" * 160
    subject.play(lambda: other)
    subject.tick(0.0, wire.append)
    subject.send_digits("1")
    subject.play(None)
    for turn in range(1, 10):
        subject.tick(0.02 * turn, wire.append)
    assert wire[0][12:] == other and wire[9][12:] == b"\x11" * 160


def test_between_keys_there_is_silence_not_a_syllable() -> None:
    subject, wire = session(), []
    subject.playout.push("a", b"\x11" * 16000)
    subject.send_digits("1w2")
    for turn in range(45):
        subject.tick(0.02 * turn, wire.append)
    kinds = [packet[1] & 0x7F for packet in wire]
    last_event = len(kinds) - 1 - kinds[::-1].index(101)
    assert kinds.count(101) == 14
    assert {packet[12:] for packet in wire[:last_event] if packet[1] & 0x7F == 0} == {b"\xff" * 160}
    assert wire[last_event + 1][12:] == b"\x11" * 160


def test_a_flash_needs_events() -> None:
    session().send_digits("!")
    with pytest.raises(LocalProtocolError):
        session(plan(event_send=None)).send_digits("!")
