"""A ladder for people to read: who sent what to whom, and how long after."""

import re
from collections.abc import Iterator

from mediaserver.sip.events import Flow
from mediaserver.sip.ladder import Gap, Ladder, Rung
from mediaserver.sip.uri import format_host_port

_WIDTH = 46
"""Columns from one party to the next."""
_MARGIN = 20
_CSEQ = re.compile(rb"\n(?:CSeq)[ \t]*:[ \t]*[0-9]+[ \t]+([^\s]+)", re.IGNORECASE)
_SDP = re.compile(rb"\n(?:Content-Type|c)[ \t]*:[ \t]*application/sdp", re.IGNORECASE)
_DIRECTION = re.compile(rb"\na=(sendonly|recvonly|inactive)")


def text_of(ladder: Ladder, *, full: bool = False) -> Iterator[str]:
    """The lines. Each party has a column, ours first; `full` puts every message below its arrow."""
    parties = _parties(ladder)
    if not parties:
        yield "no messages"
        return
    centres = {party: _MARGIN + _WIDTH // 4 + index * _WIDTH for index, party in enumerate(parties)}
    head = " " * (centres[parties[-1]] + _WIDTH // 2)
    for party in parties:
        head = _written(head, max(_MARGIN, centres[party] - len(party) // 2), party)
    yield head.rstrip()
    before: float | None = None
    first = 0.0
    seen: set[tuple[bool, bytes]] = set()
    for rung in ladder:
        if isinstance(rung, Gap):
            yield f"{'':{_MARGIN}}… {rung.messages} messages are not kept …"
            continue
        if before is None:
            first = before = rung.at
        again = (rung.sent, rung.message) in seen
        seen.add((rung.sent, rung.message))
        yield _arrow(rung, centres, rung.at - first, rung.at - before, again)
        before = rung.at
        if full:
            yield from _body(rung)


def summary(message: bytes) -> str:
    """One line that says what a message is: "INVITE sip:… (SDP)", "200 OK (INVITE, SDP sendonly)"."""
    start = message.lstrip(b"\r\n").partition(b"\n")[0].strip().decode("utf-8", "replace")
    notes = []
    if start[:4].upper() == "SIP/":
        start = start.partition(" ")[2]
        if (method := _CSEQ.search(message)) is not None:
            notes.append(method[1].decode("ascii", "replace"))
    else:
        start = start.rpartition(" ")[0]
    if _SDP.search(message):
        direction = _DIRECTION.search(message)
        notes.append("SDP" + (f" {direction[1].decode()}" if direction is not None else ""))
    printable = "".join(character if character.isprintable() else "?" for character in start)
    return f"{printable} ({', '.join(notes)})" if notes else printable


def _us(flow: Flow) -> str:
    return format_host_port(*flow.local)


def _them(flow: Flow) -> str:
    return f"{format_host_port(*flow.remote)} {flow.transport}"


def _parties(ladder: Ladder) -> list[str]:
    """Every address once: the far end of the first message, then ours, then the others."""
    rungs = [rung for rung in ladder if isinstance(rung, Rung)]
    names: dict[str, None] = {}
    for rung in rungs:
        for name in (_them(rung.flow), _us(rung.flow)):
            names.setdefault(name)
    return list(names)


def _arrow(rung: Rung, centres: dict[str, int], since: float, step: float, again: bool) -> str:
    us, them = centres[_us(rung.flow)], centres[_them(rung.flow)]
    begin, end = (us, them) if rung.sent else (them, us)
    left, right = sorted((begin, end))
    line = f"{since:9.3f} {f'+{step:.3f}':>9} ".ljust(_MARGIN)
    for centre in centres.values():
        line = _written(line, centre, "|")
    room = right - left - 1
    label = summary(rung.message) + (" again" if again else "")
    if len(label) > room - 6:
        label = label[: max(0, room - 7)] + "…"
    shaft = f" {label} ".center(room - 1, "-")
    return _written(line, left + 1, shaft + ">" if end > begin else "<" + shaft).rstrip()


def _written(line: str, at: int, text: str) -> str:
    line = line.ljust(at)
    return line[:at] + text + line[at + len(text) :]


def _body(rung: Rung) -> Iterator[str]:
    yield ""
    for line in rung.message.decode("utf-8", "replace").splitlines():
        yield "    " + "".join(character if character.isprintable() or character == "\t" else "?" for character in line)
    yield ""
