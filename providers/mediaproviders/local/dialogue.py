"""Decides what to answer, by the script, and remembers what was said and heard. Pure."""

import json
import re
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mediaproviders.contract import Said
from mediaproviders.local import match
from mediaproviders.local.script import Intent, Recall, Script

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_NAME = re.compile(r"\bname(?:'s|\s+is)\s+([\w' -]+)", re.IGNORECASE)

_LONGEST_SENTENCE = 300
"""Letters. A longer one is cut at a space: one piece of speech is one unit of work."""
_HISTORY = 200
"""Things said that are remembered."""
_NUMBER_OF_ITS_OWN = 4
"""Digits from which a number is taken for dictated though no phrase asks to repeat it."""

END_CALL = "end_call"
"""The tool by which the model hangs up, if the agent has it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to be called: its name, its arguments, and what to say with its result."""

    name: str
    arguments: str
    say: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say, sentence by sentence, and what to do then."""

    sentences: tuple[str, ...]
    intent: str
    call: Call | None = None
    ends: bool = False


@dataclass(slots=True)
class _Spoken:
    """An answer as it was spoken: each sentence with the ms at which it ended."""

    planned: tuple[str, ...]
    sentences: list[tuple[str, float]] = field(default_factory=list)
    place: Said | None = None
    """The line of the history that stands for it."""
    heard_ms: float | None = None
    """Where it was cut; None when it was not."""

    @property
    def heard_whole(self) -> int:
        """How many sentences the caller heard to their end."""
        limit = float("inf") if self.heard_ms is None else self.heard_ms
        return sum(end <= limit for _, end in self.sentences)


class Dialogue:
    """One conversation by a script. `tools` are the names of the tools the agent has."""

    def __init__(self, script: Script, *, tools: Collection[str] = (), history: Iterable[Said] = ()) -> None:
        self._script = script
        self._tools = frozenset(tools)
        self.history: deque[Said] = deque(history, maxlen=_HISTORY)
        self._spoken: dict[str, _Spoken] = {}
        self._fallbacks = 0
        self._unheard = 0

    def answer(self, heard: str) -> Answer | None:
        """The answer to `heard`; None when it has no words and that was said already."""
        if not match.words(heard):
            self._unheard += 1
            # A noisy line must not have the model apologise for ever.
            return self._say(self._script.unheard, "unheard") if self._unheard <= 2 else None
        self._unheard = 0
        self.history.append(Said("caller", heard))
        intent = self._meant(heard)
        if intent is None:
            dialled = all(map(str.isdigit, match.words(heard)))
            if dialled or len(match.digits(heard)) >= _NUMBER_OF_ITS_OWN:
                return self._say(f"You said {_one_by_one(match.digits(heard))}.", "number")
            return self._fallback()
        return self._carry_out(intent, heard)

    def answer_with(self, call: Call, output: str) -> Answer:
        """What to say once the tool answered with `output`."""
        return self._say(_fill(call.say, {"result": spoken_result(output)}), call.name)

    def say(self, text: str, intent: str) -> Answer:
        """`text` as an answer of its own (the greeting, an apology)."""
        return self._say(text, intent)

    def begin(self, item: str, answer: Answer) -> None:
        """Note that `answer` is about to be spoken as `item`."""
        self._spoken[item] = _Spoken(answer.sentences)
        while len(self._spoken) > _HISTORY:
            del self._spoken[next(iter(self._spoken))]

    def spoke(self, item: str, sentence: str, until_ms: float) -> None:
        """Note that `sentence` of `item` was spoken; its audio ends `until_ms` into the item."""
        self._spoken[item].sentences.append((sentence, until_ms))

    def finished(self, item: str) -> None:
        """Put `item` into the history, complete or cancelled, as heard so far as is known."""
        spoken = self._spoken[item]
        spoken.place = Said("agent", self.heard(item))
        self.history.append(spoken.place)

    def cut(self, item: str, heard_ms: float) -> bool:
        """The caller heard only the first `heard_ms` of `item`: the history keeps no more. False if it is unknown."""
        spoken = self._spoken.get(item)
        if spoken is None:
            return False
        spoken.heard_ms = heard_ms
        for index, said in enumerate(self.history):
            if said is spoken.place:
                spoken.place = self.history[index] = Said("agent", self.heard(item))
                break
        return True

    def heard(self, item: str) -> str:
        """What the caller heard of `item`, to the word, taking each sentence's words for equally long."""
        spoken = self._spoken[item]
        if spoken.heard_ms is None:
            return " ".join(sentence for sentence, _ in spoken.sentences)
        kept: list[str] = []
        begin = 0.0
        for sentence, end in spoken.sentences:
            share = (spoken.heard_ms - begin) / max(end - begin, 1.0)
            pieces = sentence.split()
            kept += pieces[: round(len(pieces) * min(max(share, 0.0), 1.0))]
            begin = end
        return " ".join(kept)

    def _meant(self, heard: str) -> Intent | None:
        best: tuple[float, float] | None = None
        meant: Intent | None = None
        for intent in self._script.intents:
            for phrase in intent.any:
                found = match.score(phrase, heard)
                rank = (found * match.weight(phrase), match.weight(phrase))
                if found >= self._script.threshold and (best is None or rank > best):
                    best, meant = rank, intent
        return meant

    def _carry_out(self, intent: Intent, heard: str) -> Answer | None:
        recalled = self._recall(intent.recall, heard)
        if recalled is None:
            return self._fallback()
        values = {"heard": heard.strip(), intent.recall or "": recalled}
        if intent.tool is not None and intent.tool.name in self._tools:
            arguments = {
                key: _fill(value, values) if isinstance(value, str) else value
                for key, value in intent.tool.arguments.items()
            }
            call = Call(intent.tool.name, json.dumps(arguments), _fill(intent.tool.say, values))
            return Answer(sentences(intent.tool.meanwhile or ""), intent.name, call, intent.ends)
        text = intent.say if intent.say is not None else recalled or self._script.goodbye
        if intent.say is None and not recalled and not intent.ends:
            return self._fallback()
        return Answer(sentences(_fill(text, values)), intent.name, None, intent.ends)

    def _recall(self, what: Recall | None, heard: str) -> str | None:
        """What the answer needs; empty when it needs nothing, None when it is not to be had."""
        if what is None:
            return ""
        if what == "number":
            return _one_by_one(match.digits(heard)) or None
        if what == "name":
            found = _NAME.search(heard)
            return found[1].strip() if found else None
        return self._last() if what == "answer" else self._rest()

    def _last(self) -> str | None:
        """The last answer, whole, though it may have been cut."""
        spoken = next(reversed(self._spoken.values()), None)
        return " ".join(spoken.planned) if spoken else None

    def _rest(self) -> str | None:
        """The last answer that was cut, from the first sentence that was not heard to its end. It is asked for once."""
        for spoken in reversed(self._spoken.values()):
            rest = spoken.planned[spoken.heard_whole :]
            if rest:
                spoken.planned = spoken.planned[: spoken.heard_whole]
                return " ".join(rest)
        return None

    def _fallback(self) -> Answer:
        text = self._script.fallback[self._fallbacks % len(self._script.fallback)]
        self._fallbacks += 1
        return self._say(text, "fallback")

    @staticmethod
    def _say(text: str, intent: str) -> Answer:
        return Answer(sentences(text), intent)


