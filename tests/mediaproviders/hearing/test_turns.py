from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaproviders.contract import SpeechStarted, SpeechStopped, TurnCommitted
from mediaproviders.hearing.turns import Guess, Pace, TurnEvent, Turns, Unguess


def turns(pace: Pace | None = None) -> Turns:
    ids = count(1)
    return Turns(pace or Pace(guess_ms=240), lambda: f"t{next(ids)}")


def run(core: Turns, pattern: str, ms: float = 20.0) -> list[TurnEvent]:
    """`pattern`: v for a voiced frame, - for a silent one, with a count before each ("10v25-")."""
    events: list[TurnEvent] = []
    number = ""
    for letter in pattern:
        if letter.isdigit():
            number += letter
            continue
        for _ in range(int(number)):
            events += core.frame(letter == "v", ms)
        number = ""
    return events


def test_a_turn_starts_is_guessed_stops_and_is_committed() -> None:
    assert run(turns(), "5-20v25-") == [
        SpeechStarted("t1", 100),
        Guess("t1"),
        SpeechStopped("t1", 500),
        TurnCommitted("t1"),
    ]


def test_a_click_is_no_turn() -> None:
    assert run(turns(), "10-2v50-") == []


def test_the_onset_is_reported_after_sixty_ms() -> None:
    core = turns()
    assert run(core, "10-2v") == []
    assert run(core, "1v") == [SpeechStarted("t1", 200)]


def test_a_pause_takes_the_guess_back() -> None:
    assert run(turns(), "10v12-1v24-") == [SpeechStarted("t1", 0), Guess("t1"), Unguess("t1"), Guess("t1")]


def test_a_short_pause_is_part_of_the_turn() -> None:
    assert [type(event) for event in run(turns(), "10v11-10v11-10v")] == [SpeechStarted]


def test_the_end_comes_after_half_a_second_of_silence() -> None:
    core = turns()
    run(core, "10v24-")
    assert core.speaking
    assert run(core, "1-") == [SpeechStopped("t1", 200), TurnCommitted("t1")]
    assert not core.speaking


def test_an_endless_turn_is_ended_and_the_next_begins() -> None:
    events = run(turns(Pace(longest_ms=1000)), "98v40-")
    starts = [event.audio_start_ms for event in events if isinstance(event, SpeechStarted)]
    stops = [event.audio_end_ms for event in events if isinstance(event, SpeechStopped)]
    assert starts == [0, 1000] and stops == [1000, 1960]
    assert len([event for event in events if isinstance(event, TurnCommitted)]) == len(stops) >= 1


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=40))
def test_every_turn_starts_stops_and_is_committed_in_order(runs: list[tuple[bool, int]]) -> None:
    core = turns(Pace(longest_ms=3000))
    events = [event for voiced, length in runs for _ in range(length) for event in core.frame(voiced, 20.0)]
    events += run(core, "40-")
    plain = [type(event) for event in events if not isinstance(event, Guess | Unguess)]
    assert plain == [SpeechStarted, SpeechStopped, TurnCommitted] * (len(plain) // 3)
    times = [
        ms
        for event in events
        for ms in (
            [event.audio_start_ms] if isinstance(event, SpeechStarted)
            else [event.audio_end_ms] if isinstance(event, SpeechStopped) else []
        )
        if ms is not None
    ]  # fmt: skip
    assert times == sorted(times)


@pytest.mark.parametrize("longest", [1000.0, 30_000.0])
def test_no_turn_is_longer_than_allowed(longest: float) -> None:
    events = run(turns(Pace(longest_ms=longest)), "2000v30-")
    starts = [event.audio_start_ms or 0 for event in events if isinstance(event, SpeechStarted)]
    stops = [event.audio_end_ms or 0 for event in events if isinstance(event, SpeechStopped)]
    assert all(stop - start <= longest for start, stop in zip(starts, stops, strict=True))
