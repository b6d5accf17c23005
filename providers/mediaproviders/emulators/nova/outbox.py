"""What a session wants done: frames to send, and what happens to the stream."""

import base64
import uuid
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from mediaproviders.emulators.aws import encode_event, encode_exception
from mediaproviders.emulators.effects import Effects

type Ending = Literal["end", "reset", "abort", "go_away"]


@dataclass(frozen=True, slots=True)
class Finish:
    """The stream is over, in one of the ways it can be."""

    how: Ending = "end"


@dataclass(frozen=True, slots=True)
class StopReading:
    """Read nothing of the request for a while."""

    seconds: float


type Effect = bytes | Finish | StopReading
"""Bytes are a frame."""


def frame(event: bytes) -> bytes:
    """The frame of an event, its JSON in base64 and with padding beside it as the service has it."""
    return encode_event("chunk", b'{"bytes":"%s","p":"abcdefghij"}' % base64.b64encode(event))


class Outbox(Effects[Effect]):
    """The effects of one session, in order, until the shell drains them."""

    SENT = (bytes,)
    ENDS = (Finish,)

    def __init__(self, session: str) -> None:
        super().__init__()
        self.session = session
        self.completion = str(uuid.uuid4())
        self.prompt = ""
        """The client's name of the prompt, known from `promptStart` on."""
        self._started = False

    def emit(self, kind: str, **fields: Any) -> None:
        """A server event. Before the first one the completion is announced."""
        if not self._started:
            self._started = True
            self.emit("completionStart")
        ids = {"sessionId": self.session, "promptName": self.prompt, "completionId": self.completion}
        self.put(frame(orjson.dumps({"event": {kind: {**ids, **fields}}})))

    def emit_audio(self, content: str, piece: str) -> None:
        """A piece of audio; the one event there are many of, so its JSON is written by hand."""
        self.put(
            frame(
                f'{{"event":{{"audioOutput":{{"sessionId":"{self.session}","promptName":"{self.prompt}",'
                f'"completionId":"{self.completion}","contentId":"{content}","role":"ASSISTANT",'
                f'"content":"{piece}"}}}}}}'.encode()
            )
        )

    def fail(self, kind: str, message: str) -> None:
        """An exception of the service's model, and the end."""
        details = {"originalStatusCode": 400} if kind == "modelStreamErrorException" else {}
        self.put(encode_exception(kind, message, **details))
        self.put(Finish())
