"""What is written, as it is to be spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaproviders.cascade.speakable import speakable


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("That is **very** important.", "That is very important."),
        ("That is *very* _important_.", "That is very important."),
        ("Half of **a bold", "Half of a bold"),
        ("## Opening hours", "Opening hours"),
        ("\n- first\n* second\n> third", "first second third"),
        ("Use `pip install`.", "Use pip install."),
        ("```python\nprint()\n```", "print()"),
        ("See [our page](https://example.com/a_b).", "See our page."),
        ("![A cat](cat.png)", "A cat"),
        ("3 * 4 = 12 and snake_case_name", "3 * 4 = 12 and snake_case_name"),
        ("| Day | Hours |", "Day, Hours"),
        ("|---|---|", ""),
        ("---", ""),
        ("Hello 👋 there ✨", "Hello there"),
        ("👍", ""),
        ("...", ""),
        ("<b>Bold</b> but 1 < 2", "Bold but 1 < 2"),
        ("1. Open\n2. Close", "1. Open 2. Close"),
        ("It costs $5 & more.", "It costs $5 & more."),
        ("你好。", "你好。"),
    ],
)
def test_marks_of_layout_are_not_spoken(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@given(st.text(max_size=300))
def test_it_is_one_line_without_needless_space(text: str) -> None:
    spoken = speakable(text)
    assert spoken == " ".join(spoken.split()) and "`" not in spoken and "**" not in spoken


@given(st.lists(st.text(alphabet="abcdefghij", min_size=1), min_size=1))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    assert speakable(" ".join(words)) == " ".join(words)
