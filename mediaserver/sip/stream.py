"""Messages out of a byte stream: TCP, TLS (RFC 3261 18.3, RFC 5626 3.5.1)."""

import re

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.framing import FOLD, HEAD_END, MAX_HEAD, content_length

_CONTENT_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_LINE_ENDS = re.compile(rb"[\r\n]+")
_LONGEST_HEAD_END = 4


class StreamParser:
    """Cuts the bytes of one connection into whole messages by their Content-Length.

    `pings` counts the double CRLFs seen between messages; each is to be answered by one CRLF, and whoever does so
    may set it back to 0. So does `pongs` the single CRLFs that came while `awaits_pong` was set, which each one unsets.
    After the first error nothing more can be read from the connection: close it.
    """

    def __init__(self) -> None:
        self.pings = 0
        self.pongs = 0
        self.awaits_pong = False
        self.fault: RemoteProtocolError | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._line_ends = 0
        self._awaited: int | None = None

    @property
    def partial(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, each from start line to the end of its body.

        Of one whose body is too long to be taken, the head alone: whoever parses it finds what to answer (513).

        Raises RemoteProtocolError (status None: close the connection) when no message can be told from the next;
        messages completed by the same bytes are returned first, with `fault` set, and the next call raises.
        """
        if self.fault is not None:
            raise self.fault
        self._buffer += data
        messages: list[bytes] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except RemoteProtocolError as fault:
            if fault.status == 513 and (end := HEAD_END.search(self._buffer)) is not None:
                messages.append(bytes(self._buffer[: end.end()]))
            self.fault = RemoteProtocolError(str(fault), status=None)
            self._buffer.clear()
            if not messages:
                raise self.fault from None
        return messages

    def _next(self) -> bytes | None:
        if self._awaited is None:
            self._swallow_line_ends()
            self._awaited = self._find_length()
        if self._awaited is None or len(self._buffer) < self._awaited:
            return None
        message = bytes(self._buffer[: self._awaited])
        del self._buffer[: self._awaited]
        self._awaited = None
        self._searched = 0
        return message

    def _swallow_line_ends(self) -> None:
        if self._searched:
            return  # within a message
        leading = _LINE_ENDS.match(self._buffer)
        start = leading.end() if leading else 0
        self._line_ends += self._buffer.count(b"\n", 0, start)
        del self._buffer[:start]
        self.pings += self._line_ends // 2
        odd = self._line_ends % 2
        if odd and self.awaits_pong:
            self.pongs += 1
            self.awaits_pong = False
            odd = 0
        self._line_ends = 0 if self._buffer else odd

    def _find_length(self) -> int | None:
        """The length of the message at the front of the buffer, None while its header fields are incomplete."""
        end = HEAD_END.search(self._buffer, max(0, self._searched - _LONGEST_HEAD_END + 1))
        if end is None:
            self._searched = len(self._buffer)
            if self._searched > MAX_HEAD:
                raise RemoteProtocolError("no end of the header fields")
            return None
        head = FOLD.sub(b" ", bytes(self._buffer[: end.start()]))
        values = [value.decode("latin-1").strip(" \t") for value in _CONTENT_LENGTH.findall(head)]
        if end.start() > MAX_HEAD:
            raise RemoteProtocolError("the header fields are too long")
        length = content_length(values)
        if length is None:
            raise RemoteProtocolError("no Content-Length on a stream")
        return end.end() + length
