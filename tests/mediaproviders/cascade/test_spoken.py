"""Which words were heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaproviders.cascade.spoken import MS_PER_LETTER, Spoken, first_words


def two_sentences() -> Spoken:
    """1000 ms of "One two three four.", then 2000 ms of " Five six seven eight."."""
    spoken = Spoken()
    for text, ms in (("One two three four.", 1000.0), (" Five six seven eight.", 2000.0)):
        sentence = spoken.begin("a", text)
        spoken.came(sentence, ms / 2)
        spoken.came(sentence, ms / 2)
        sentence.complete = True
    return spoken


@pytest.mark.parametrize(
    ("heard_ms", "text"),
    [
        (0, ""),
        (100, ""),
        (500, "One two"),
        (999, "One two three"),
        (1000, "One two three four."),
        (2000, "One two three four. Five six"),
        (3000, "One two three four. Five six seven eight."),
        (9000, "One two three four. Five six seven eight."),
    ],
)
def test_whole_sentences_and_whole_words(heard_ms: float, text: str) -> None:
    assert two_sentences().heard(heard_ms) == {"a": text}


def test_each_item_of_the_model_has_its_own_part() -> None:
    spoken = Spoken()
    for item in ("a", "b"):
        sentence = spoken.begin(item, "One two.")
        spoken.came(sentence, 1000.0)
        sentence.complete = True
    assert spoken.heard(1500) == {"a": "One two.", "b": "One"}
    assert spoken.heard(500) == {"a": "One", "b": ""}


def test_a_sentence_whose_audio_has_only_begun_is_measured_by_its_letters() -> None:
    spoken = Spoken()
    text = "One two three four five six seven eight nine ten."
    spoken.came(spoken.begin("a", text), 500.0)
    heard = spoken.heard(500)["a"]
    assert heard == first_words(text, 500 / (len(text) * MS_PER_LETTER)) == "One two"


@given(st.text(alphabet="ab \n,.", max_size=80), st.floats(0, 1.5))
def test_first_words_are_words_of_the_text(text: str, share: float) -> None:
    heard = first_words(text, share)
    assert text.startswith(heard)
    rest = text[len(heard) :]
    assert not heard or not rest or rest[0].isspace() or " " not in text.strip()


def test_words_that_are_not_set_apart_are_cut_anywhere() -> None:
    assert first_words("今日はとても良い天気です", 0.5) == "今日はとても"


@given(st.floats(0, 3000), st.floats(0, 3000))
def test_who_heard_longer_heard_more(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert two_sentences().heard(more)["a"].startswith(two_sentences().heard(less)["a"])
