"""What a session wants done, and its messages as frames."""

from typing import Any

import orjson

from mediaproviders.emulators.websocket import Effect, FrameEffects


class Outbox(FrameEffects):
    """The effects of one session, in order, until the shell drains them. `binary`: JSON goes out in binary frames."""

    def __init__(self, *, binary: bool) -> None:
        super().__init__()
        self._binary = binary

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
