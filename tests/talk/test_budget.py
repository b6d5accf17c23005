"""What a call costs and when it has cost enough."""

import pytest

from mediaproviders.contract import Usage
from mediaserver.talk.budget import Budget, Limits, Price

PRICE = Price(text_input=4, text_output=16, audio_input=32, audio_output=64, cached_input=0.4)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(1_000_000, 0), 4.0),
        (Usage(1_000_000, 0, input_audio_tokens=1_000_000), 32.0),
        (Usage(0, 1_000_000), 16.0),
        (Usage(0, 1_000_000, output_audio_tokens=1_000_000), 64.0),
        (Usage(1_000_000, 0, cached_tokens=1_000_000), 0.4),
        (Usage(1000, 500, input_audio_tokens=600, output_audio_tokens=400), 0.0192 + 0.0016 + 0.0256 + 0.0016),
        (Usage(1000, 0, input_audio_tokens=600, cached_tokens=200), 0.0128 + 0.0016 + 0.00008),
    ],
)
def test_tokens_have_their_price(usage: Usage, dollars: float) -> None:
    assert PRICE.of(usage) == pytest.approx(dollars)


def test_without_a_price_for_it_what_is_cached_costs_as_much() -> None:
    assert Price(text_input=4).of(Usage(1_000_000, 0, cached_tokens=500_000)) == pytest.approx(4.0)


def test_minutes_count_from_the_answer() -> None:
    budget = Budget(Limits(max_cost=0.1), Price(per_minute=0.05))
    assert (budget.cost(500.0), budget.exceeded(500.0)) == (0.0, None)
    budget.begin(1000.0)
    budget.begin(1060.0)
    assert budget.cost(1060.0) == pytest.approx(0.05)
    assert budget.exceeded(1119.0) is None
    assert budget.exceeded(1120.0) == "max-cost"


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
