"""STUN binding requests as they lie in a datagram (RFC 8489 5, 14.3): whom one is for, without reading all of it."""

from typing import Final

_COOKIE: Final = b"\x21\x12\xa4\x42"
_REQUEST: Final = b"\x00\x01"
_HEADER: Final = 20
_USERNAME: Final = b"\x00\x06"
_MOST_ATTRIBUTES: Final = 16


def fragment_called(datagram: bytes) -> str | None:
    """The user fragment before the colon of a binding request's USERNAME; None for anything else. Proves nothing."""
    if datagram[:2] != _REQUEST or datagram[4:8] != _COOKIE:
        return None
    at = _HEADER
    for _ in range(_MOST_ATTRIBUTES):
        size = int.from_bytes(datagram[at + 2 : at + 4])
        if datagram[at : at + 2] == _USERNAME:
            name, colon, _theirs = datagram[at + 4 : at + 4 + size].partition(b":")
            return name.decode("ascii", "replace") if colon else None
        at += 4 + size + -size % 4
        if at + 4 > len(datagram):
            return None
    return None
