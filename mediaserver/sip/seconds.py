"""Times in header fields and parameters: delta-seconds and Retry-After (RFC 3261 20.19, 20.33, 25.1)."""

from mediaserver.sip.message import Response

_LONGEST = 2**32 - 1


def seconds_of(text: str | None) -> int | None:
    """Seconds as a field or parameter gives them, cut at 2**32-1 as 20.19 wants it; None if missing or malformed."""
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) <= 10 and int(text) <= _LONGEST else _LONGEST


def retry_after_of(response: Response) -> int | None:
    """The seconds of Retry-After, without comment and parameters; None if there are none."""
    return seconds_of((response.headers.get("Retry-After") or "").replace("(", ";").partition(";")[0])
