"""Is an answer due, and has the model been waited for too long? Pure."""

_REAL_VOICE_S = 0.4
"""A shorter stretch of loud audio may be any noise: a model may pass over it in silence."""
_TRIES = 2
"""A model may rightly pass over one noise as long as a word; a caller who is not heard speaks again."""
_AGREEMENT_S = 1.0
"""If we heard the caller this shortly before the model did, our ear is good enough to tell when the caller ended."""


class AnswerDue:
    """Patience with one model; all times are monotonic seconds.

    The time in which nobody can expect an answer does not count: the caller speaks, a tool runs, or what was said
    already is still being played. A model that does not react to the caller's repeated voice is waited for as long as
    for an answer.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._since: float | None = None
        self._tools = 0
        self._goes_on = False
        self._said = False
        self._fruitless = 0
        self.spoken = False
        """The answer in progress, or the last one, has been heard or is going to be."""
        self._caller_speaks = False
        self._heeded = 0.0
        self._tries: list[float] = []  # when each stretch of voice began that the model has not reacted to
        self._unheeded: float | None = None

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
        self._goes_on = self._said = self.spoken = False
        self._since = now

    def ended(self, now: float) -> None:
        """The model ended an answer; if it has called tools, another one follows."""
        self._since = now if self._goes_on else None
        self._goes_on = False

    def said(self) -> None:
        """Something of the answer was heard."""
        self.spoken = self._said = True

    def fruitless(self, *, failed: bool) -> int:
        """The answer is over, by itself: how many in a row have failed, or had nothing in them, by now."""
        self._fruitless = self._fruitless + 1 if failed or not self._said else 0
        return self._fruitless

    def tool_called(self) -> None:
        """The model waits for a tool, and we for neither."""
        self._tools += 1
        self._said = self._goes_on = True

    def tool_returned(self, now: float) -> None:
        """The model has the outcome."""
        self._tools -= 1
        self._since = now

    def caller(self, speaks: bool) -> None:
        """The caller begins or ends to speak, by the model's own detector."""
        self._caller_speaks = speaks

    def heeded(self, now: float) -> None:
        """The model gave a sign of life, or the agent has been heard until now: what the caller said before is past."""
        self._heeded = now
        self._tries.clear()
        self._unheeded = None

    def unheeded(self, now: float, voice_began: float, last_voice: float, loud_s: float, playing: bool) -> bool:
        """The caller spoke and spoke again, by our own ear, and the model has not reacted for too long; True once.

        `voice_began` and `last_voice` bound the caller's last stretch of voice, of which `loud_s` was loud. Ask about
        once a second.
        """
        if playing or self._tools:
            self.heeded(now)
            return False
        if not self._caller_speaks and min(loud_s, last_voice - max(voice_began, self._heeded)) >= _REAL_VOICE_S:
            if voice_began not in self._tries:
                self._tries.append(voice_began)
            if len(self._tries) >= _TRIES:
                self._unheeded = last_voice
        elif self._caller_speaks and last_voice > self._heeded - _AGREEMENT_S:
            self._unheeded = max(last_voice, self._heeded)
        if self._unheeded is None or now - self._unheeded <= self._timeout_s:
            return False
        self.heeded(now)
        self._caller_speaks = False
        return True

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
