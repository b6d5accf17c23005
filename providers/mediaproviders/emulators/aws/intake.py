"""The body of a streaming request: bytes in, verified events out."""

from collections.abc import Iterator
from dataclasses import dataclass

from mediaproviders.emulators.aws.framing import Decoder, FramingError, decode_one
from mediaproviders.emulators.aws.refusal import Refusal
from mediaproviders.emulators.aws.signature import Chain, Signed


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """One event of the client's."""

    kind: str
    """Its `:event-type`."""
    content_type: str | None
    payload: bytes


class Intake:
    """Checks frames, checksums and signatures, and unwraps what they carry."""

    def __init__(self, signed: Signed) -> None:
        self._outer = Decoder()
        self._chain = Chain(signed)
        self.ended = False
        """The client said, signed, that nothing more comes."""

    def feed(self, piece: bytes, now: float) -> Iterator[ClientEvent]:
        """Take a part of the body; `now` in s since 1970. Raises Refusal for what is broken or not signed rightly."""
        try:
            for message in self._outer.feed(piece):
                if self.ended:
                    raise Refusal(400, "ValidationException", "Nothing may follow the end of the stream.")
                inner = self._chain.opened(message, now)
                if inner:
                    yield _event(inner)
                else:
                    self.ended = True
        except FramingError as fault:
            raise Refusal(400, "ValidationException", f"Invalid event stream message: {fault}") from fault

    def finish(self) -> None:
        """The body is over. Raises Refusal if it broke off."""
        if self._outer.pending or not self.ended:
            raise Refusal(400, "ValidationException", "The event stream ended without its signed end.")


def _event(inner: bytes) -> ClientEvent:
    message = decode_one(inner)
    headers = message.headers
    kind, content_type = headers.get(":event-type"), headers.get(":content-type")
    if headers.get(":message-type") != "event" or not isinstance(kind, str):
        raise Refusal(400, "ValidationException", f"A client sends events alone, not {dict(headers)}.")
    return ClientEvent(kind, content_type if isinstance(content_type, str) else None, message.payload)
