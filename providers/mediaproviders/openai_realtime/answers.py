"""One response at a time: who asked for one, which is in progress, which are void, and whose turn it is to ask."""

from collections.abc import Callable
from typing import Final

from mediaproviders.openai_realtime import commands

_ANSWER: Final = commands.create_answer()


class Answers:
    """Serialises response.create behind the response in progress, and holds tool results together.

    `provider_decides`: the service creates and interrupts responses by itself when the caller speaks.
    """

    def __init__(self, send: Callable[[bytes], None], *, provider_decides: bool) -> None:
        self._send = send
        self._provider_decides = provider_decides
        self.active: str | None = None
        """The response in progress."""
        self.void: set[str] = set()
        """Responses stopped before their end: what still comes of them is dropped."""
        self.speaking = False
        """The caller is speaking."""
        self._asked: bytes | None = None
        self._current = _ANSWER
        self._wanted: bytes | None = None
        self._cancel_next = False
        self._open_calls: set[str] = set()
        self._results_sent = False
        self._turn_open = False

    # --- what we want ---

    def ask(self, message: bytes = _ANSWER) -> None:
        """Send a response.create, now or as soon as the response in progress is over."""
        self._wanted = message
        self._settle()

    def cancel(self) -> None:
        """Stop the response in progress, also one only asked for; forget one that waits its turn."""
        self._wanted = None
        self._results_sent = False
        self._turn_open = False
        if self._asked is not None:
            self._cancel_next = True
        if self.active is not None and self.active not in self.void:
            self.void.add(self.active)
            self._send(commands.cancel_response(self.active))

    def called(self, call: str) -> None:
        """The model waits for a tool."""
        self._open_calls.add(call)

    def waits_for(self, call: str) -> bool:
        """The tool was called and has not been answered."""
        return call in self._open_calls

    def answered(self, call: str) -> None:
        """A tool result was sent."""
        self._open_calls.discard(call)
        self._results_sent = True
        self._settle()

    # --- what happens ---

    def created(self, response: str) -> None:
        """A response began; it is stopped at once if it was cancelled before."""
        self._current, self._asked = self._asked or _ANSWER, None
        self.active = response
        if not self._open_calls:
            self._results_sent = False
        if self._cancel_next:
            self._cancel_next = False
            self.void.add(response)
            self._send(commands.cancel_response(response))

    def done(self, response: str, *, answered: bool) -> None:
        """A response ended; `answered`: the caller got what was to be said."""
        if response == self.active:
            self.active = None
        if answered:
            self._turn_open = False
        self._settle()

    def turn_committed(self) -> None:
        """The caller's turn is closed; where the provider decides, an answer is due."""
        self.speaking = False
        self._turn_open = self._provider_decides

    def interrupted(self) -> bool:
        """The provider stops its response because the caller speaks. True if one was in progress."""
        if self.active is None or self.active in self.void:
            return False
        self.void.add(self.active)
        return True

    def refused(self, *, busy: bool) -> None:
        """Our response.create was refused; if only because another response is in progress, it is sent after that."""
        # The provider's own response may have begun in between, and was taken for the one asked for.
        asked, self._asked = self._asked or self._current, None
        if busy and not self._cancel_next:
            self._wanted = self._wanted or asked
        self._cancel_next = False
        if not busy:
            self._settle()

    @property
    def asking(self) -> bool:
        """A response.create is on its way and not yet answered."""
        return self._asked is not None

    # --- a new connection ---

    def restart(self) -> bytes | None:
        """Forget the old connection. Returns the response.create that is due on the new one, if any."""
        lost = self.active is not None and self.active not in self.void
        due = self._wanted or (None if self._cancel_next else self._asked)
        if due is None and lost:
            due = self._current
        if due is None and (self._turn_open or self._results_sent):
            due = _ANSWER
        if self._open_calls or self.speaking:
            due = None
        self.active = self._asked = self._wanted = None
        self._cancel_next = self.speaking = False
        self._results_sent = self._results_sent and bool(self._open_calls)
        self.void.clear()
        return due

    def _settle(self) -> None:
        """Send what waits, if nothing stands in its way."""
        if self.active is not None or self._asked is not None:
            return
        # Talking into the caller's sentence helps nobody, and the answer to it will know the results as well.
        hold = self._open_calls or (self._provider_decides and (self.speaking or self._turn_open))
        if self._wanted is None and self._results_sent and not hold:
            self._wanted = _ANSWER
        if self._wanted is not None:
            self._asked, self._wanted = self._wanted, None
            self._results_sent = self._results_sent and bool(self._open_calls)
            self._send(self._asked)
