"""One response at a time: who asked for one, which is in progress, which are void, and whose turn it is to ask."""

from collections.abc import Callable

from mediaproviders.openai_realtime import commands


class Answers:
    """Serialises response.create behind the response in progress, and holds tool results together.

    `answer` is the response.create that asks for no more than an answer. `provider_decides`: the service creates and
    interrupts responses by itself when the caller speaks.
    """

    def __init__(self, send: Callable[[bytes], None], *, answer: bytes, provider_decides: bool) -> None:
        self._send = send
        self._answer = answer
        self._provider_decides = provider_decides
        self.active: str | None = None
        """The response in progress."""
        self.void: set[str] = set()
        """Responses stopped before their end: what still comes of them is dropped."""
        self.over: set[str] = set()
        """Responses that have ended."""
        self.speaking = False
        """The caller is speaking."""
        self._asked: bytes | None = None
        self._current = answer
        self._wanted: bytes | None = None
        self._cancel_next = False
        self._open_calls: set[str] = set()
        self._old_calls: set[str] = set()
        self._results_sent = False
        self._turn_open = False
        self._unasked: str | None = None

    # --- what we want ---

    def ask(self, message: bytes | None = None) -> None:
        """Send a response.create, now or as soon as the response in progress is over."""
        if message is None and self._unasked is not None and self._unasked == self.active:
            # The service answered the turn by itself although it was told to leave that to us.
            self._unasked = None
            return
        self._wanted = message or self._answer
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

    def called_before(self, call: str) -> None:
        """A tool was called before this session and may still be answered; nothing waits for it."""
        self._old_calls.add(call)

    def waits_for(self, call: str) -> bool:
        """The tool was called and has not been answered."""
        return call in self._open_calls or call in self._old_calls

    def answered(self, call: str) -> None:
        """A tool result was sent."""
        self._open_calls.discard(call)
        self._old_calls.discard(call)
        self._results_sent = True
        self._settle()

    # --- what happens ---

    def created(self, response: str) -> None:
        """A response began; it is stopped at once if it was cancelled before."""
        unasked = self._asked is None and self._turn_open and not self._provider_decides
        self._unasked = response if unasked else None
        self._current, self._asked = self._asked or self._answer, None
        self.active = response
        if not self._open_calls:
            self._results_sent = False
        if self._cancel_next:
            self._cancel_next = False
            self.void.add(response)
            self._send(commands.cancel_response(response))

    def done(self, response: str, *, answered: bool) -> None:
        """A response ended; `answered`: the caller got what was to be said."""
        self.over.add(response)
        if response == self.active:
            self.active = None
        if answered:
            self._turn_open = False
        self._settle()

    def turn_committed(self) -> None:
        """The caller's turn is closed; where the provider decides, an answer will come."""
        self.speaking = False
        self._turn_open = True

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

    def _settle(self) -> None:
        """Send what waits, if nothing stands in its way."""
        if self.active is not None or self._asked is not None:
            return
        # Talking into the caller's sentence helps nobody, and the answer to it will know the results as well.
        hold = self._open_calls or (self._provider_decides and (self.speaking or self._turn_open))
        if self._wanted is None and self._results_sent and not hold:
            self._wanted = self._answer
        if self._wanted is not None:
            self._asked, self._wanted = self._wanted, None
            self._results_sent = self._results_sent and bool(self._open_calls)
            self._send(self._asked)
