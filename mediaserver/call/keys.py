"""Keys by SIP INFO: `application/dtmf-relay` and `application/dtmf`, as phones and gateways have them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

RELAY = "application/dtmf-relay"
_PLAIN = "application/dtmf"
# Blanks, not line breaks: else a long run of these takes the square of its length.
_SIGNAL = re.compile(rb"^[ \t]*Signal[ \t]*=[ \t]*(\S+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(rb"^[ \t]*Duration[ \t]*=[ \t]*(\d{1,5})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_DIGITS = "0123456789*#ABCD"
"""In the order of their event codes (RFC 4733 3.2), which some senders write instead: 10 is *, 11 is #."""
_PRESS_MS = 160
_GAP_S = 0.1
_PAUSES: Mapping[str, float] = {"w": 0.5, "W": 1.0, ",": 2.0}


@dataclass(frozen=True, slots=True)
class Key:
    """A key and how long it was pressed."""

    digit: str
    duration_ms: float = 100.0


def pressed_by_info(content_type: str, body: bytes) -> Key | None:
    """The key an INFO tells of; None if it tells of none, or of what is no key (a hook flash)."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _PLAIN:
        digit = _digit(body.strip())
        return Key(digit) if digit else None
    if kind != RELAY or (signal := _SIGNAL.search(body)) is None:
        return None
    digit, duration = _digit(signal[1]), _DURATION.search(body)
    if digit is None:
        return None
    lasted = float(duration[1]) if duration is not None else 0.0
    return Key(digit, lasted) if lasted > 0 else Key(digit)


def relay(digit: str) -> bytes:
    """The body of an INFO that presses a key."""
    return f"Signal={digit}\r\nDuration={_PRESS_MS}\r\n".encode()


def schedule(keys: str) -> list[tuple[float, str]]:
    """When to press which key, in seconds from now; pauses as in `Press`. Other characters are left out."""
    at, due = 0.0, []
    for key in keys:
        if key in _PAUSES:
            at += _PAUSES[key]
        elif (digit := key.upper()) in _DIGITS:
            due.append((at, digit))
            at += _PRESS_MS / 1000 + _GAP_S
    return due


def _digit(text: bytes) -> str | None:
    word = text.decode(errors="replace").upper()
    if len(word) == 1 and word in _DIGITS:
        return word
    if word.isascii() and word.isdigit() and len(word) == 2 and int(word) < len(_DIGITS):
        return _DIGITS[int(word)]
    return None
