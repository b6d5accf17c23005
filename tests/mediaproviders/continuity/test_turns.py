from mediaproviders.continuity.turns import Turns


def test_words_are_waited_for_so_long():
    turns = Turns(3.0)
    turns.closed("u1", [b"a"], 10.0)
    turns.closed("u2", [b"b"], 12.0)
    assert turns.awaited(12.5) == ["u1", "u2"]
    assert turns.awaited(13.5) == ["u2"]
    assert "u1" in turns  # they may come all the same
    turns.worded("u1")
    assert "u1" not in turns


def test_heard_again_until_it_is_a_turn_once_more():
    turns = Turns(3.0)
    turns.closed("u1", [b"a"], 10.0)
    turns.closed("u2", [b"b"], 11.0)
    assert turns.hear_again(["u1", "u2"], speaking=False) == [b"a", b"b"]
    assert turns.only_again
    assert "u1" not in turns
    assert turns.hear_again([], speaking=True) == [b"a", b"b"]  # that session was lost as well
    assert not turns.only_again
    turns.closed("u3", [b"c"], 12.0)
    assert turns.hear_again(["u3"], speaking=False) == [b"a", b"b", b"c"]


def test_what_was_answered_is_not_heard_again():
    turns = Turns(3.0)
    turns.closed("u1", [b"a"], 10.0)
    turns.answered()
    assert turns.hear_again(["u1"], speaking=False) == []
    assert not turns.only_again


def test_words_are_lost_with_the_session_unless_it_lingers():
    turns = Turns(3.0)
    turns.closed("u1", [], 10.0)
    turns.closed("u2", [], 12.0)
    turns.session_lost(12.5, lingers=True)
    assert turns.lost() == []
    turns.session_lost(13.5, lingers=False)
    turns.closed("u3", [], 14.0)
    assert turns.lost() == ["u2"]
    assert turns.lost() == []
    turns.session_lost(14.0, lingers=False)
    turns.worded("u3")
    assert turns.lost() == ["u2"]


def test_bounded_where_nothing_is_ever_transcribed():
    turns = Turns(1000.0)
    for n in range(1000):
        turns.closed(f"u{n}", [b"x"], float(n))
    assert turns.awaited(1000.0) == [f"u{n}" for n in range(984, 1000)]
    assert turns.hear_again([f"u{n}" for n in range(1000)], speaking=False) == [b"x"] * 16
