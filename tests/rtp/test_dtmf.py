from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.rtp.dtmf import KEYS, EventReceiver, EventSender
from mediaserver.rtp.events import Digit


def body(key: int, duration: int, *, end: bool = False) -> bytes:
    return bytes((key, 0x8A if end else 0x0A)) + duration.to_bytes(2, "big")


def press(receiver: EventReceiver, key: int, timestamp: int, *, ends: int = 3, now: float = 0.0) -> list[Digit]:
    digits: list[Digit] = []
    for duration in range(160, 800, 160):
        digits += receiver.received(timestamp, body(key, duration), now)
    for _ in range(ends):
        digits += receiver.received(timestamp, body(key, 800, end=True), now)
    return digits


def test_one_digit_though_the_end_comes_three_times() -> None:
    receiver = EventReceiver()
    assert press(receiver, 5, 1000) == [Digit("5", 100.0)]
    assert press(receiver, 5, 3000) == [Digit("5", 100.0)]
    assert press(receiver, 11, 5000) == [Digit("#", 100.0)]


def test_all_but_one_end_packet_may_be_lost() -> None:
    assert EventReceiver().received(1000, body(10, 800, end=True), 0.0) == [Digit("*", 100.0)]


def test_a_lost_end_is_made_up_by_the_next_key() -> None:
    receiver = EventReceiver()
    assert press(receiver, 1, 1000, ends=0) == []
    assert press(receiver, 2, 3000) == [Digit("1", 80.0), Digit("2", 100.0)]


def test_a_lost_end_is_made_up_by_time() -> None:
    receiver = EventReceiver()
    press(receiver, 1, 1000, ends=0, now=1.0)
    assert receiver.active
    assert receiver.overdue(1.1) is None
    assert receiver.overdue(1.21) == Digit("1", 80.0)
    assert receiver.overdue(1.5) is None
    assert receiver.received(1000, body(1, 800, end=True), 1.6) == []  # too late to count again


def test_packets_out_of_order_change_nothing() -> None:
    receiver = EventReceiver()
    assert press(receiver, 1, 1000) == [Digit("1", 100.0)]
    receiver.received(3000, body(2, 160), 0.0)
    assert receiver.received(1000, body(1, 800, end=True), 0.0) == []
    receiver.received(3000, body(2, 480), 0.0)
    receiver.received(3000, body(2, 320), 0.0)
    assert receiver.received(3000, body(2, 480, end=True), 0.0) == [Digit("2", 60.0)]


def test_a_long_press_goes_on_in_segments() -> None:
    receiver = EventReceiver()
    assert receiver.received(1000, body(3, 0xFFFF), 0.0) == []
    assert receiver.received(1000 + 0xFFFF, body(3, 800), 0.0) == []
    assert receiver.received(1000 + 0xFFFF, body(3, 1465, end=True), 0.0) == [Digit("3", 8375.0)]


def test_a_sender_that_sets_its_clock_back_is_still_heard() -> None:
    receiver = EventReceiver()
    press(receiver, 1, 10_000_000)
    assert press(receiver, 2, 1000) == [Digit("2", 100.0)]


@pytest.mark.parametrize("payload", [b"", b"\x05", b"\x05\x0a\x00", body(200, 160, end=True)])
def test_nonsense_is_no_digit(payload: bytes) -> None:
    receiver = EventReceiver()
    assert receiver.received(1000, payload, 0.0) == []
    assert not receiver.active


def test_sent_events_share_a_timestamp_and_end_three_times() -> None:
    sender = EventSender(100, 60)
    sender.press("1#")
    frames = [sender.frame(160 * turn, 160) for turn in range(40)]
    events = [(turn, *frame) for turn, frame in enumerate(frames) if frame is not None]
    first, second = events[:7], events[7:]
    assert [event[0] for event in first] == list(range(7))
    assert {event[2] for event in first} == {0}
    assert [int.from_bytes(event[1][2:]) for event in first] == [160, 320, 480, 640, 800, 800, 800]
    assert [event[1][1] >> 7 for event in first] == [0, 0, 0, 0, 1, 1, 1]
    assert [event[3] for event in first] == [True] + 6 * [False]
    assert {event[1][0] for event in second} == {KEYS.index("#")}
    assert [event[0] for event in second] == list(range(10, 17))  # 60 ms of pause after the third end
    assert {event[2] for event in second} == {1600}
    assert not sender.busy


@pytest.mark.parametrize("ptime", [10, 20, 30, 60])
def test_what_is_sent_is_received(ptime: int) -> None:
    sender, receiver = EventSender(100, 60), EventReceiver()
    sender.press("0123456789*#abcd")
    digits = []
    timestamp = 0
    while sender.busy:
        frame = sender.frame(timestamp, ptime * 8)
        if frame is not None:
            digits += receiver.received(frame[1], frame[0], timestamp / 8000)
        timestamp += ptime * 8
    assert "".join(digit.value for digit in digits) == "0123456789*#ABCD"
    assert {digit.duration_ms for digit in digits} == {100.0}


