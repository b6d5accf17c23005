"""The wheel on a fake loop: time moves when the test says so."""

from collections.abc import Callable
from itertools import cycle, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.net.wheel import Wheel


class Handle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Just enough of an event loop: one clock, one list of timers. They tick in whole ms, and delays are rounded."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None], Handle]] = []
        self.wakeups = 0

    def call_later(self, delay: float, then: Callable[[], None]) -> Handle:
        handle = Handle()
        ticks = round(delay * 1000)
        due = (int(self.now * 1000 + 1e-6) + ticks) / 1000 if ticks else self.now
        self.timers.append((due, then, handle))
        return handle

    def run(self, until: float, late: Callable[[], float] = lambda: 0.0) -> None:
        while True:
            self.timers = [timer for timer in self.timers if not timer[2].cancelled]
            due = min(self.timers, default=None, key=lambda timer: timer[0])
            if due is None or due[0] > until:
                self.now = until
                return
            self.timers.remove(due)
            self.now = max(self.now, due[0]) + late()
            self.wakeups += 1
            due[1]()


def wheel_on(loop: Loop) -> Wheel:
    return Wheel(loop, clock=lambda: loop.now)  # type: ignore[arg-type]


def test_each_leg_turns_once_a_ptime_for_ever() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    at: list[float] = []
    wheel.add(20, at.append)
    loop.run(110.0)
    assert abs(len(at) - 500) <= 1
    gaps = [round((b - a) * 1000, 3) for a, b in pairwise(at)]
    assert set(gaps) == {20.0}


def test_legs_spread_over_the_slots() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    phases = [wheel.add(20, lambda now: None).phase for _ in range(8)]
    assert sorted(phases) == [0, 0, 1, 1, 2, 2, 3, 3]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=12),
    st.lists(st.floats(0.0, 0.012), min_size=1, max_size=5),
)
def test_the_first_turn_of_a_leg_is_the_one_it_was_told_of(joins_ms: list[int], late: list[float]) -> None:
    loop, lateness = Loop(), cycle(late)
    wheel = wheel_on(loop)
    first: dict[int, float] = {}
    told: dict[int, float] = {}
    for leg, wait_ms in enumerate(joins_ms):
        loop.run(loop.now + wait_ms / 1000, late=lambda: next(lateness))
        spoke = wheel.add(20, lambda now, leg=leg: first.setdefault(leg, now))
        told[leg] = wheel.next_time(spoke)
    loop.run(loop.now + 0.1)
    assert first.keys() == told.keys()
    assert all(first[leg] >= told[leg] - 1e-3 for leg in told)


def test_empty_slots_cost_no_wakeup() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    wheel.add(20, lambda now: None)
    loop.run(101.0)
    assert loop.wakeups <= 51


@pytest.mark.parametrize("began", [100.0, 100.0003, 100.0007])
def test_each_slot_is_woken_for_once(began: float) -> None:
    loop = Loop()
    loop.now = began
    wheel = wheel_on(loop)
    turns: list[float] = []
    for _ in range(4):
        wheel.add(20, turns.append)
    # Every wakeup takes its time: just before a deadline a loop that rounds is asked again and again.
    loop.run(102.0, late=lambda: 0.000_02)
    assert len(turns) >= 399
    assert loop.wakeups <= len(turns) + 1


def test_when_a_leg_is_turned_next_is_known() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    turns: list[float] = []
    spokes = [wheel.add(20, turns.append) for _ in range(4)]
    for spoke in spokes:
        due = wheel.next_time(spoke)
        turns.clear()
        loop.run(due)
        assert due in [pytest.approx(turn) for turn in turns]
        assert wheel.next_time(spoke) == pytest.approx(due + 0.020)


def test_a_leg_that_moves_is_turned_a_period_after_the_slot_it_moved_to() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    turns: list[float] = []
    spoke = wheel.add(20, turns.append)
    loop.run(100.0 + 0.0333)
    began = wheel.slot_time(loop.now)
    assert began == 100.03
    turns.clear()
    wheel.move(spoke, loop.now)
    loop.run(101.0)
    following = [turn for turn in turns if turn > 100.0333]
    assert following[0] == pytest.approx(began + 0.020)
    assert len(following) == 48


def test_no_leg_no_timer() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    spoke = wheel.add(20, lambda now: None)
    wheel.remove(spoke)
    loop.run(101.0)
    assert not loop.timers


def test_a_leg_may_leave_in_its_own_turn_and_another_may_come() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    turns: list[str] = []

    def once(now: float) -> None:
        turns.append("once")
        wheel.remove(spoke)
        wheel.add(10, lambda now: turns.append("then"))

    spoke = wheel.add(20, once)
    loop.run(100.2)
    assert turns.count("once") == 1
    assert turns.count("then") >= 17


def test_one_leg_that_fails_stops_no_other() -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    turns: list[float] = []

    def broken(now: float) -> None:
        raise RuntimeError("a bug")

    wheel.add(20, broken)
    wheel.add(20, turns.append)
    loop.run(101.0)
    assert len(turns) >= 49
    failures = wheel.take_failures()
    assert len(failures) >= 49
    assert "broken" in failures[0].__notes__[0]
    assert not wheel.take_failures()


@pytest.mark.parametrize("what", ["add", "move"])
def test_a_turn_that_adds_or_moves_a_leg_leaves_one_timer(what: str) -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    pending: list[int] = []

    def busy(now: float) -> None:
        pending.append(sum(not handle.cancelled for _, _, handle in loop.timers))
        if what == "move":
            spokes.append(wheel.move(spokes.pop(), now))
        elif len(pending) < 10:
            wheel.add(20, lambda now: None)

    spokes = [wheel.add(20, busy)]
    loop.run(102.0)
    assert len(pending) >= 90 and set(pending) == {0}, "the timer of this turn has fired, and there is no other"
    assert sum(not handle.cancelled for _, _, handle in loop.timers) == 1


@given(st.lists(st.floats(0, 0.03), max_size=50), st.sampled_from([10, 20, 30, 40, 50, 60]))
def test_lateness_is_never_carried_on(lateness: list[float], ptime: int) -> None:
    loop = Loop()
    wheel = wheel_on(loop)
    turns: list[float] = []
    wheel.add(ptime, turns.append)
    late = iter(lateness)
    loop.run(104.0, late=lambda: next(late, 0.0))
    punctual = [turn for turn in turns if turn > 103.0]
    assert abs(len(punctual) - 1000 / ptime) <= 1
    on_the_grid = [(turn - 100.0) * 1000 / 5 for turn in punctual]
    assert all(abs(slot - round(slot)) < 1e-3 for slot in on_the_grid)
