"""The caller's audio on its way to the detector."""

from mediaproviders.cascade.intake import BACKLOG_MS, Intake
from mediaproviders.contract import PCM16_16K, PCMU


def test_whole_frames_come_out_of_any_lengths() -> None:
    intake = Intake(PCMU, 32)
    audio = bytes(range(256)) * 5
    assert not intake.put(audio[:200]) and intake.take() is None
    assert intake.put(audio[200:700])
    frames = [intake.take(), intake.take(), intake.take()]
    assert frames == [audio[:256], audio[256:512], None]
    assert intake.put(audio[700:]) and intake.take() == audio[512:768]


def test_the_oldest_is_dropped_and_counted() -> None:
    intake = Intake(PCM16_16K, 20)
    ms = PCM16_16K.bytes_per_ms
    intake.put(b"\x01\x00" * (ms // 2) * 50)
    intake.put(b"\x02\x00" * (ms // 2) * BACKLOG_MS)
    assert intake.dropped_ms == 50 and intake.take() == b"\x02\x00" * (ms // 2) * 20
    intake.put(b"\x03" * (20 * ms + 1))
    # An odd byte too many takes a whole sample with it.
    assert intake.dropped_ms == 50 + 2 / ms
