"""A growing text, cut into sentences as soon as their end is certain. Pure.

The pieces joined are the text, letter by letter, and do not depend on how it came: white space before a sentence
belongs to it.
"""

import re
from typing import Final

LONGEST: Final = 200
"""Letters after which a sentence is cut in its midst, so that its audio comes in time."""
_SURE: Final = 4
"""Letters seen after a place before it is said to be no sentence's end."""
_SHORTEST_CLAUSE: Final = 60
"""Letters before the comma at which a long sentence is cut."""

_WIDE: Final = "。！？｡"
_CLOSING: Final = "\"'”’»)\\]}*_`」』”’）】"
_END: Final = re.compile(rf"(?:[.!?…]+|[{_WIDE}][{_WIDE}!?]*)[{_CLOSING}]*")
_TITLES: Final = frozenset(
    """mr mrs ms dr prof st mt vs gen sen rep rev hon capt lt col sgt approx e.g i.e cf ca bzw z.b d.h hr fr
    dipl""".split()  # noqa: SIM905 - a line for each would be the longest part of this file
)
"""Abbreviations that stand before a name. Others end a sentence if what follows begins like one."""
_NUMBERED: Final = frozenset(("no", "nos", "nr", "fig", "vol", "pp", "art", "tel"))
"""Abbreviations if a number follows, else words."""
_LAST_WORD: Final = re.compile(r"[^\s(\"'“‘*_]+$")
_CLAUSE: Final = re.compile(r"[,;:–—](?=\s)|[、，；：]")


class Sentences:
    """One text. Feed it with :meth:`add`, end it with :meth:`rest`."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, piece: str) -> list[str]:
        """More of the text; the sentences that are certain by now."""
        self._text += piece
        sentences: list[str] = []
        while (end := self._certain_end()) is not None:
            sentences.append(self._take(end))
        return sentences

    def rest(self) -> list[str]:
        """The text is over: the sentences that are left. Begins anew."""
        sentences: list[str] = []
        while self._text:
            end = _sentence_end(self._text)
            if end is None or end > LONGEST:
                end = _cut(self._text) if len(self._text) > LONGEST else len(self._text)
            sentences.append(self._take(end))
        return sentences

    def _certain_end(self) -> int | None:
        end = _sentence_end(self._text)
        if end is not None and end <= LONGEST:
            return end
        return _cut(self._text) if len(self._text) >= LONGEST + _SURE else None

    def _take(self, end: int) -> str:
        sentence, self._text = self._text[:end], self._text[end:]
        return sentence


def _sentence_end(text: str) -> int | None:
    """Where the first sentence ends, its closing quotes included; None when that cannot be told yet."""
    begin = len(text) - len(text.lstrip())
    line_end = text.find("\n", begin)
    limit = len(text) if line_end < 0 else line_end
    for match in _END.finditer(text, begin, limit):
        if match.end() == limit:
            break
        ends = _ends(text, begin, match)
        if ends is None:
            return None
        if ends:
            return match.end()
    return line_end if line_end >= 0 else None


def _ends(text: str, begin: int, match: re.Match[str]) -> bool | None:
    """Whether a sentence ends with this mark; None when more has to be seen."""
    mark = match.group()
    if mark[0] in _WIDE:
        return True
    following = text[match.end() : match.end() + 3]
    if not following[0].isspace():
        return False
    after = following.lstrip()
    if not after:
        return True if len(following) == 3 else None
    if "!" in mark or "?" in mark:
        return True
    if after[0].islower():
        return False
    if mark.startswith("…") or ".." in mark:
        return True
    return not _abbreviates(text[begin : match.start()], after[0])


def _abbreviates(before: str, after: str) -> bool:
    """The full stop after `before` does not end a sentence: a title, an initial, a number that heads a line."""
    match = _LAST_WORD.search(before)
    if match is None:
        return False
    word = match.group()
    if word.lower() in _TITLES or (word.lower() in _NUMBERED and after.isdecimal()):
        return True
    if len(word) == 1 and word.isalpha():
        return word != "I"
    return word.isdecimal() and len(word) <= 2 and not before[: match.start()].strip(" #*_>-(")


def _cut(text: str) -> int:
    """Where to cut a text that is too long: behind the last clause, else at the last space, else anywhere."""
    window = text[:LONGEST]
    clauses = [match.end() for match in _CLAUSE.finditer(text, _SHORTEST_CLAUSE, LONGEST) if match.end() <= LONGEST]
    if clauses:
        return clauses[-1]
    space = max(window.rfind(" "), window.rfind("\n"), window.rfind("\t"))
    return space if space > 0 and window[:space].strip() else LONGEST
