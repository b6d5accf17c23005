"""Cutting a growing text into sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaproviders.cascade.sentences import LONGEST, Sentences


def cut(text: str, *, step: int | None = None) -> list[str]:
    sentences = Sentences()
    size = step or max(1, len(text))
    found = [each for begin in range(0, len(text), size) for each in sentences.add(text[begin : begin + size])]
    return found + sentences.rest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you?", ["Hello.", " How are you?"]),
        ("Stop! Really? Yes.", ["Stop!", " Really?", " Yes."]),
        ("Dr. Green is in. Mr. Brown is not.", ["Dr. Green is in.", " Mr. Brown is not."]),
        ("It costs 3.50 euros. Fine.", ["It costs 3.50 euros.", " Fine."]),
        ("Room No. 5 is free. No. It is not.", ["Room No. 5 is free.", " No.", " It is not."]),
        ("Well... maybe. Well... Yes.", ["Well... maybe.", " Well...", " Yes."]),
        ("Well… maybe. Well… Yes.", ["Well… maybe.", " Well…", " Yes."]),
        (
            "We sell apples, etc. and pears, etc. They are fresh.",
            ["We sell apples, etc. and pears, etc.", " They are fresh."],
        ),
        ("E.g. Apples, i.e. fruit. J. Smith came.", ["E.g. Apples, i.e. fruit.", " J. Smith came."]),
        ('He said "Go." Then he left.', ['He said "Go."', " Then he left."]),
        ("Ask at 9 a.m. tomorrow. Or at 5 p.m. Goodbye.", ["Ask at 9 a.m. tomorrow.", " Or at 5 p.m.", " Goodbye."]),
        ("1. Open the door. 2. Go in.", ["1. Open the door.", " 2. Go in."]),
        ("Steps:\n- first\n- second", ["Steps:", "\n- first", "\n- second"]),
        ("你好。今天好吗？很好！", ["你好。", "今天好吗？", "很好！"]),
        ("「行きます。」と言った。次。", ["「行きます。」", "と言った。", "次。"]),
        ("Visit www.example.com now. Thanks.", ["Visit www.example.com now.", " Thanks."]),
        ("What?! No way.", ["What?!", " No way."]),
        ("no end", ["no end"]),
        ("", []),
        ("   ", ["   "]),
    ],
)
@pytest.mark.parametrize("step", [1, 3, None])
def test_where_sentences_end(text: str, expected: list[str], step: int | None) -> None:
    assert cut(text, step=step) == expected


def test_a_sentence_is_given_as_soon_as_it_is_certain() -> None:
    sentences = Sentences()
    assert sentences.add("It costs 3.") == []
    assert sentences.add("50.") == []
    assert sentences.add(" ") == []
    assert sentences.add("N") == ["It costs 3.50."]
    assert sentences.add("ext\n") == [" Next"]
    assert sentences.add("好。") == []
    assert sentences.add("的") == ["\n好。"]
    assert sentences.rest() == ["的"]


def test_a_long_sentence_is_cut_at_its_last_clause() -> None:
    text = "word " * 20 + "and so on, " + "word " * 40
    first, second, *_ = cut(text)
    assert first.endswith("and so on,") and second.startswith(" word")


def test_a_long_text_without_marks_is_cut_at_a_space_and_a_longer_word_anywhere() -> None:
    assert all(len(piece) <= LONGEST and not piece.startswith("ord") for piece in cut("word " * 100))
    assert [len(piece) for piece in cut("x" * 450)] == [200, 200, 50]


PIECES = [*"ab AB1.,!?…。、\n\"'*)-", ". ", "Dr. ", "e.g. ", "... ", " word" * 12]
texts = st.lists(st.sampled_from(PIECES), max_size=300).map("".join)


@given(texts, st.lists(st.integers(1, 50), max_size=40))
def test_the_pieces_are_the_text_however_it_comes(text: str, sizes: list[int]) -> None:
    sentences, found, begin = Sentences(), [], 0
    for size in sizes:
        found += sentences.add(text[begin : begin + size])
        begin += size
    found += sentences.add(text[begin:])
    found += sentences.rest()
    assert "".join(found) == text
    assert found == cut(text)
    assert all(0 < len(piece) <= LONGEST for piece in found)
    assert sentences.rest() == []
