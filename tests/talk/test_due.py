from mediaserver.talk.due import AnswerDue


def test_due_until_it_comes() -> None:
    due = AnswerDue(10.0)
    assert not due.waiting and not due.overdue(100.0, playing=False)
    due.expect(0.0)
    assert due.waiting
    assert not due.overdue(10.0, playing=False)
    assert due.overdue(10.1, playing=False)
    assert not due.overdue(30.0, playing=False), "it is told once"


def test_an_answer_that_ended_is_due_no_more() -> None:
    due = AnswerDue(10.0)
    due.begun(0.0)
    due.ended(1.0)
    assert not due.overdue(100.0, playing=False)


def test_time_in_which_nobody_can_expect_it_does_not_count() -> None:
    due = AnswerDue(10.0)
    due.expect(0.0)
    assert not due.overdue(50.0, playing=True)
    assert not due.overdue(60.0, playing=False)
    due.caller(speaks=True)
    assert not due.overdue(90.0, playing=False)
    due.caller(speaks=False)
    assert not due.overdue(100.0, playing=False)
    assert due.overdue(100.1, playing=False)


def test_after_tools_another_answer_is_due() -> None:
    due = AnswerDue(10.0)
    due.begun(0.0)
    due.tool_called()
    due.tool_called()
    due.tool_returned(1.0)
    due.ended(2.0)
    assert not due.overdue(50.0, playing=False), "one tool still runs"
    due.tool_returned(60.0)
    assert not due.overdue(70.0, playing=False)
    assert due.overdue(70.1, playing=False)


def test_an_answer_after_tools_ends_like_any_other() -> None:
    due = AnswerDue(10.0)
    due.begun(0.0)
    due.tool_called()
    due.tool_returned(0.1)
    due.ended(0.2)
    due.begun(1.0)
    due.ended(2.0)
    assert not due.waiting


def test_interrupted_nothing_is_due_even_if_tools_were_called() -> None:
    due = AnswerDue(10.0)
    due.begun(0.0)
    due.tool_called()
    due.forget()
    due.ended(1.0)
    assert not due.waiting


# --- a voice that is not heeded ---------------------------------------------------------------------------------------


def unheeded(due: AnswerDue, now: float, began: float, last: float, *, playing: bool) -> bool:
    return due.unheeded(now, began, last, loud_s=last - began, playing=playing)


def test_a_clatter_is_no_voice() -> None:
    due = AnswerDue(10.0)
    assert not due.unheeded(105.0, 100.0, 103.0, loud_s=0.3, playing=False)
    assert not due.unheeded(150.0, 100.0, 103.0, loud_s=0.3, playing=False)


def test_a_voice_the_model_does_not_react_to() -> None:
    due = AnswerDue(10.0)
    due.heeded(90.0)
    assert not unheeded(due, 96.0, 95.2, 96.0, playing=False)
    assert not unheeded(due, 99.0, 95.2, 96.0, playing=False)
    assert not unheeded(due, 101.0, 100.2, 101.0, playing=False)
    assert not unheeded(due, 111.0, 100.2, 101.0, playing=False)
    assert unheeded(due, 111.1, 100.2, 101.0, playing=False)
    assert not unheeded(due, 130.0, 100.2, 101.0, playing=False), "it is told once"


def test_one_voice_alone_may_be_a_noise() -> None:
    due = AnswerDue(10.0)
    for second in range(101, 200):
        assert not unheeded(due, float(second), 100.2, 101.0, playing=False)


def test_a_click_after_the_voice_does_not_make_it_forgotten() -> None:
    due = AnswerDue(10.0)
    assert not unheeded(due, 99.0, 98.2, 99.0, playing=False)
    assert not unheeded(due, 101.0, 100.2, 101.0, playing=False)
    assert not unheeded(due, 105.0, 104.0, 104.0, playing=False)
    assert unheeded(due, 112.0, 104.0, 104.0, playing=False)


def test_short_noises_and_a_voice_that_was_heeded_do_not_count() -> None:
    due = AnswerDue(10.0)
    assert not unheeded(due, 50.0, 10.0, 10.3, playing=False), "a noise"
    due.heeded(100.8)
    assert not unheeded(due, 150.0, 100.0, 101.0, playing=False), "it reacted while the caller spoke"
    assert not unheeded(due, 201.0, 200.0, 201.0, playing=False)
    due.heeded(205.0)
    assert not unheeded(due, 250.0, 200.0, 201.0, playing=False), "it reacted when the caller had ended"


def test_who_speaks_on_is_not_waited_for() -> None:
    due = AnswerDue(10.0)
    assert not unheeded(due, 98.0, 97.0, 98.0, playing=False)
    for second in range(100, 160):
        assert not unheeded(due, float(second), 99.0, float(second), playing=False)
    assert unheeded(due, 170.0, 99.0, 159.0, playing=False)


def test_an_echo_of_the_agent_and_a_voice_during_a_tool_do_not_count() -> None:
    due = AnswerDue(10.0)
    assert not unheeded(due, 105.0, 101.0, 105.0, playing=True)
    due.heeded(105.5)  # played to its end
    assert not unheeded(due, 120.0, 101.0, 105.6, playing=False)
    due.tool_called()
    assert not unheeded(due, 205.0, 201.0, 205.0, playing=False)
    due.tool_returned(210.0)
    due.forget()
    assert not unheeded(due, 230.0, 201.0, 205.0, playing=False)


def test_speech_that_the_model_heard_begin_and_never_end() -> None:
    due = AnswerDue(10.0)
    due.heeded(100.3)
    due.caller(speaks=True)
    assert not unheeded(due, 110.0, 100.0, 100.4, playing=False)
    assert unheeded(due, 110.5, 100.0, 100.4, playing=False)


def test_a_caller_too_quiet_for_our_ear_may_speak_on() -> None:
    due = AnswerDue(10.0)
    due.heeded(100.0)
    due.caller(speaks=True)
    assert not unheeded(due, 190.0, 50.0, 51.0, playing=False)


def test_answers_that_come_to_nothing_are_counted_until_one_does_not() -> None:
    due = AnswerDue(10.0)

    def answers(*, says: bool, fails: bool = False) -> int:
        due.begun(0.0)
        if says:
            due.said()
        due.ended(1.0)
        return due.fruitless(failed=fails)

    assert [answers(says=False), answers(says=True, fails=True), answers(says=True)] == [1, 2, 0]
    due.begun(0.0)
    due.tool_called()
    assert due.fruitless(failed=False) == 0
