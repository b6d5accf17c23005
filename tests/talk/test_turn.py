import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.talk.turn import TABLE, Action, Floor, Turn


def speaking() -> Turn:
    turn = Turn()
    turn.agent_begins()
    return turn


def test_a_cough_ducks_and_resumes() -> None:
    turn = speaking()
    assert turn.hint(10.0) is Action.DUCK
    assert turn.voice(10.032, 32, speech=True) is None
    assert turn.voice(10.064, 32, speech=True) is None
    actions = [turn.voice(10.064 + n * 0.032, 32, speech=False) for n in range(1, 14)]
    assert [action for action in actions if action] == [Action.RESUME]
    assert turn.floor is Floor.AGENT


def test_speech_that_lasts_interrupts() -> None:
    turn = speaking()
    turn.hint(10.0)
    actions = [turn.voice(10.0 + n * 0.032, 32, speech=True) for n in range(1, 9)]
    assert actions == [None] * 7 + [Action.INTERRUPT]
    assert turn.floor is Floor.CALLER


def test_a_contest_ends_even_when_the_detector_sleeps() -> None:
    turn = speaking()
    turn.hint(10.0)
    assert turn.tick(10.3) is None
    assert turn.tick(10.36) is Action.RESUME


def test_scattered_voice_does_not_hold_a_contest_open_for_ever() -> None:
    turn = speaking()
    turn.hint(10.0)
    now, action = 10.0, None
    while action is None and now < 20:
        now += 0.3
        action = turn.voice(now, 32, speech=True)
        if action is None:
            action = turn.voice(now + 0.032, 32, speech=False)
    assert action is Action.RESUME
    assert now < 11.6


def test_the_provider_interrupts_at_once_and_a_new_answer_opens_the_floor() -> None:
    turn = speaking()
    assert turn.provider_interrupts() is Action.INTERRUPT
    assert turn.provider_interrupts() is None
    assert turn.agent_ends() is None
    turn.answer()
    turn.agent_begins()
    assert turn.floor is Floor.AGENT


def test_an_answer_not_yet_audible_is_voided_too() -> None:
    assert Turn().provider_interrupts() is Action.INTERRUPT


@pytest.mark.parametrize("floor", list(Floor))
def test_every_floor_has_its_row(floor: Floor) -> None:
    assert floor in TABLE


@given(st.lists(st.sampled_from(["begin", "end", "hint", "speech", "noise", "provider", "answer"]), max_size=60))
def test_every_duck_is_followed_by_resume_or_interrupt(script: list[str]) -> None:
    turn, now, ducked = Turn(), 0.0, False
    for step in script:
        now += 0.032
        action = {
            "begin": turn.agent_begins,
            "end": turn.agent_ends,
            "hint": lambda: turn.hint(now),  # noqa: B023
            "speech": lambda: turn.voice(now, 32, True),  # noqa: B023
            "noise": lambda: turn.voice(now, 32, False),  # noqa: B023
            "provider": turn.provider_interrupts,
            "answer": turn.answer,
        }[step]()
        if action is Action.DUCK:
            assert not ducked
            ducked = True
        elif action is not None:
            ducked = False
    if ducked:
        assert turn.tick(now + 5) is Action.RESUME
