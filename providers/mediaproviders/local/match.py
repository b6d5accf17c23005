"""How well a phrase is found in what was heard, allowing for a recogniser's slips. Pure."""

import re
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

_WORD = re.compile(r"[a-z0-9]+")
_NUMBERED = re.compile(r"\d")

_LITTLE_WORDS = frozenset(
    {
        "a", "an", "the", "of", "to", "do", "does", "did", "is", "are", "am", "be", "was", "i", "you", "your",
        "my", "me", "we", "us", "it", "in", "on", "at", "for", "and", "or", "can", "could", "would", "will",
        "please", "so", "that", "this", "have", "has", "with",
    }
)  # fmt: skip
"""Words that carry little to find a phrase by."""
_LITTLE = 0.25
"""What a letter of a little word counts, where one of any other counts 1."""

_ALIKE = 0.8
"""Similarity (0 to 1) from which two words of four letters and more are taken for the same."""

_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS)} | {"oh": "0", "o": "0"}


@lru_cache(maxsize=1024)
def words(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without punctuation; "What's up?" gives whats, up."""
    return tuple(_WORD.findall(text.lower().replace("'", "").replace("’", "")))


def score(phrase: str, heard: str) -> float:
    """How much of `phrase` occurs in `heard`, 0 to 1, longer words weighing more."""
    return _score(words(phrase), words(heard))


def weight(phrase: str) -> float:
    """How much `phrase` says, in letters: of two phrases that fit, the heavier is meant."""
    return sum(map(_weight, words(phrase)))


def digits(heard: str) -> str:
    """The digits said, in order: "five, 5 and oh-one" gives "5501"."""
    found: list[str] = []
    for word in words(heard):
        if _NUMBERED.search(word):
            found.append("".join(_NUMBERED.findall(word)))
        elif word in _DIGITS:
            found.append(_DIGITS[word])
    return "".join(found)


def _weight(word: str) -> float:
    return len(word) * (_LITTLE if word in _LITTLE_WORDS else 1.0)


def _score(phrase: tuple[str, ...], heard: tuple[str, ...]) -> float:
    if not phrase or not heard:
        return 0.0
    # A recogniser splits and joins words ("good bye", "goodbye"): neighbours are tried as one word too.
    candidates = heard + tuple(first + second for first, second in pairwise(heard))
    return sum(_weight(word) * _best(word, candidates) for word in phrase) / sum(map(_weight, phrase))


def _best(word: str, candidates: tuple[str, ...]) -> float:
    if word in candidates:
        return 1.0
    if len(word) < 4:
        return 0.0
    likeness = max((_likeness(word, other) for other in candidates if abs(len(word) - len(other)) <= 2), default=0.0)
    return likeness if likeness >= _ALIKE else 0.0


@lru_cache(maxsize=4096)
def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
