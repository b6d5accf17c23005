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