def test_what_is_no_key_is_refused_whole() -> None:
    sender = EventSender(100, 60)
    with pytest.raises(ValueError, match="1x"):
        sender.press("1x")
    assert not sender.busy


# --- senders as they are ---------------------------------------------------------------------------------------------
def test_the_marker_may_be_missing_and_the_beginning_too() -> None:
    receiver = EventReceiver()
    assert receiver.received(1000, body(5, 480), 0.0) == []
    assert receiver.received(1000, body(5, 800, end=True), 0.02) == [Digit("5", 100.0)]


def test_the_same_key_twice_in_quick_succession_is_two() -> None:
    receiver = EventReceiver()
    assert press(receiver, 7, 1000) == [Digit("7", 100.0)]
    assert press(receiver, 7, 1000 + 800 + 320) == [Digit("7", 100.0)]
    # at once, if the sender says so by the marker
    assert receiver.received(2920, body(7, 160), 0.0, True) == []
    assert receiver.received(2920, body(7, 800, end=True), 0.0) == [Digit("7", 100.0)]


def test_the_same_key_twice_though_every_end_of_the_first_is_lost() -> None:
    receiver = EventReceiver()
    assert press(receiver, 7, 1000, ends=0) == []
    assert press(receiver, 7, 1000 + 1280) == [Digit("7", 80.0), Digit("7", 100.0)]


def test_a_timestamp_that_moves_on_within_an_event_makes_no_second_digit() -> None:
    receiver, digits = EventReceiver(), []
    for turn in range(5):
        digits += receiver.received(1000 + 160 * turn, body(4, 160 * (turn + 1)), 0.02 * turn, turn == 0)
    for turn in range(5, 8):
        digits += receiver.received(1000 + 160 * min(turn, 5), body(4, 800, end=True), 0.02 * turn)
    assert digits == [Digit("4", 100.0)]


def test_a_duration_that_starts_anew_under_the_same_timestamp_is_one_key() -> None:
    receiver = EventReceiver()
    digits = receiver.received(1000, body(4, 65_440), 8.0)
    digits += receiver.received(1000, body(4, 64), 8.02)
    digits += receiver.received(1000, body(4, 800, end=True), 8.1)
    assert digits == [Digit("4", 8180.0)]


def test_a_segment_whose_last_packets_were_lost_still_goes_on() -> None:
    receiver = EventReceiver()
    assert receiver.received(1000, body(3, 65_000), 0.0) == []
    assert receiver.received(1000 + 0xFFFF, body(3, 160), 0.1) == []
    (digit,) = receiver.received(1000 + 0xFFFF, body(3, 1465, end=True), 0.2)
    assert digit == Digit("3", 8375.0)


def test_three_segments_are_one_key() -> None:
    receiver = EventReceiver()
    for segment in range(3):
        for duration in (0x9000, 0xFFFF):
            assert receiver.received(segment * 0xFFFF, body(9, duration), 0.0) == []
    (digit,) = receiver.received(2 * 0xFFFF, body(9, 0xFFFF, end=True), 0.0)
    assert digit.duration_ms == pytest.approx(3 * 0xFFFF / 8)


def test_flash_is_a_key() -> None:
    assert press(EventReceiver(), 16, 1000) == [Digit("!", 100.0)]


def test_pauses_among_keys_and_keys_as_long_as_wished() -> None:
    sender = EventSender(100, 60)
    sender.press("1w2", 40)
    frames = [sender.frame(160 * turn, 160) for turn in range(60)]
    starts = [turn for turn, frame in enumerate(frames) if frame is not None and frame[2]]
    assert [(later - first) * 20 for first, later in pairwise(starts)] == [80 + 60 + 500]
    ends = [int.from_bytes(frame[0][2:]) for frame in frames if frame is not None and frame[0][1] & 0x80]
    assert ends == [320] * 6
    assert not sender.busy


@settings(deadline=None)
@given(
    keys=st.lists(st.tuples(st.sampled_from(KEYS[:16]), st.integers(40, 2000)), min_size=1, max_size=6),
    lost=st.sets(st.integers(0, 200)),
    ptime=st.sampled_from([10, 20, 30]),
)
def test_whatever_is_lost_no_key_is_heard_twice(keys: list[tuple[str, int]], lost: set[int], ptime: int) -> None:
    sender, receiver = EventSender(100, 60), EventReceiver()
    for key, ms in keys:
        sender.press(key, ms)
    heard, sent, timestamp, now = [], 0, 0, 0.0
    arrived: dict[int, int] = {}
    while sender.busy:
        frame = sender.frame(timestamp, ptime * 8)
        if frame is not None:
            if sent not in lost:
                arrived[frame[1]] = arrived.get(frame[1], 0) + 1
                heard += receiver.received(frame[1], frame[0], now, frame[2])
            sent += 1
        if receiver.active and (digit := receiver.overdue(now)) is not None:
            heard.append(digit)
        timestamp += ptime * 8
        now += ptime / 1000
    if (digit := receiver.overdue(now + 1)) is not None:
        heard.append(digit)
    assert len(heard) == len(arrived)
