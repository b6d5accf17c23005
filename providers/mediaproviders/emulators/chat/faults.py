"""What goes wrong, and when: the script of a rehearsal's misfortunes."""

from dataclasses import dataclass
from typing import Literal

type FaultKind = Literal[
    "stall",
    "mute",
    "flood",
    "garbage",
    "not_json",
    "truncated_json",
    "unknown_chunk",
    "unknown_fields",
    "wrong_order",
    "reset",
    "early_end",
    "error",
    "empty",
]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse requests with an HTTP status instead of answering them."""

    status: int
    """401, 429, 500, 503, … as the service would answer."""
    requests: range = range(1)
    """Which requests of the emulator's life, counted from 0."""
    retry_after_s: float | None = None
    """Value of the Retry-After header; None: no header."""
    code: str | None = None
    """The error's code, where it says more than the status (`insufficient_quota`)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One misfortune of an answer."""

    kind: FaultKind
    """`stall` for `seconds`, or go `mute` for ever; a `flood` of `size` letters; bytes that are `garbage`, text that is
    `not_json`, or `truncated_json`; an `unknown_chunk` between the others, `unknown_fields` in each; the chunks in the
    `wrong_order`; `reset` the TCP connection; an
    `early_end` without its marks; an `error` event with `code`; an `empty`
    answer."""
    on_answer: int = 1
    """The emulator's nth answer, counted from 1; 0: every one."""
    after_words: int = 0
    """Once so many words of it have been sent."""
    seconds: float = 5.0
    """Length of `stall`."""
    size: int = 200_000
    """Letters of `flood`."""
    code: str = "server_error"
    """Code of `error`."""

    def concerns(self, answer: int) -> bool:
        """Whether it strikes the nth answer, counted from 1."""
        return self.on_answer in (0, answer)
