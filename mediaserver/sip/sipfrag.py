"""The body of a NOTIFY about a REFER: the status line of another call (RFC 3420, 3515 2.4.5)."""

import re

SIPFRAG = "message/sipfrag;version=2.0"

_STATUS_LINE = re.compile(rb"\s*SIP/2\.0[ \t]+([1-6][0-9][0-9])(?:[ \t]+([^\r\n]*))?", re.IGNORECASE)


def status_of(body: bytes) -> tuple[int, str] | None:
    """Status and reason of a fragment that begins with a status line, whatever follows it; None otherwise."""
    match = _STATUS_LINE.match(body)
    if match is None:
        return None
    return int(match[1]), (match[2] or b"").decode("utf-8", "replace").strip()


def fragment(status: int, reason: str) -> bytes:
    """The status line alone: header fields of the other call are nobody's business."""
    return f"SIP/2.0 {status} {' '.join(reason.split())}\r\n".encode("utf-8", "replace")
