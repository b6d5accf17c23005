"""What a call costs and when it has cost enough."""

import pytest

from mediaproviders.contract import Usage
from mediaproviders.models import Price
from mediaserver.talk.budget import Budget, Limits


def test_minutes_count_from_the_answer() -> None:
    budget = Budget(Limits(max_cost=0.1), Price(per_minute=0.05))
    assert (budget.cost(500.0), budget.exceeded(500.0)) == (0.0, None)
    budget.begin(1000.0)
    budget.begin(1060.0)
    assert budget.cost(1060.0) == pytest.approx(0.05)
    assert budget.exceeded(1119.0) is None
    assert budget.exceeded(1120.0) == "max-cost"


def test_tokens_add_up() -> None:
    budget = Budget(Limits(max_cost=0.02), Price(text_input=4, audio_output=64))
    budget.used(Usage(1000, 100, output_audio_tokens=100))
    assert budget.cost(0.0) == pytest.approx(0.004 + 0.0064)
    budget.used(Usage(1000, 100, output_audio_tokens=100))
    assert budget.exceeded(0.0) == "max-cost"


def test_another_model_has_another_price() -> None:
    budget = Budget(Limits(max_cost=0.2), Price(per_minute=0.06, text_output=10))
    budget.begin(1000.0)
    budget.used(Usage(0, 1000))
    budget.take_over(Price(text_output=100), 1060.0)
    assert budget.cost(1600.0) == pytest.approx(0.01 + 0.06)
    budget.used(Usage(0, 1000))
    budget.take_over(Price(per_minute=0.01), 1600.0)
    assert budget.cost(1660.0) == pytest.approx(0.01 + 0.06 + 0.1 + 0.01)
    budget.take_over(None, 1660.0)  # what is known of the cost is not forgotten
    budget.used(Usage(0, 1000))
    assert (budget.cost(9999.0), budget.exceeded(9999.0)) == (pytest.approx(0.18), None)


def test_a_model_that_takes_over_before_the_answer_costs_from_the_answer_on() -> None:
    budget = Budget(Limits(), None)
    budget.take_over(Price(per_minute=0.06), 100.0)
    budget.begin(160.0)
    assert budget.cost(220.0) == pytest.approx(0.06)


def test_the_longest_call() -> None:
    budget = Budget(Limits(max_call_s=60), None)
    assert budget.exceeded(10_000.0) is None
    budget.begin(0.0)
    assert (budget.exceeded(59.9), budget.exceeded(60.0)) == (None, "max-duration")


def test_an_unknown_price_is_no_price() -> None:
    budget = Budget(Limits(max_cost=0.0), None)
    budget.begin(0.0)
    budget.used(Usage(10**9, 10**9))
    assert (budget.cost(9.0), budget.exceeded(9.0)) == (None, None)
