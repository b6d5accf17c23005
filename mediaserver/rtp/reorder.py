"""Puts packets back into order without holding up those that are: a model needs order, not isochrony."""

from collections import OrderedDict

_MEMORY = 256  # holes remembered after they were given up
_MOST_HELD = 100


class Reorder[Item]:
    """A packet that is next in sequence never enters: `passes` says so and the caller takes it on.

    Behind a hole packets are held until it fills, or until it is given up: `wait` seconds after the first of them came.
    The wait follows the reordering that was seen to succeed, and the jitter, between two bounds.
    """

    __slots__ = (
        "_given_up",
        "_held",
        "_longest",
        "_reordering",
        "_shortest",
        "deadline",
        "duplicates",
        "late",
        "lost",
        "next",
        "wait",
    )

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest, self._longest = shortest, longest
        self._reordering = 0.0
        self._held: dict[int, tuple[float, Item]] = {}
        self._given_up: OrderedDict[int, float] = OrderedDict()
        self.next: int | None = None
        """The sequence number (unwrapped) that passes at once; None before the first packet."""
        self.deadline: float | None = None
        """When the hole in front is given up; None while nothing is held."""
        self.wait = shortest
        """Seconds a hole is waited for."""
        self.lost = 0
        """Packets given up."""
        self.late = 0
        """Packets that came after they were given up."""
        self.duplicates = 0
        """Packets that came again."""

    def passes(self, sequence: int) -> bool:
        """Whether this packet is next and nothing is held: the caller takes it on at once."""
        if sequence == self.next and not self._held:
            self.next = sequence + 1
            return True
        if self.next is None:
            self.next = sequence + 1
            return True
        return False

    def hold(self, sequence: int, item: Item, now: float, jitter_s: float) -> None:
        """Keep a packet that did not pass, or drop it as late or duplicate."""
        expected = self.next
        if expected is None or sequence < expected:
            self._too_late(sequence, now)
            return
        if sequence in self._held:
            self.duplicates += 1
            return
        if sequence == expected:  # the hole in front fills: how long that took is what waiting is worth
            self._learn(now - min(arrival for arrival, _ in self._held.values()))
        self._held[sequence] = (now, item)
        self.wait = min(max(2.0 * jitter_s + 0.010, 1.25 * self._reordering, self._shortest), self._longest)
        self._set_deadline()

    def released(self, now: float) -> list[tuple[int, Item]]:
        """Packets whose turn has come, each with the number of packets given up in front of it."""
        out: list[tuple[int, Item]] = []
        while self._held and self.next is not None:
            missing = 0
            if self.next not in self._held:
                if self.deadline is None or (now < self.deadline and len(self._held) <= _MOST_HELD):
                    break
                missing = self._give_up(min(self._held), self.deadline - self.wait)
            out.append((missing, self._held.pop(self.next)[1]))
            self.next += 1
            self._set_deadline()
        return out

    def restart(self) -> list[tuple[int, Item]]:
        """Forget the numbering (a new stream follows); what was held comes out in order."""
        out = [(0, item) for _, (_, item) in sorted(self._held.items(), key=lambda held: held[0])]
        self._held.clear()
        self._given_up.clear()
        self.next = self.deadline = None
        return out

    def _set_deadline(self) -> None:
        held = self._held
        self.deadline = min(arrival for arrival, _ in held.values()) + self.wait if held else None

    def _give_up(self, upto: int, noticed: float) -> int:
        first = self.next if self.next is not None else upto
        missing = upto - first
        self.lost += missing
        for sequence in range(max(first, upto - _MEMORY), upto):
            self._given_up[sequence] = noticed
        while len(self._given_up) > _MEMORY:
            self._given_up.popitem(last=False)
        self._reordering *= 0.9  # this time waiting was not worth it
        self.next = upto
        return missing

    def _too_late(self, sequence: int, now: float) -> None:
        noticed = self._given_up.pop(sequence, None)
        if noticed is None:
            self.duplicates += 1
        else:
            self.late += 1
            self._learn(now - noticed)

    def _learn(self, delay: float) -> None:
        # A packet later than the longest wait could not have been saved: it is no reason to wait longer.
        if delay <= self._longest:
            self._reordering = max(delay, 0.9 * self._reordering)
