"""Messages on a connection: what is cut out of its bytes, and put into them."""

from typing import Protocol

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.stream import StreamParser

_PING = b"\r\n\r\n"
_PONG = b"\r\n"


class Framing(Protocol):
    """One side of one connection; no socket, no clock. After each call `outgoing` may have something to be sent."""

    ready: bool
    """Messages may be sent."""
    ended: bool
    """Nothing more is to be read; close once `outgoing` is sent."""
    fault: str | None
    """Why it ended, if the peer broke the protocol or refused."""
    pongs: int
    """Answers to our pings so far."""
    heard: int
    """Whole things heard so far: messages, pings and pongs."""

    @property
    def partial(self) -> bool:
        """A message has begun and is not complete."""

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete."""

    def send(self, message: bytes) -> None:
        """Send a message."""

    def ping(self) -> None:
        """Ask the peer for a sign of life."""

    def end(self) -> None:
        """Say that we leave, where the protocol has a word for it."""

    def outgoing(self) -> bytes:
        """Take the bytes that are due."""


class StreamFraming:
    """Messages one after the other, CRLF to keep alive (RFC 3261 18.3, RFC 5626 3.5.1)."""

    ready = True

    def __init__(self) -> None:
        self.ended = False
        self.fault: str | None = None
        self.pongs = 0
        self.heard = 0
        self._parser = StreamParser()
        self._writes = bytearray()

    @property
    def partial(self) -> bool:
        """A message has begun and is not complete."""
        return self._parser.partial

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete."""
        parser = self._parser
        try:
            messages = parser.feed(data)
        except RemoteProtocolError:  # the parser keeps it
            messages = []
        self.heard += len(messages) + parser.pings + parser.pongs
        self.pongs += parser.pongs
        self._writes += _PONG * parser.pings
        parser.pings = parser.pongs = 0
        if parser.fault is not None:
            self.ended, self.fault = True, str(parser.fault)
        return messages

    def send(self, message: bytes) -> None:
        """Send a message."""
        self._writes += message

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        self._parser.awaits_pong = True
        self._writes += _PING

    def end(self) -> None:
        """Nothing to say."""

    def outgoing(self) -> bytes:
        """Take the bytes that are due."""
        writes = bytes(self._writes)
        self._writes.clear()
        return writes
