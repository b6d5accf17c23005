"""Where a message begins and ends: start line, header fields and body in a run of bytes (RFC 3261 7 and 18.3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import LWS, is_token, number
from mediaserver.sip.headers import Headers

MAX_MESSAGE = 65535
"""Bytes of a whole message."""
MAX_HEAD = 16384
"""Bytes of the start line and the header fields."""
MAX_BODY = MAX_MESSAGE - MAX_HEAD
"""Bytes of the body."""
MAX_FIELDS = 200
"""Header fields of a message, each element of a Via, Contact or Route list counted."""
MAX_FIELD = 8192
"""Characters of one header field's value, and of the start line."""

HEAD_END = re.compile(rb"\r?\n\r?\n")
"""The empty line after the header fields; a bare LF is taken for a line end, as most receivers do."""
FOLD = re.compile(rb"\r?\n[ \t]+")
"""A line break that continues the field (RFC 3261 7.3.1): reads as one space."""
_LINE = re.compile("\r?\n")


@dataclass(slots=True)
class Head:
    """A message cut into its parts. `fault` is the first thing wrong with them, if the rest could be read past it."""

    start_line: str
    headers: Headers
    body: bytes
    fault: RemoteProtocolError | None = None


def split_message(data: bytes) -> Head:
    """Cut one message, without the line breaks before it, into its parts; never raises.

    Bytes that are not UTF-8 become surrogate escapes, so that serialising gives the very bytes back.
    """
    fault: RemoteProtocolError | None = None
    if len(data) > MAX_MESSAGE:
        fault = RemoteProtocolError(f"message of {len(data)} bytes", status=513)
        data = data[:MAX_MESSAGE]
    end = HEAD_END.search(data)
    if end is None:
        fault = fault or RemoteProtocolError("no empty line after the header fields")
        head, body = data, b""
    else:
        head, body = data[: end.start()], data[end.end() :]
    if len(head) > MAX_HEAD:
        fault = fault or RemoteProtocolError(f"header fields of {len(head)} bytes", status=513)
    text = FOLD.sub(b" ", head).decode("utf-8", "surrogateescape")
    start_line, *lines = _LINE.split(text)
    if len(start_line) > MAX_FIELD:
        fault = fault or RemoteProtocolError("the start line is too long", status=414)
    headers, field_fault = _read_fields(lines)
    return Head(start_line, headers, body, fault or field_fault)


def _read_fields(lines: Sequence[str]) -> tuple[Headers, RemoteProtocolError | None]:
    headers = Headers()
    fault: RemoteProtocolError | None = None
    for line in lines:
        if not line:
            break  # only after the last line of a message that lacks the empty one
        name, colon, value = line.partition(":")
        name = name.rstrip(LWS)
        if not colon or not is_token(name) or "\r" in value:
            fault = fault or RemoteProtocolError(f"not a header field: {line[:60]!r}")
        elif len(value) > MAX_FIELD:
            fault = fault or RemoteProtocolError(f"header field {name[:40]!r} is too long")
        else:
            headers.add(name, value)
        if len(headers) > MAX_FIELDS:
            fault = fault or RemoteProtocolError("too many header fields")
            break
    return headers, fault


def content_length(values: Sequence[str]) -> int | None:
    """The one length that the Content-Length fields agree on, in bytes; None without any.

    Raises RemoteProtocolError(400) if one is no length or they disagree (RFC 4475 3.3.9), (513) above MAX_BODY.
    """
    lengths = {number(value, "Content-Length", 2**31 - 1) for value in values}
    if len(lengths) > 1:
        raise RemoteProtocolError("the Content-Length fields disagree")
    length = lengths.pop() if lengths else None
    if length is not None and length > MAX_BODY:
        raise RemoteProtocolError(f"a body of {length} bytes", status=513)
    return length
