"""When each packet of the peer came, told to its congestion control.

The peer numbers all its packets in a header extension, whatever stream they are of. Every 200 ms we answer with which
of those numbers came, and when: a status for each number since the last answer, then the time between arrivals in
steps of 250 us. Section numbers are those of draft-holmer-rmcat-transport-wide-cc-extensions-01.
"""

import struct
from math import inf

from mediaserver.rtp.serial import SEQUENCE_MASK, forward

_INTERVAL_S = 0.2
_TICK_S = 0.00025
_REFERENCE_TICKS = 256
"""The time that the first arrival is measured from is told in steps of 64 ms (3.1)."""
_MOST = 400
"""Numbers in one answer: at two octets each they fit into a datagram."""
_FAR = 1000
"""A number so far from the one expected is of another stream."""
_RTPFB, _FORMAT = 205, 15
_HEADER = struct.Struct("!BBHIIHHI")
_LOST, _SOON, _LATE = 0, 1, 2
"""Did not come; came, and the time since the one before is one octet; is two, with a sign (3.1.1)."""
_PER_RUN, _LONGEST_RUN = 14, 0x1FFF


class TransportFeedback:
    """Collects arrivals. `ssrc` is ours."""

    __slots__ = ("_arrivals", "_count", "_next", "_ssrc", "_told", "due")

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._arrivals: dict[int, float] = {}
        self._next: int | None = None
        self._told: dict[int, float] = {}  # in the last answer
        self._count = 0
        self.due = inf
        """When there is something to answer that has waited long enough, in seconds."""

    def arrived(self, number: int, now: float) -> None:
        """Take a packet of this number. Hot: once per packet."""
        arrivals = self._arrivals
        if not arrivals:
            self.due = now + _INTERVAL_S
        arrivals[number] = now

    def report(self, media_ssrc: int) -> bytes:
        """The RTCP packet that answers what came since the last one; `media_ssrc` is a stream of the peer's."""
        base, came = self._span()
        last = max(came)
        self._next, self._told = last + 1, came
        self._arrivals.clear()
        self.due = inf
        ticks = {number: round(at / _TICK_S) for number, at in came.items()}
        reference = ticks[min(ticks)] // _REFERENCE_TICKS
        statuses, deltas = _statuses(ticks, base, last, reference * _REFERENCE_TICKS)
        body = _chunks(statuses) + deltas
        padding = -len(body) % 4
        if padding:  # its last octet says how much it is (RFC 3550 6.4.1)
            body += bytes(padding - 1) + bytes((padding,))
        first = 0x80 | (0x20 if padding else 0) | _FORMAT
        words = (_HEADER.size + len(body)) // 4 - 1
        head = (reference & 0xFF_FFFF) << 8 | self._count
        self._count = (self._count + 1) & 0xFF
        numbers = base & SEQUENCE_MASK, len(statuses)
        return _HEADER.pack(first, _RTPFB, words, self._ssrc, media_ssrc, *numbers, head) + body

    def _span(self) -> tuple[int, dict[int, float]]:
        """The first number to tell of, and arrivals by numbers that do not wrap: all that were not told yet.

        None is left out since the last time. If one of those comes late, they are told again.
        """
        arrivals = self._arrivals
        expected = next(iter(arrivals)) if self._next is None else self._next
        came = {expected + forward(number, expected & SEQUENCE_MASK, 16): at for number, at in arrivals.items()}
        if self._next is None or abs(max(came) - expected) >= _FAR:
            base = max(min(came), max(came) - _MOST + 1)  # the first, or another numbering
        elif (first := min(came)) < expected:
            base = max(first, min(self._told))
            came = self._told | came
        else:
            base = expected
        base = max(base, max(came) - _MOST + 1)
        return base, {number: at for number, at in came.items() if number >= base}


def _statuses(came: dict[int, int], base: int, last: int, before: int) -> tuple[list[int], bytes]:
    """The status of each number, and the times of those that came, `before` being the ticks of the reference."""
    statuses, deltas = list[int](), bytearray()
    for number in range(base, last + 1):
        at = came.get(number)
        if at is None:
            statuses.append(_LOST)
            continue
        delta = at - before
        before = at
        if 0 <= delta <= 255:
            statuses.append(_SOON)
            deltas.append(delta)
        else:
            statuses.append(_LATE)
            deltas += max(-32768, min(delta, 32767)).to_bytes(2, signed=True)
    return statuses, bytes(deltas)


def _chunks(statuses: list[int]) -> bytes:
    """In words: a run of equals, fourteen that came soon or not at all, or seven of any (3.1.2 to 3.1.4)."""
    words, at, count = bytearray(), 0, len(statuses)
    while at < count:
        status = statuses[at]
        run = 1
        while at + run < count and run < _LONGEST_RUN and statuses[at + run] == status:
            run += 1
        if run >= _PER_RUN or at + run == count:
            words += (status << 13 | run).to_bytes(2)
            at += run
            continue
        short = statuses[at : at + 14]
        if _LATE in short:
            word = 0xC000
            for place, each in enumerate(short[:7]):
                word |= each << (12 - 2 * place)
            at += 7
        else:
            word = 0x8000
            for place, each in enumerate(short):
                word |= each << (13 - place)
            at += 14
        words += word.to_bytes(2)
    return bytes(words)
