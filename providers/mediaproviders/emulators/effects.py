"""What a session wants done, in order, until its shell does it."""

from typing import ClassVar


class Effects[Effect]:
    """The effects of one session. Which of them are sent, and which are the end, is for each protocol to say."""

    SENT: ClassVar[tuple[type, ...]]
    ENDS: ClassVar[tuple[type, ...]]

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self.muted = False
        """Nothing more is sent."""
        self.closed = False
        """The connection is to end; nothing more is done."""

    def put(self, effect: Effect) -> None:
        """An effect as it is."""
        if self.closed or (self.muted and isinstance(effect, self.SENT)):
            return
        self._effects.append(effect)
        self.closed = isinstance(effect, self.ENDS)

    def drain(self) -> list[Effect]:
        """All effects since the last call."""
        effects = self._effects
        if effects:
            self._effects = []
        return effects
