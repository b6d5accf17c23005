"""Which words of an answer were spoken when, and so which of them were heard. Pure."""

from dataclasses import dataclass, field
from typing import Final

MS_PER_LETTER: Final = 65.0
"""A guess for a sentence whose audio has only begun to come."""


@dataclass(slots=True)
class Sentence:
    """One sentence as the model wrote it, and its place in the item's audio."""

    item: str
    """The text model's item it is of."""
    text: str
    begin_ms: float
    end_ms: float
    complete: bool = False
    """All its audio has come."""

    def heard(self, heard_ms: float) -> str:
        """What of it lies before `heard_ms`, to whole words."""
        if self.complete and heard_ms >= self.end_ms:
            return self.text
        length_ms = self.end_ms - self.begin_ms
        if not self.complete:
            length_ms = max(length_ms, len(self.text) * MS_PER_LETTER)
        elapsed_ms = heard_ms - self.begin_ms
        if elapsed_ms <= 0:
            return ""
        return first_words(self.text, min(1.0, elapsed_ms / length_ms))


@dataclass(slots=True)
class Spoken:
    """One item of audio: the sentences of an answer, in order."""

    sentences: list[Sentence] = field(default_factory=list)
    ms: float = 0.0
    """Audio so far."""
    cut_ms: float | None = None
    """What was heard of it, if it was cut."""

    def begin(self, item: str, text: str) -> Sentence:
        """A sentence's audio is about to come."""
        sentence = Sentence(item, text, self.ms, self.ms)
        self.sentences.append(sentence)
        return sentence

    def came(self, sentence: Sentence, ms: float) -> None:
        """Audio of the sentence that was begun last."""
        self.ms += ms
        sentence.end_ms = self.ms

    def heard(self, heard_ms: float) -> dict[str, str]:
        """Of each of the text model's items, what was heard in the first `heard_ms`; all that begun are named."""
        texts: dict[str, str] = {}
        for each in self.sentences:
            texts[each.item] = texts.get(each.item, "") + each.heard(heard_ms)
        return {item: text.strip() for item, text in texts.items()}


def first_words(text: str, share: float) -> str:
    """The whole words in the first `share` of `text`; letters, where words are not set apart."""
    end = int(len(text) * share)
    if end >= len(text):
        return text
    if text[end].isspace() or not any(map(str.isspace, text.strip())):
        return text[:end].rstrip()
    while end and not text[end - 1].isspace():
        end -= 1
    return text[:end].rstrip()