def sentences(text: str) -> tuple[str, ...]:
    """`text` cut into sentences, none longer than a unit of work."""
    return tuple(piece for sentence in _SENTENCE_END.split(text.strip()) for piece in _pieces(sentence))


def spoken_result(output: str) -> str:
    """A tool's output as it can be said: text as it is, a JSON object by the value that answers."""
    try:
        value = json.loads(output)
    except ValueError:
        return output.strip()
    if isinstance(value, dict):
        for key in ("result", "text", "answer", "message", "output"):
            if key in value:
                return str(value[key])
        return ", ".join(f"{key} {value[key]}" for key in value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pieces(sentence: str) -> Iterable[str]:
    while len(sentence) > _LONGEST_SENTENCE:
        end = sentence.rfind(" ", 1, _LONGEST_SENTENCE)
        end = end if end > 0 else _LONGEST_SENTENCE
        yield sentence[:end]
        sentence = sentence[end:].lstrip()
    if sentence:
        yield sentence


def _one_by_one(number: str) -> str:
    """Digits with spaces between, in groups of three, so that they are read singly and can be followed."""
    return ", ".join(" ".join(number[begin : begin + 3]) for begin in range(0, len(number), 3))


def _fill(text: str, values: dict[str, str]) -> str:
    """`text` with the places named in `values` filled; any other braces stay as they are."""
    for key, value in values.items():
        if key:
            text = text.replace("{" + key + "}", value)
    return text
