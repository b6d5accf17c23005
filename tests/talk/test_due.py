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
