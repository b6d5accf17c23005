"""What passes between a party and the server, message by message: kept, lost, or altered. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

type Side = Literal["peer", "server"]

_CONTENT_LENGTH = re.compile(rb"^(Content-Length[ \t]*:)[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"^(?:Via|v|CSeq|RSeq|Call-ID|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def label(message: bytes) -> str:
    """`INVITE`, or `200 INVITE` for a response to one."""
    first, _, rest = message.decode(errors="replace").partition("\r\n")
    if not first.startswith("SIP/2.0 "):
        return first.partition(" ")[0]
    cseq = re.search(r"^CSeq[ \t]*:[ \t]*\d+[ \t]+(\w+)", rest, re.IGNORECASE | re.MULTILINE)
    return f"{first.split()[1]} {cseq[1] if cseq else '?'}"


@dataclass(frozen=True)
class Fault:
    """What befalls the messages named by `message` (any, if empty) that come from one side, by way of `party` if given.

    `INVITE#2` is the second of that name, its retransmissions included. They are lost, `times` transmissions or all; or
    with `find` they pass, but what that regular expression finds in the text, line by line, becomes `put`.
    """

    side: Side
    message: str = ""
    times: int | None = None
    find: str | None = None
    put: str = ""
    party: str = ""

    def __str__(self) -> str:
        name = f"{self.side}'s {self.message or 'messages'}"
        if self.find is None:
            return f"{name} lost" if self.times is None else f"{name} lost once"
        return f"{name}: {self.find} → {self.put or 'nothing'}"


@dataclass
class Passed:
    """One message that came to the wire, and whether it went on."""

    side: Side
    label: str
    ordinal: int
    message: bytes
    delivered: bool


@dataclass
class Wire:
    """Takes messages of both sides and says what goes on to the other. `rewrite` fits addresses to the detour."""

    faults: Sequence[Fault] = ()
    rewrite: Callable[[bytes, Side], bytes] = lambda message, side: message
    passed: list[Passed] = field(default_factory=list)
    hits: dict[Fault, int] = field(default_factory=dict)
    _seen: dict[tuple[Side, str], list[str]] = field(default_factory=dict)

    def take(self, message: bytes, side: Side) -> bytes | None:
        """What the other side gets instead; None: nothing."""
        name = label(message)
        ordinal = self._ordinal(message, side, name)
        passing: bytes | None = message
        for fault in self.faults:
            if passing is not None and fault.side == side and fault.message in ("", name, f"{name}#{ordinal}"):
                passing = self._befall(fault, passing)
        self.passed.append(Passed(side, name, ordinal, message, passing is not None))
        return None if passing is None else self.rewrite(passing, side)

    def _ordinal(self, message: bytes, side: Side, name: str) -> int:
        same = "|".join(_FIELD.findall(message.decode(errors="replace")))
        known = self._seen.setdefault((side, name), [])
        if same not in known:
            known.append(same)
        return known.index(same) + 1

    def _befall(self, fault: Fault, message: bytes) -> bytes | None:
        hits = self.hits.get(fault, 0)
        if fault.find is None:
            if fault.times is not None and hits >= fault.times:
                return message
            self.hits[fault] = hits + 1
            return None
        text = message.decode(errors="surrogateescape").replace("\r\n", "\n")
        altered, count = re.subn(fault.find, fault.put, text, flags=re.MULTILINE)
        if not count:
            return message
        self.hits[fault] = hits + 1
        return counted(altered.replace("\n", "\r\n").encode(errors="surrogateescape"))


def counted(message: bytes) -> bytes:
    """The message with its Content-Length as it is now."""
    head, end, body = message.partition(b"\r\n\r\n")
    return _CONTENT_LENGTH.sub(rb"\g<1> %d" % len(body), head) + end + body
