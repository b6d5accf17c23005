"""What a session wants done, and its messages as frames."""

from typing import Any

import orjson

from mediaproviders.emulators.websocket import Close, Effect, Reset


class Outbox:
    """The effects of one session, in order, until the shell drains them. `binary`: JSON goes out in binary frames."""

    def __init__(self, *, binary: bool) -> None:
        self._binary = binary
        self._effects: list[Effect] = []
        self.muted = False
        """Nothing more is sent."""
        self.closed = False
        """The connection is to end; nothing more is sent."""

    def emit(self, **message: Any) -> None:
        """A server message."""
        self.put(self.frame(orjson.dumps(message)))

    def content(self, **fields: Any) -> None:
        """A server message about the conversation."""
        self.emit(serverContent=fields)

    def audio(self, piece: str) -> None:
        """A piece of audio, in base64; the one message there are many of, so its JSON is written by hand."""
        self.put(
            self.frame(
                b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"'
                + piece.encode()
                + b'"}}]}}}'
            )
        )

    def frame(self, json: bytes) -> Effect:
        """A text as the frame it goes out in."""
        return json if self._binary else json.decode(errors="replace")

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
