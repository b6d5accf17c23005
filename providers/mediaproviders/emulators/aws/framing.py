"""The event stream format: checked messages with typed headers.

The decoder is botocore's and the encoder that of the new SDKs, so that neither tests itself when these talk to us.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from botocore.eventstream import EventStreamBuffer, ParserError
from smithy_aws_event_stream.events import EventMessage

CONTENT_TYPE = "application/vnd.amazon.eventstream"


class FramingError(ValueError):
    """Bytes that are no message: a checksum, a length or a header is wrong."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. A timestamp among the headers is an int, in ms since 1970."""

    headers: Mapping[str, Any]
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes of its payload."""
        return len(self.payload)


class Decoder:
    """Bytes in pieces of any length in, messages out."""

    def __init__(self) -> None:
        self._buffer = EventStreamBuffer()
        self._received = 0
        self._decoded = 0

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete."""
        return self._received - self._decoded

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Take bytes and give what they complete. Raises FramingError; what comes after it is lost."""
        self._received += len(piece)
        self._buffer.add_data(piece)
        try:
            for message in self._buffer:
                self._decoded += message.prelude.total_length
                yield Message(message.headers, message.payload)
        except (ParserError, KeyError, struct.error, UnicodeDecodeError) as fault:
            raise FramingError(f"{type(fault).__name__}: {fault}") from fault


def decode_one(framed: bytes) -> Message:
    """The one message that `framed` is. Raises FramingError if it is less or more."""
    decoder = Decoder()
    messages = list(decoder.feed(framed))
    if len(messages) != 1 or decoder.pending:
        raise FramingError(f"{len(messages)} messages and {decoder.pending} bytes where one message belongs")
    return messages[0]


def encode(headers: Mapping[str, str | bytes | datetime], payload: bytes) -> bytes:
    """A message of any kind."""
    return EventMessage(headers=dict(headers), payload=payload).encode()


def encode_event(kind: str, payload: bytes, content_type: str = "application/json") -> bytes:
    """An event the service's model knows by `kind`."""
    return encode({":message-type": "event", ":event-type": kind, ":content-type": content_type}, payload)


def encode_exception(kind: str, message: str, **details: object) -> bytes:
    """An exception of the service's model, by its name in the stream (`throttlingException`)."""
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return encode(headers, orjson.dumps({"message": message, **details}))


def encode_error(code: str, message: str) -> bytes:
    """An error that is not in the service's model."""
    return encode({":message-type": "error", ":error-code": code, ":error-message": message}, b"")


def encode_timestamp(milliseconds: int) -> bytes:
    """The `:date` header alone, as it is signed."""
    return b"\x05:date\x08" + struct.pack("!q", milliseconds)


def at(milliseconds: int) -> datetime:
    """The moment of a timestamp."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
