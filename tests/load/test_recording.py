import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacodecs.g711 import PCMU
from mediaserver.load.recording import (
    RATE,
    Arrival,
    Track,
    parse_arrival,
    play_by_timestamp,
    read_wav,
    stereo,
    unwrap,
    write_wav,
)
from mediaserver.rtp.packet import build

DECODERS = {0: PCMU.decode}


def tone(samples, start=0):
    return (8000 * np.sin(2 * np.pi * 440 * (np.arange(samples) + start) / RATE)).astype(np.int16)


def arrivals(sound, *, at=100.0, timestamp=0, sequence=0, ssrc=1, delays=None):
    frames = sound.reshape(-1, 160)
    return [
        Arrival(
            at + 0.02 * i + (delays[i] if delays else 0.0),
            (sequence + i) & 0xFFFF,
            (timestamp + 160 * i) & 0xFFFFFFFF,
            i == 0,
            0,
            ssrc,
            PCMU.encode(frame),
        )
        for i, frame in enumerate(frames)
    ]


def test_a_packet_is_read_back():
    arrival = parse_arrival(1.5, build(0, 7, 1600, 99, b"\x01\x02", marker=True))
    assert arrival == Arrival(1.5, 7, 1600, True, 0, 99, b"\x01\x02")
    assert parse_arrival(1.5, b"nonsense") is None


@given(st.integers(0, 65535), st.lists(st.integers(-30000, 30000), max_size=50))
@settings(max_examples=60)
def test_unwrap_counts_on_beyond_the_wrap(start, steps):
    whole = [start]
    for step in steps:
        whole.append(whole[-1] + step)
    assert unwrap([value & 0xFFFF for value in whole], 16).tolist() == whole


def test_packets_are_placed_by_timestamp_whatever_their_arrival():
    sound = tone(1600)
    log = arrivals(sound, timestamp=0xFFFFFF00, delays=[0.01 * (i % 3) for i in range(10)])
    log[3], log[4] = log[4], log[3]
    track = play_by_timestamp(log, DECODERS)
    assert track is not None
    assert track.starts_at == pytest.approx(100.0)
    assert np.array_equal(track.samples, PCMU.decode(PCMU.encode(sound)))


def test_a_lost_packet_is_silence_of_its_length():
    sound = tone(1600)
    log = arrivals(sound)
    del log[5]
    track = play_by_timestamp(log, DECODERS)
    assert track is not None
    assert not track.samples[800:960].any()
    assert track.samples[960:1120].any()
    assert len(track.samples) == 1600


def test_a_new_source_is_placed_by_its_arrival():
    first = arrivals(tone(1600), at=100.0, timestamp=5)
    second = arrivals(tone(1600), at=101.0, timestamp=3_000_000_000, ssrc=2)
    track = play_by_timestamp(first + second, DECODERS)
    assert track is not None
    assert len(track.samples) == RATE + 1600
    assert not track.samples[1600:RATE].any()


def test_a_timestamp_gone_astray_does_not_make_hours_of_silence():
    log = arrivals(tone(1600)) + arrivals(tone(1600), at=100.2, timestamp=2_000_000_000, sequence=10)
    track = play_by_timestamp(log, DECODERS)
    assert track is not None
    assert len(track.samples) == 3200


def test_packets_without_a_decoder_make_no_sound():
    assert play_by_timestamp([Arrival(1.0, 1, 160, False, 13, 1, b"\x20")], DECODERS) is None


def test_stereo_keeps_both_sides_on_one_axis(tmp_path):
    left = Track(np.full(800, 100, np.int16), 10.0)
    right = Track(np.full(800, 200, np.int16), 10.05)
    rows, begin = stereo(left, right)
    assert begin == 10.0
    assert rows.shape == (1200, 2)
    assert rows[399].tolist() == [100, 0]
    assert rows[400].tolist() == [100, 200]
    assert rows[1199].tolist() == [0, 200]
    write_wav(tmp_path / "call.wav", rows)
    assert len(read_wav(tmp_path / "call.wav")) == 1200


def test_a_wav_at_another_rate_is_brought_to_ours(tmp_path):
    time = np.arange(16000) / 16000
    write_wav(tmp_path / "a.wav", (9000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16), 16000)
    samples = read_wav(tmp_path / "a.wav")
    assert len(samples) == 8000
    expected = 9000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(samples[400:-400] - expected[400:-400]).max() < 200
