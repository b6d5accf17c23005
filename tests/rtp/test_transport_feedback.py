"""What a peer's congestion control is told: read back by a reader of its own, and by examples of others."""

import struct
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.rtp.transport_feedback import TransportFeedback

OURS, THEIRS = 0xFA17FA17, 0x43032FA0


def read(packet: bytes) -> tuple[int, int, dict[int, float | None]]:
    """The first number, the count of the answer, and by number (as it is sent) when it came, in seconds."""
    first, kind, words, ours, theirs, base, count, head = struct.unpack_from("!BBHIIHHI", packet)
    assert (first & 0xDF, kind, ours, theirs) == (0x8F, 205, OURS, THEIRS)
    assert len(packet) == 4 * (words + 1)
    end = len(packet) - (packet[-1] if first & 0x20 else 0)
    at, statuses = 20, list[int]()
    while len(statuses) < count:
        (word,) = struct.unpack_from("!H", packet, at)
        at += 2
        if not word & 0x8000:
            statuses += [word >> 13] * (word & 0x1FFF)
        elif word & 0x4000:
            statuses += [word >> (12 - 2 * place) & 3 for place in range(7)]
        else:
            statuses += [word >> (13 - place) & 1 for place in range(14)]
    ticks, found = (head >> 8) * 256, dict[int, float | None]()
    for place, status in enumerate(statuses[:count]):
        number = (base + place) & 0xFFFF
        assert status in (0, 1, 2)
        found[number] = None
        if status:
            size = status
            ticks += int.from_bytes(packet[at : at + size], signed=size == 2)
            at += size
            found[number] = ticks * 0.00025
    assert at == end
    assert not any(packet[end:-1])
    return base, head & 0xFF, found


def answered(arrivals: list[tuple[int, float]], feedback: TransportFeedback | None = None) -> dict[int, float | None]:
    feedback = feedback or TransportFeedback(OURS)
    for number, now in arrivals:
        feedback.arrived(number & 0xFFFF, now)
    return read(feedback.report(THEIRS))[2]


def test_an_answer_as_others_write_it() -> None:
    """The layout of an answer to one packet, octet by octet: the same fields as in pion's example of one."""
    feedback = TransportFeedback(OURS)
    for count in range(23):
        feedback.arrived(130 + count, 1.0)
        feedback.report(THEIRS)
    feedback.arrived(153, 4057090 * 0.064 + 148 * 0.00025)
    assert feedback.report(THEIRS) == bytes.fromhex("afcd0005fa17fa1743032fa0009900013de8021720019401")


def test_nothing_is_due_before_something_came_and_then_after_200_ms() -> None:
    feedback = TransportFeedback(OURS)
    assert feedback.due == inf
    feedback.arrived(1, 10.0)
    feedback.arrived(2, 10.1)
    assert feedback.due == pytest.approx(10.2)
    feedback.report(THEIRS)
    assert feedback.due == inf


def test_packets_in_time() -> None:
    sent = [(65530 + n, 5.0 + 0.02 * n) for n in range(10)]
    found = answered(sent)
    assert list(found) == [number & 0xFFFF for number, _ in sent]
    for number, now in sent:
        assert found[number & 0xFFFF] == pytest.approx(now, abs=0.00013)


def test_what_did_not_come_between_two_answers_is_told() -> None:
    feedback = TransportFeedback(OURS)
    assert list(answered([(1, 1.0), (2, 1.02)], feedback)) == [1, 2]
    found = answered([(5, 1.08), (7, 1.2)], feedback)
    assert [number for number, came in found.items() if came is None] == [3, 4, 6]
    assert found[7] == pytest.approx(1.2, abs=0.001)


def test_one_that_comes_late_is_told_after_all_and_the_others_again() -> None:
    feedback = TransportFeedback(OURS)
    assert answered([(1, 1.0), (3, 1.04)], feedback)[2] is None
    found = answered([(2, 1.25), (4, 1.26)], feedback)
    assert {number: round(came or 0, 2) for number, came in found.items()} == {2: 1.25, 3: 1.04, 4: 1.26}


def test_answers_are_counted() -> None:
    feedback = TransportFeedback(OURS)
    counts = []
    for number in range(300):
        feedback.arrived(number, number * 0.25)
        counts.append(read(feedback.report(THEIRS))[1])
    assert counts == [number % 256 for number in range(300)]


def test_another_numbering_is_followed() -> None:
    feedback = TransportFeedback(OURS)
    answered([(1, 1.0), (2, 1.02)], feedback)
    assert list(answered([(40000, 1.3), (40001, 1.32)], feedback)) == [40000, 40001]
    assert list(answered([(40002, 1.5)], feedback)) == [40002]


def test_time_is_told_modulo_what_fits() -> None:
    assert answered([(1, 0.064 * (1 << 24) + 0.5)])[1] == pytest.approx(0.5, abs=0.001)


arrivals = st.lists(
    st.lists(st.tuples(st.integers(-30, 90), st.floats(-0.5, 12.0)), min_size=1, max_size=60), min_size=1, max_size=6
)


@settings(max_examples=150, deadline=None)
@given(arrivals, st.integers(0, 65535))
def test_whatever_comes_is_told_once_it_is_due(bursts: list[list[tuple[int, float]]], start: int) -> None:
    """In any order, with any gaps: what is told is what came, but for delays that do not fit."""
    feedback, now, number, told_until = TransportFeedback(OURS), 100.0, start, start - 31
    for burst in bursts:
        told = {}
        for step, wait in burst:
            told[(number + step) & 0xFFFF] = now + wait
            feedback.arrived((number + step) & 0xFFFF, now + wait)
        packet = feedback.report(THEIRS)
        assert len(packet) < 1200
        found = read(packet)[2]
        newest = number + max(step for step, _ in burst)
        if newest >= told_until:
            assert newest & 0xFFFF in found
            told_until = newest
        if max(told.values()) - min(told.values()) < 8.0 and len(bursts) == 1:
            for each, at in told.items():
                assert found[each] == pytest.approx(at, abs=0.00026)
        now, number = now + 1.0, number + 40


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 65535), min_size=1, max_size=2000))
def test_numbers_without_sense_make_no_answer_too_long(numbers: list[int]) -> None:
    feedback = TransportFeedback(OURS)
    for place, number in enumerate(numbers):
        feedback.arrived(number, place * 0.001)
        if place % 50 == 0:
            assert len(feedback.report(THEIRS)) < 1300
