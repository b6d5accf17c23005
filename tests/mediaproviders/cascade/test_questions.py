"""Which turns are answered, and when."""

from mediaproviders.cascade.questions import MOST, Questions


def test_the_provider_answers_every_turn_once_its_words_are_there() -> None:
    questions = Questions(provider_decides=True)
    questions.committed("a")
    assert questions.due() is None and questions.pending
    questions.recognised("a", "Hello.")
    assert questions.due() == "Hello." and questions.due() is None and not questions.pending


def test_turns_that_wait_are_answered_together_and_silence_is_no_turn() -> None:
    questions = Questions(provider_decides=True)
    questions.committed("a")
    questions.committed("b")
    questions.recognised("a", "I want")
    assert questions.due() is None
    questions.recognised("b", "to go.")
    assert questions.due() == "I want to go."
    questions.committed("c")
    questions.recognised("c", "")
    assert questions.due() == ""


def test_the_server_asks_before_or_after_the_words_are_there() -> None:
    questions = Questions(provider_decides=False)
    assert not questions.ask()
    questions.committed("a")
    assert questions.ask()
    assert questions.due() is None
    questions.recognised("a", "One")
    assert questions.due() == "One"
    questions.committed("b")
    questions.recognised("b", "Two")
    assert questions.due() is None
    assert questions.ask() and questions.due() == "Two"
    assert not questions.ask()


def test_a_turn_the_server_did_not_ask_for_is_forgotten_with_the_next() -> None:
    questions = Questions(provider_decides=False)
    questions.committed("a")
    questions.recognised("a", "mhm")
    questions.committed("b")
    questions.recognised("b", "My question.")
    questions.ask()
    assert questions.due() == "My question."


def test_what_was_asked_and_withdrawn_is_answered_with_the_next_turn() -> None:
    questions = Questions(provider_decides=False)
    questions.committed("a")
    questions.ask()
    questions.withdraw()
    questions.recognised("a", "I would like")
    assert questions.due() is None and not questions.pending
    questions.committed("b")
    questions.ask()
    questions.recognised("b", "a table.")
    assert questions.due() == "I would like a table."


def test_no_more_than_so_many_wait() -> None:
    questions = Questions(provider_decides=True)
    assert [questions.committed(str(n)) for n in range(MOST + 2)] == [None] * MOST + ["0", "1"]
    questions.recognised("0", "late")
    for n in range(2, MOST + 2):
        questions.recognised(str(n), str(n))
    assert questions.due() == " ".join(str(n) for n in range(2, MOST + 2))
