from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaproviders.continuity.attempts import Attempts
from mediaproviders.continuity.schedule import window
from mediaproviders.continuity.settings import ContinuitySettings

DEFAULT = ContinuitySettings()


@dataclass
class Floor:
    generating: bool = False
    is_owed: bool = False
    is_quiet: bool = False
    is_settled: bool = False

    def owed(self, now):
        return self.is_owed

    def quiet(self, now):
        return self.is_quiet

    def settled(self, now):
        return self.is_settled


def test_nothing_in_sight():
    assert window(5.0, None, None, DEFAULT) is None


def test_the_nearest_limit_counts():
    cautious = ContinuitySettings(connection_s=300.0)
    assert window(1000.0, 480.0, None, DEFAULT).ends == 1480.0
    assert window(1000.0, 480.0, None, cautious).ends == 1300.0
    assert window(1000.0, 480.0, 1200.0, cautious).ends == 1200.0
    assert window(1000.0, None, 1200.0, DEFAULT).opens == 1170.0


@given(st.floats(0.1, 1e5), st.floats(0.1, 100), st.floats(0.1, 100))
def test_stages_are_in_order(limit_s, lead_s, force_s):
    end = window(50.0, limit_s, None, ContinuitySettings(lead_s=lead_s, force_s=force_s))
    assert 50.0 < end.opens < end.relaxes < end.forces < end.insists < end.ends


def test_an_end_that_is_over_already():
    end = window(50.0, None, 40.0, DEFAULT)
    assert end.opens == end.ends == 40.0
    assert end.ripe(50.0, Floor())


@pytest.mark.parametrize(
    ("floor", "when"),
    [
        (Floor(is_quiet=True, is_settled=True), "opens"),
        (Floor(is_quiet=True), "relaxes"),
        (Floor(), "forces"),
        (Floor(is_settled=True), "forces"),
        (Floor(is_owed=True), "insists"),
        (Floor(generating=True, is_quiet=True, is_settled=True), None),
    ],
)
def test_ripe(floor, when):
    end = window(0.0, 480.0, None, DEFAULT)
    stages = ["opens", "relaxes", "forces", "insists", "ends"]
    ripe = [stage for stage in stages if end.ripe(getattr(end, stage), floor)]
    assert ripe == (stages[stages.index(when) :] if when else [])


def test_attempts():
    attempts = Attempts(2, (0.0, 0.5))
    assert [attempts.take(0) for _ in range(3)] == [0.0, 0.5, None]
    assert not attempts.left(0)
    assert not attempts.barred(0)
    attempts.bar(1)
    assert attempts.take(1) is None
    assert attempts.barred(1)
    attempts.renew()
    assert attempts.left(0)
    assert attempts.left(1)
    assert list(Attempts(3, (0.0,)).order(1)) == [1, 2, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"lead_s": 0.0},
        {"force_s": -1.0},
        {"look_s": 0.0},
        {"connection_s": 0.0},
        {"delays_s": ()},
        {"delays_s": (0.0, -1.0)},
    ],
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="continuity"):
        ContinuitySettings(**wrong)
