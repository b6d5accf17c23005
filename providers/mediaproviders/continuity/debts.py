"""Which answer the model owes: what a new session is to be asked for when the old one is gone."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Ask:
    """What a response was asked for: the greeting, or the next answer; with instructions that are not carried out."""

    greeting: bool = False
    instructions: tuple[str, ...] = ()

    def then(self, later: "Ask") -> "Ask":
        """One response for both: the later request counts, but no instruction is lost."""
        return Ask(later.greeting, self.instructions + later.instructions)


ANSWER: Final = Ask()


class Debts:
    """Follows requests and responses of a conversation. Times are in seconds; `answer_s` is how long a debt lasts."""

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s
        self.provider_decides = True
        """The session answers turns by itself."""
        self.speaking = False
        """The caller is speaking."""
        self.open_calls: set[str] = set()
        """Tools that were called and have not returned."""
        self.cut_short = False
        """The last session was lost in the middle of an answer."""
        self.failed = False
        """The last response failed, whatever it had said by then."""
        self._active: str | None = None
        self._void: set[str] = set()
        self._current = ANSWER
        self._asked: Ask | None = None
        self._cancel_next = False
        self._turn_open = False
        self._results_sent = False
        self._since = 0.0

    # --- what we want ---

    def ask(self, ask: Ask, now: float) -> None:
        """A response was asked for."""
        self._asked = ask if self._asked is None else self._asked.then(ask)
        self._since = now

    def cancel(self) -> None:
        """The response in progress was stopped, also one only asked for."""
        self._cancel_next = self._cancel_next or self._asked is not None
        self._asked = None
        self._turn_open = self._results_sent = False
        self.interrupted()

    def called(self, call: str) -> None:
        """The model waits for a tool."""
        self.open_calls.add(call)

    def answered(self, call: str, now: float) -> None:
        """A tool returned; when all have, the model goes on by itself."""
        self.open_calls.discard(call)
        self._results_sent = True
        self._since = now

    # --- what happens ---

    def started(self, response: str) -> None:
        """A response began."""
        self._active = response
        self.failed = False
        if self._cancel_next:
            self._cancel_next = False
            self._void.add(response)
            return
        self._current, self._asked = self._asked or ANSWER, None
        if not self.open_calls:
            self._results_sent = False

    def done(self, response: str, *, answered: bool, failed: bool = False) -> None:
        """A response ended; `answered`: the caller got what was to be said, or as much of it as there will be."""
        self.failed = failed and response not in self._void
        self._void.discard(response)
        if response == self._active:
            self._active = None
        if answered:
            self._turn_open = False

    def interrupted(self) -> None:
        """The response in progress is void."""
        if self._active is not None:
            self._void.add(self._active)

    def turn(self, now: float) -> None:
        """The caller's turn is closed; where the provider decides, an answer is due."""
        self.speaking = self._cancel_next = self.failed = False
        self._turn_open = self.provider_decides
        self._since = now

    # --- how things stand ---

    @property
    def generating(self) -> bool:
        """A response is in progress, and wanted."""
        return self._active is not None and self._active not in self._void

    @property
    def answering(self) -> bool:
        """The session answers the last turn by itself, or is about to."""
        return self.generating or self._turn_open

    def owed(self, now: float) -> bool:
        """A response should begin any moment."""
        waits = self._asked is not None or self._turn_open or (self._results_sent and not self.open_calls)
        return waits and now - self._since < self._answer_s

    def quiet(self, now: float) -> bool:
        """Nobody speaks, and nothing is under way or expected."""
        return not (self.speaking or self.open_calls or self.generating or self.owed(now))

    # --- another session ---

    def lose(self, now: float, *, in_vain: bool = False) -> None:
        """The session is gone: what it owed is to be asked for again; `in_vain`: and was waited for all the time."""
        fresh = in_vain or self.owed(now)
        due = self._asked if fresh else None
        self.cut_short = self.generating
        if self.generating:
            due = self._current if due is None else self._current.then(due)
        if due is None and self._turn_open and fresh:
            due = ANSWER
        self._asked = due
        self._results_sent = self._results_sent and (fresh or bool(self.open_calls))
        self._active = None
        self._cancel_next = self._turn_open = False
        self._void.clear()

    @property
    def due(self) -> bool:
        """There is something to ask the next session for, or a turn that will bring it."""
        return self._asked is not None or self._results_sent or bool(self.open_calls) or self.speaking

    def resume(self) -> Ask | None:
        """What the new session is to be asked for; whoever asks tells so by :meth:`ask`.

        If it was :attr:`cut_short`, and only then, what the agent began to say will be said anew.
        """
        due = self._asked
        if due is None and self._results_sent and not self.open_calls:
            due = ANSWER
        if due is not None and (self.speaking or self.open_calls):
            # Talking into the caller's sentence helps nobody, and the answer to it will know the rest as well.
            due = Ask(instructions=due.instructions) if due.instructions else None
        self._asked = None
        self.speaking = False
        self.cut_short = self.cut_short and due is not None
        self._results_sent = self._results_sent and bool(self.open_calls)
        return due
