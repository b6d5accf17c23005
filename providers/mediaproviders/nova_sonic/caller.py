"""What the caller says: the service tells it in pieces, and not when the last one has come."""

from collections.abc import Callable

from mediaproviders.contract import CallerTranscript, Event, TurnCommitted


class Caller:
    """The caller's turn under way. `put` takes an event."""

    def __init__(self, put: Callable[[Event], None], new_id: Callable[[], str]) -> None:
        self._put, self._new_id = put, new_id
        self._item: str | None = None
        self._pieces: list[str] = []
        self.unheard = False
        """The next turn is a cue of ours."""

    def words(self, text: str) -> None:
        """A piece of what was said. The first one is the first sign that the turn is over."""
        if self.unheard or not (text := text.strip()):
            return
        if self._item is None:
            self._item = self._new_id()
            self._put(TurnCommitted(self._item))
        piece = f" {text}" if self._pieces else text
        self._pieces.append(piece)
        self._put(CallerTranscript(self._item, piece, False))

    def answered(self) -> None:
        """The agent's turn begins: nothing more comes of the caller's."""
        self.unheard = False
        if self._item is not None:
            self._put(CallerTranscript(self._item, "".join(self._pieces), True))
            self._item = None
            self._pieces.clear()
