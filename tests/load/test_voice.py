"""A caller's codecs, at the rate of its recordings."""

import numpy as np
import pytest

from mediacodecs import registry
from mediaserver.load.recording import RATE, Arrival, play_by_timestamp
from mediaserver.load.voice import ClockFace, decoders, encoder
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from support.sound import aligned, voice


def plan(name: str) -> MediaPlan:
    spec = registry.spec(name)
    form = PayloadFormat(96, spec.name, spec.clock_rate, spec.channels)
    there = ("192.0.2.1", 4000)
    return MediaPlan(form, (form,), 20, Direction.SENDRECV, there, there)


@pytest.mark.parametrize("name", registry.SPECS)
@pytest.mark.parametrize("first", [0, 2**32 - 20_000], ids=["from zero", "over the wrap"])
def test_what_one_says_another_plays_by_timestamp(name: str, first: int) -> None:
    agreed, said = plan(name), voice(RATE, 1.0)
    encode, clock, arrivals = encoder(agreed.send), ClockFace(agreed), []
    for number in range(50):
        timestamp = (first + number * agreed.send.clock_rate // 50) % 2**32
        payload = encode(said[number * 160 : (number + 1) * 160])
        at = clock.read(7, 96, timestamp)
        arrivals.append(Arrival(number * 0.02, number, at, False, 96, 7, payload))
    track = play_by_timestamp(arrivals, decoders(agreed))
    assert track is not None
    assert len(track.samples) == RATE
    assert track.starts_at == pytest.approx(0.0, abs=0.001)
    assert aligned(said[800:], track.samples[800:], 200)[1] > 0.85


def test_sources_have_clocks_of_their_own() -> None:
    clock = ClockFace(plan("OPUS"))
    steps = [clock.read(source, 96, 48_000 * turn) for turn in range(3) for source in (1, 2)]
    assert np.diff(steps[::2]).tolist() == np.diff(steps[1::2]).tolist() == [RATE, RATE]
    assert clock.read(1, 101, 12_345) == 12_345, "what is no audio is left alone"
