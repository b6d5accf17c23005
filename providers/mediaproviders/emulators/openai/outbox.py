"""What a session wants done: frames to send, and what happens to the connection."""

from collections.abc import Callable
from typing import Any

import orjson

from mediaproviders.emulators.openai.dialects import Dialect
from mediaproviders.emulators.websocket import FrameEffects


class Outbox(FrameEffects):
    """The effects of one session, in order, until the shell drains them."""

    def __init__(self, ids: Callable[[str], str], dialect: Dialect) -> None:
        super().__init__()
        self._ids = ids
        self._dialect = dialect

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
