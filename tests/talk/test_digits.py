"""Gathering keys, and counting once what is told twice."""

import pytest

from mediaserver.talk.digits import Collector, DigitSettings, Presses


def entries(keys: str, pause_s: float = 0.5, **settings: object) -> list[str]:
    """What comes of `keys`, one every `pause_s`, with the clock looked at in between."""
    collector = Collector(DigitSettings(collect=True, **settings))  # type: ignore[arg-type]
    made, now = [], 100.0
    for key in keys:
        made += [entry for entry in (collector.overdue(now), collector.press(key, now)) if entry is not None]
        now += pause_s
    return made + [entry for entry in (collector.overdue(now + 60),) if entry is not None]


def test_without_collecting_each_key_is_an_entry():
    collector = Collector(DigitSettings())
    assert [collector.press(key, 0.0) for key in "1#"] == ["1", "#"]
    assert collector.due is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("12#", ["12"]),
        ("12345", ["12345"]),
        ("123456", ["12345", "6"]),
        ("12345#", ["12345", "#"]),
        ("#", ["#"]),
        ("1#2#", ["1", "2"]),
        ("*1", ["*1"]),
    ],
)
def test_the_submit_digit_and_the_maximum_complete_an_entry(keys: str, expected: list[str]):
    assert entries(keys) == expected


def test_time_completes_an_entry():
    assert entries("12", pause_s=1.9) == ["12"]
    assert entries("12", pause_s=2.0) == ["1", "2"]
    collector = Collector(DigitSettings(collect=True, inter_digit_timeout_ms=500))
    collector.press("1", 10.0)
    assert collector.due == 10.5
    assert collector.overdue(10.49) is None
    assert collector.overdue(10.5) == "1"
    assert collector.due is None and collector.overdue(99) is None


def test_there_may_be_no_submit_digit():
    assert entries("1#", submit_digit=None) == ["1#"]


def test_other_maxima():
    assert entries("1234", max_digits=1) == ["1", "2", "3", "4"]
    assert entries("1234", max_digits=3) == ["123", "4"]


def test_one_press_told_in_two_ways_is_one():
    presses = Presses()
    assert presses.is_new("5", "event", 100, 10.0)
    assert not presses.is_new("5", "inband", 95, 10.03)
    assert not presses.is_new("5", "info", 160, 10.2)
    assert presses.is_new("5", "event", 100, 10.2)  # the same way again: another press


def test_the_same_key_twice_in_both_ways_is_two():
    presses = Presses()
    told = [("event", 10.0), ("info", 10.02), ("event", 10.2), ("info", 10.22)]
    assert [presses.is_new("1", way, 100, at) for way, at in told] == [True, False, True, False]


@pytest.mark.parametrize(("digit", "at"), [("6", 10.0), ("5", 10.3)])
def test_another_key_or_a_later_press_is_new(digit: str, at: float):
    presses = Presses()
    presses.is_new("5", "event", 100, 10.0)
    assert presses.is_new(digit, "info", 100, at)


def test_a_long_press_is_one_though_the_other_way_tells_it_at_its_beginning():
    presses = Presses()
    assert presses.is_new("5", "info", 100, 10.1)
    assert not presses.is_new("5", "event", 900, 10.9)


def test_what_is_past_is_forgotten():
    presses = Presses()
    for turn in range(1000):
        presses.is_new("5", "event", 100, float(turn))
    assert len(presses._recent) <= 2
