"""How dear encoding may be: dearer where there is time for it, cheaper at once where there is not."""

import pytest

from mediacodecs.opus import OpusEncoder
from mediaproviders.contract import PCM16_24K
from mediaserver.rtp.effort import USUAL, Effort
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from support.rtp import plan
from support.sound import voice


def seconds(effort: Effort, count: int, *, talking: int, late_ms: float = 0.5) -> list[int]:
    """What the complexity is after each second in which so many agents talk."""
    found = []
    for _ in range(count):
        effort.encoded_ms += 1000 * talking
        effort.second(late_ms)
        found.append(effort.complexity)
    return found


def test_one_call_gets_the_best_there_is_after_some_calm_seconds() -> None:
    found = seconds(Effort(), 20, talking=1)
    assert found[:5] == [USUAL] * 5
    assert found == sorted(found)
    assert found[-1] == 8


def test_many_calls_are_encoded_cheaply_from_the_next_second_on() -> None:
    effort = Effort()
    seconds(effort, 20, talking=1)
    assert seconds(effort, 3, talking=25) == [USUAL] * 3
    assert seconds(effort, 30, talking=25)[-1] == USUAL


def test_what_is_dear_does_not_come_and_go_with_one_call() -> None:
    """Between the share that ends it and that which begins it, nothing changes."""
    for talking in range(30):
        found = seconds(Effort(), 60, talking=talking)
        assert found == sorted(found), talking


def test_a_late_wheel_makes_it_cheaper_step_by_step() -> None:
    effort = Effort()
    seconds(effort, 20, talking=1)
    assert seconds(effort, 5, talking=1, late_ms=9.0) == [4, 1, 0, 0, 0]
    assert seconds(effort, 20, talking=1)[-1] == 8


def test_what_is_set_stays() -> None:
    assert seconds(Effort(5), 20, talking=100, late_ms=50.0) == [5] * 20


def test_an_encoder_follows_from_its_next_frame_on(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(OpusEncoder, "take_pains", lambda encoder, complexity: taken.append(complexity))
    effort, sent = Effort(), list[bytes]()
    stream = plan(receive={96: "OPUS"}, send_payload_type=96, send_encoding="OPUS")
    session = MediaSession(
        stream, ssrc=1, cname="a@b", first_sequence=1, first_timestamp=1, now=0.0, effort=effort,
        playout=Playout(encoding="OPUS", ptime_ms=20, source=PCM16_24K),
    )  # fmt: skip
    session.playout.push("a", voice(24000, 1.0).tobytes())
    for turn in range(40):
        if turn == 20:
            effort.complexity = 8
        session.tick(turn * 0.02, sent.append)
        assert taken == ([8] if turn >= 20 else [])
    assert effort.encoded_ms == 800, "silence would be left out of this"
    assert len(sent) == 40
