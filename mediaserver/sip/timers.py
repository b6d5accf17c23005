"""The timers of RFC 3261 17 and RFC 6026 by their letters, and a queue of what is due; no clock is read here."""

import heapq
from collections.abc import Container, Hashable
from dataclasses import dataclass
from enum import Enum


class Timer(Enum):
    """RFC 3261 table 4, with L and M of RFC 6026."""

    A = "INVITE request retransmission"
    B = "INVITE transaction timeout"
    D = "wait for retransmitted final responses to INVITE"
    E = "non-INVITE request retransmission"
    F = "non-INVITE transaction timeout"
    G = "INVITE response retransmission"
    H = "wait for ACK"
    I = "wait for retransmitted ACKs"  # noqa: E741 - the RFC's letter
    J = "wait for retransmitted non-INVITE requests"
    K = "wait for retransmitted non-INVITE responses"
    L = "wait for retransmitted INVITEs after a 2xx was sent"
    M = "wait for retransmitted or forked 2xx"


_DOUBLING = frozenset({Timer.A, Timer.E, Timer.G})
_BRIEF = frozenset({Timer.I, Timer.K})
_ONLY_UNRELIABLE = frozenset({Timer.D, Timer.I, Timer.J, Timer.K})


@dataclass(frozen=True, slots=True)
class TimerSettings:
    """T1 (round trip estimate), T2 (longest retransmit interval) and T4 (life of a message), in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def timeout(self) -> float:
        """64*T1 in seconds: how long a transaction or an un-ACKed 2xx is kept alive."""
        return 64 * self.t1

    def longer(self, interval: float) -> float:
        """The retransmission interval after `interval`, both in seconds: doubled, at most T2."""
        return min(2 * interval, self.t2)

    def delay(self, timer: Timer, interval: float, *, reliable: bool) -> float | None:
        """Seconds until `timer` fires, 0 for at once; None: this transport needs no such timer.

        `interval` is what the retransmission timers A, E and G waited last, 0 before the first time.
        """
        if timer in _DOUBLING:
            if reliable:
                return None
            if not interval:
                return self.t1
            # Timer A alone knows no T2 (17.1.1.2): timer B ends it.
            return 2 * interval if timer is Timer.A else self.longer(interval)
        if reliable and timer in _ONLY_UNRELIABLE:
            return 0.0
        return self.t4 if timer in _BRIEF else self.timeout


class Alarms[Owner: Hashable, Name: Hashable]:
    """What is to happen when: at most one instant per owner and name. Stopped alarms cost nothing but a heap entry."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Owner, Name]] = []
        self._live: dict[Owner, dict[Name, int]] = {}
        self._serial = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def start(self, owner: Owner, name: Name, at: float) -> None:
        """Set the alarm to the instant `at` in seconds, in place of an earlier setting."""
        names = self._live.setdefault(owner, {})
        if name not in names:
            self._count += 1
        self._serial += 1
        names[name] = self._serial
        heapq.heappush(self._heap, (at, self._serial, owner, name))
        if len(self._heap) > 64 + 4 * self._count:
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def stop(self, owner: Owner, *names: Name) -> None:
        """Stop the alarms named, or all of `owner` when none is named."""
        live = self._live.get(owner)
        if live is None:
            return
        for name in names or tuple(live):
            if live.pop(name, None) is not None:
                self._count -= 1
        if not live:
            del self._live[owner]

    def keep(self, owner: Owner, names: Container[object]) -> None:
        """Stop every alarm of `owner` that is not among `names`."""
        stale = [name for name in self._live.get(owner, ()) if name not in names]
        if stale:
            self.stop(owner, *stale)

    def next(self) -> float | None:
        """The earliest instant set, in seconds; None when nothing is."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> tuple[Owner, Name] | None:
        """Take the earliest alarm whose instant has come by `now`, or None."""
        at = self.next()
        if at is None or at > now:
            return None
        _, _, owner, name = heapq.heappop(self._heap)
        self.stop(owner, name)
        return owner, name

    def _is_live(self, entry: tuple[float, int, Owner, Name]) -> bool:
        _, serial, owner, name = entry
        return self._live.get(owner, {}).get(name) == serial
