"""One direction of a bridge, in virtual time."""

import random

import numpy as np
import pytest

from mediacodecs.g711 import PCMU as ULAW
from mediacodecs.g711 import ULAW_TO_ALAW
from mediacodecs.signal.tones import tone
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCMA, PCMU, AudioFormat
from mediaserver.rtp.form import form_of
from mediaserver.talk.crossing import ENOUGH_MS, MOST_MS, Crossing

U, A = form_of(PCMU), form_of(PCMA)
QUIET = b"\xff" * 160


def frames(count: int, size: int = 160) -> list[bytes]:
    """Loud ones, all different."""
    samples = np.random.default_rng(1).integers(8000, 20000, count * size).astype(np.int16)
    octets = ULAW.encode(samples)
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def run(
    crossing: Crossing,
    audio: list[bytes],
    *,
    every: float = 0.02,
    tick: float = 0.02,
    phase: float = 0.005,
    late: dict[int, float] | None = None,
    ticks: int | None = None,
) -> tuple[list[bytes | None], list[tuple[float, bytes]]]:
    """Audio every `every` seconds, some of it late; what each tick gives, and when each frame went."""
    arrivals = [(index * every + (late or {}).get(index, 0.0), each) for index, each in enumerate(audio)]
    arrivals.sort(key=lambda arrival: arrival[0])
    out: list[bytes | None] = []
    went = []
    for turn in range(ticks or round(len(audio) * every / tick) + 3):
        now = turn * tick + phase
        while arrivals and arrivals[0][0] <= now:
            at, octets = arrivals.pop(0)
            crossing.take(octets, at)
        frame = crossing.pop()
        out.append(frame)
        if frame is not None:
            went.append((now, frame))
    return out, went


def test_the_same_law_passes_untouched_and_in_order():
    audio = frames(50)
    _, went = run(Crossing(U, U, 20), audio)
    assert [frame for _, frame in went] == audio
    assert all(mine is yours for (_, mine), yours in zip(went, audio, strict=True))


@pytest.mark.parametrize("phase", [0.001, 0.005, 0.012, 0.019])
def test_it_delays_by_20_to_40_ms_and_says_so(phase: float):
    crossing, audio = Crossing(U, U, 20), frames(100)
    _, went = run(crossing, audio, phase=phase)
    delays = {round((at - index * 0.02) * 1000) for index, (at, _) in enumerate(went)}
    assert len(delays) == 1 and 20 <= delays.pop() <= 40
    assert crossing.underruns == 2 and crossing.dropped_ms == 0  # the two ticks after the last frame
    assert 20 <= crossing.delay_ms <= 40


def test_jitter_within_the_spare_is_not_heard():
    chance = random.Random(4)
    crossing, audio = Crossing(U, U, 20), frames(500)
    out, went = run(crossing, audio, late={index: chance.uniform(0, 0.019) for index in range(500)})
    assert [frame for _, frame in went] == audio
    assert None not in out[2:-3]


def test_a_late_packet_costs_one_frame_of_silence_and_no_audio():
    crossing, audio = Crossing(U, U, 20), frames(60)
    out, went = run(crossing, audio, late={20: 0.055, 21: 0.04, 22: 0.02}, ticks=66)
    assert [frame for _, frame in went] == audio
    first, last = out.index(audio[0]), len(out) - 1 - out[::-1].index(audio[-1])
    assert 1 <= out[first:last].count(None) <= 2


def test_what_is_too_much_is_dropped_where_it_is_quiet():
    """After a burst, and for a sender whose clock is fast."""
    crossing, audio = Crossing(U, U, 20), frames(5)
    for each in audio:
        crossing.take(each, 0.0)
    heard = []
    for turn in range(100):
        crossing.take(QUIET, turn * 0.02)
        heard.append(crossing.pop())
    assert [frame for frame in heard if frame and frame != QUIET] == audio
    assert crossing.dropped_ms >= 40
    assert crossing._queued <= ENOUGH_MS * 8


def test_a_clock_that_is_fast_is_kept_up_with_even_in_speech():
    crossing = Crossing(U, U, 20)
    run(crossing, frames(3000), every=0.0199, tick=0.02)
    assert crossing._queued <= (ENOUGH_MS + 40) * 8
    assert 0 < crossing.dropped_ms <= 3000 * 0.1 + 100


def test_a_clock_that_is_slow_costs_a_frame_now_and_then():
    crossing = Crossing(U, U, 20)
    out, _ = run(crossing, frames(3000), every=0.0201, tick=0.02, ticks=3000)
    assert 0 < out.count(None) <= 3000 * 0.005 + 5


def test_nobody_takes_it():
    crossing, audio = Crossing(U, U, 20), frames(500)
    for each in audio:
        crossing.take(each, 0.0)
    assert crossing._queued <= MOST_MS * 8
    crossing.pop()
    assert crossing.pop() in audio[-(MOST_MS // 20) :]


@pytest.mark.parametrize(("ptime_in", "ptime_out"), [(10, 20), (20, 10), (30, 20), (20, 30), (60, 20), (20, 60)])
def test_other_packet_lengths(ptime_in: int, ptime_out: int):
    audio = frames(60, ptime_in * 8)
    crossing = Crossing(U, U, ptime_out)
    _, went = run(crossing, audio, every=ptime_in / 1000, tick=ptime_out / 1000)
    heard = b"".join(frame for _, frame in went)
    assert {len(frame) for _, frame in went} == {ptime_out * 8}
    assert b"".join(audio).startswith(heard)
    assert len(heard) >= len(b"".join(audio)) - 60 * 8
    assert crossing.dropped_ms == 0


def test_the_other_law():
    audio = frames(10)
    _, went = run(Crossing(U, A, 20), audio)
    assert [frame for _, frame in went] == [each.translate(ULAW_TO_ALAW) for each in audio]


@pytest.mark.parametrize(("source", "target"), [(PCMU, PCM16_16K), (PCM16_16K, PCMA), (PCM16_16K, PCM16_8K)])
def test_other_rates_keep_the_sound(source: AudioFormat, target: AudioFormat):
    given, wanted = form_of(source), form_of(target)
    octets = given.encode(tone((1000.0,), 1000, source.rate))
    size = 20 * given.bytes_per_ms
    chunks = [octets[at : at + size] for at in range(0, len(octets), size)]
    crossing = Crossing(given, wanted, 20)
    _, went = run(crossing, chunks)
    assert {len(frame) for _, frame in went} == {20 * wanted.bytes_per_ms}
    heard = wanted.decode(b"".join(frame for _, frame in went)).astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    assert abs(np.argmax(spectrum) * target.rate / len(heard) - 1000) < 5


def test_the_other_leg_changes_its_codec_and_packet_length():
    audio = frames(20)
    crossing = Crossing(U, U, 20)
    run(crossing, audio[:10])
    crossing.into(A, 30)
    _, went = run(crossing, audio[10:], tick=0.03)
    assert b"".join(frame for _, frame in went) in b"".join(audio[10:]).translate(ULAW_TO_ALAW)
    assert {len(frame) for _, frame in went} == {240}
