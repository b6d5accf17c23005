"""What was said on the wire about each call, message by message, within bounds."""

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from mediaserver.sip.events import Flow
from mediaserver.sip.masking import masked

_CALL_ID = re.compile(rb"\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_BEGINS = b"INVITE "
_UNCLAIMED_S = 64.0
"""What no call has claimed so long after its beginning was refused, or challenged and never tried again."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One message, as it was, or with its secrets masked. `at` in seconds."""

    at: float
    sent: bool
    flow: Flow
    message: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """So many messages are not kept here, for there were too many."""

    messages: int


type Ladder = list[Rung | Gap]


@dataclass(frozen=True, slots=True)
class LadderSettings:
    """How much is kept."""

    messages: int = 400
    """Of one call: its first and its last half of that."""
    octets: int = 256 * 1024
    """Of one call, likewise."""
    total_octets: int = 64 * 1024 * 1024
    unclaimed: int = 1000
    """Call-IDs that no call has claimed."""


class _Record:
    """The messages of one Call-ID."""

    __slots__ = ("begun", "claimed", "dropped", "head", "head_octets", "octets", "tail")

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.claimed = False
        self.head: list[Rung] = []
        self.tail: deque[Rung] = deque()
        self.dropped = 0
        self.octets = 0
        self.head_octets = 0


class Ladders:
    """Records of calls by Call-ID. A record begins with an INVITE; what belongs to none is not kept.

    Taking a message costs a microsecond or two: it is searched for its Call-ID, not parsed, and its secrets stay in it:
    what is kept for longer goes through `without_secrets`.
    """

    def __init__(self, settings: LadderSettings | None = None) -> None:
        self._settings = settings or LadderSettings()
        self._claimed: dict[bytes, _Record] = {}
        self._unclaimed: OrderedDict[bytes, _Record] = OrderedDict()
        self._octets = 0

    def __len__(self) -> int:
        return len(self._claimed) + len(self._unclaimed)

    @property
    def octets(self) -> int:
        """Bytes of all messages kept."""
        return self._octets

    def received(self, message: bytes, flow: Flow, now: float) -> None:
        """A message came."""
        self._add(message, flow, now, False)

    def sent(self, message: bytes, flow: Flow, now: float) -> None:
        """A message was sent, or sent again."""
        self._add(message, flow, now, True)

    def claim(self, call_id: str) -> None:
        """A call has this Call-ID: its record is kept until it is taken."""
        key = _key(call_id)
        if (record := self._unclaimed.pop(key, None)) is not None:
            record.claimed = True
            self._claimed[key] = record
        elif key not in self._claimed:
            record = self._claimed[key] = _Record(0.0)
            record.claimed = True

    def take(self, call_id: str) -> Ladder:
        """The record of a Call-ID, as it was; it is kept no longer."""
        key = _key(call_id)
        record = self._claimed.pop(key, None) or self._unclaimed.pop(key, None)
        if record is None:
            return []
        self._octets -= record.octets
        gap: list[Rung | Gap] = [Gap(record.dropped)] if record.dropped else []
        return [*record.head, *gap, *record.tail]

    # Within

    def _add(self, message: bytes, flow: Flow, now: float, sent: bool) -> None:
        found = _CALL_ID.search(message)
        if found is None:
            return
        key = found[1].rstrip()
        record = self._claimed.get(key) or self._unclaimed.get(key)
        if record is None:
            if not message.startswith(_BEGINS):
                return
            record = self._begin(key, now)
        self._append(record, Rung(now, sent, flow, message))

    def _begin(self, key: bytes, now: float) -> _Record:
        self._forget_unclaimed(now)
        record = self._unclaimed[key] = _Record(now)
        return record

    def _forget_unclaimed(self, now: float) -> None:
        unclaimed, most = self._unclaimed, self._settings.unclaimed
        while unclaimed:
            oldest = next(iter(unclaimed.values()))
            if len(unclaimed) < most and oldest.begun + _UNCLAIMED_S > now:
                return
            unclaimed.popitem(last=False)
            self._octets -= oldest.octets

    def _append(self, record: _Record, rung: Rung) -> None:
        settings, size = self._settings, len(rung.message)
        while self._octets + size > settings.total_octets and self._unclaimed:
            key, oldest = next(iter(self._unclaimed.items()))
            if oldest is record:
                break
            del self._unclaimed[key]
            self._octets -= oldest.octets
        if self._octets + size > settings.total_octets:
            record.dropped += 1
            return
        record.octets += size
        self._octets += size
        fits = len(record.head) < settings.messages // 2 and record.head_octets + size <= settings.octets // 2
        if fits and not record.tail:
            record.head.append(rung)
            record.head_octets += size
            return
        record.tail.append(rung)
        while record.tail and (
            len(record.tail) > settings.messages // 2 or record.octets - record.head_octets > settings.octets // 2
        ):
            lost = len(record.tail.popleft().message)
            record.octets -= lost
            self._octets -= lost
            record.dropped += 1


def _key(call_id: str) -> bytes:
    return call_id.encode("utf-8", "surrogateescape")


def without_secrets(ladder: Ladder) -> Ladder:
    """A ladder with passwords, keys and the like masked; takes a while: best not on an event loop."""
    return [
        rung if isinstance(rung, Gap) else Rung(rung.at, rung.sent, rung.flow, masked(rung.message)) for rung in ladder
    ]


def merged(ladders: Iterable[Ladder]) -> Ladder:
    """Several ladders as one, by time; a gap stays where it was."""
    rows: list[tuple[float, Rung | Gap]] = []
    for ladder in ladders:
        at = 0.0
        for rung in ladder:
            at = rung.at if isinstance(rung, Rung) else at
            rows.append((at, rung))
    return [rung for _, rung in sorted(rows, key=lambda row: row[0])]
