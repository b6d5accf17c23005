"""When a rehearsal's misfortunes strike."""

from dataclasses import dataclass

import pytest

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.script import Moment, Script


@dataclass(frozen=True, slots=True)
class Fault(Moment):
    kind: str


@pytest.mark.parametrize("when", [{}, {"at_s": 1.0, "on_turn": 1}])
def test_either_at_a_second_or_in_an_answer(when):
    with pytest.raises(ValueError, match="give either at_s or on_turn"):
        Fault("close", **when)


def test_seconds_count_from_the_opening():
    agenda, struck = Agenda(), []
    script = Script((Fault("b", at_s=2.0), Fault("a", at_s=1.0), Fault("never", on_turn=1)))
    script.begin(agenda, 100.0, lambda fault, now: struck.append((fault.kind, now)))
    assert agenda.next_deadline() == 101.0
    agenda.run(101.5)
    agenda.run(102.0)
    assert struck == [("a", 101.5), ("b", 102.0)]


def test_each_strikes_an_answer_once():
    first, later, other = Fault("x", on_turn=1), Fault("y", on_turn=1, after_ms=200), Fault("z", on_turn=2)
    script = Script((first, later, other))
    assert script.of_answer(1) == [first, later]
    assert script.due(1, 0) == [first]
    assert script.due(1, 199) == []
    assert script.due(2, 500) == [other]
    assert script.due(1, 200) == [later]
    assert script.due(1, 5000) == []
