"""Is an answer due, and has the model been waited for too long? Pure."""


class AnswerDue:
    """Patience with one model; all times are monotonic seconds.

    The time in which nobody can expect an answer does not count: the caller speaks, a tool runs, or what was said
    already is still being played.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._since: float | None = None
        self._tools = 0
        self._goes_on = False
        self._caller_speaks = False

    @property
    def waiting(self) -> bool:
        """An answer, or the rest of one, is due."""
        return self._since is not None

    def expect(self, now: float) -> None:
        """Something is to come from now on: an answer, or after a piece of one the next."""
        self._since = now

    def forget(self) -> None:
        """Nothing is due any more."""
        self._since = None
        self._goes_on = False

    def begun(self, now: float) -> None:
        """The model began an answer."""
        self._goes_on = False
        self._since = now

    def ended(self, now: float) -> None:
        """The model ended an answer; if it has called tools, another one follows."""
        self._since = now if self._goes_on else None
        self._goes_on = False

    def tool_called(self) -> None:
        """The model waits for a tool, and we for neither."""
        self._tools += 1
        self._goes_on = True

    def tool_returned(self, now: float) -> None:
        """The model has the outcome."""
        self._tools -= 1
        self._since = now

    def caller(self, speaks: bool) -> None:
        """The caller begins or ends to speak, by the model's own detector."""
        self._caller_speaks = speaks

    def overdue(self, now: float, playing: bool) -> bool:
        """The model has been waited for too long; True once. `playing`: the caller is still hearing the agent."""
        if self._since is None:
            return False
        if playing or self._tools or self._caller_speaks:
            self._since = now
            return False
        if now - self._since <= self._timeout_s:
            return False
        self._since = None
        return True
