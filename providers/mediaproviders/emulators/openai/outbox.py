"""What a session wants done: frames to send, and what happens to the connection."""

from collections.abc import Callable
from typing import Any

import orjson

from mediaproviders.emulators.openai.dialects import Dialect
from mediaproviders.emulators.websocket import Close, Effect, Reset


class Outbox:
    """The effects of one session, in order, until the shell drains them."""

    def __init__(self, ids: Callable[[str], str], dialect: Dialect) -> None:
        self._effects: list[Effect] = []
        self._ids = ids
        self._dialect = dialect
        self.muted = False
        """Nothing more is sent."""
        self.closed = False
        """The connection is to end; nothing more is sent."""

    def emit(self, kind: str, **fields: Any) -> None:
        """A server event of the GA interface, said in the session's dialect and with an id of its own."""
        if not self.muted and not self.closed:
            for said, details in self._dialect.say(kind, fields):
                event = {"type": said, "event_id": self._ids("event"), **details}
                self._effects.append(orjson.dumps(event).decode())

    def emit_audio(self, response: str, item: str, piece: str) -> None:
        """An audio delta; the one event there are many of, so its JSON is written by hand."""
        if not self.muted and not self.closed:
            self._effects.append(
                f'{{"type":"{self._dialect.audio_delta}","event_id":"{self._ids("event")}","response_id":"{response}",'
                f'"item_id":"{item}","output_index":0,"content_index":0,"delta":"{piece}"}}'
            )

    def put(self, effect: Effect) -> None:
        """An effect as it is."""
        if self.closed or (self.muted and isinstance(effect, (str, bytes))):
            return
        self._effects.append(effect)
        self.closed = isinstance(effect, (Close, Reset))

    def drain(self) -> list[Effect]:
        """All effects since the last call."""
        effects = self._effects
        if effects:
            self._effects = []
        return effects
