"""Which flows are kept alive, when each is due, and when one has failed (RFC 5626 4.4); no socket, no clock."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from mediaserver.net import stun
from mediaserver.net.local_address import Address
from mediaserver.sip.events import Flow
from mediaserver.sip.timers import Alarms

_CRLF = b"\r\n\r\n"
_PONG_S = 10.0
"""How long a pong may take (RFC 5626 4.4.1)."""
_REPEAT_S = 2.0
"""How often a binding request is sent again meanwhile."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Send `data` as a datagram; on a connection ping in its own manner."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The flow is dead: it is not kept alive any more."""

    flow: Flow
    why: str


class _Alarm(Enum):
    PING = auto()
    REPEAT = auto()
    PONG = auto()


@dataclass(slots=True)
class _Kept:
    every_s: float
    answered: bool
    waiting: bool = False
    """A ping is not answered yet: no other is sent meanwhile."""
    transaction: bytes = b""
    seen_as: Address | None = None


class KeepAlives:
    """The flows that are kept alive.

    A peer that has once answered is expected to answer every ping, within ten seconds; one that never has is not, for
    many do not and yet keep the connection.
    """

    def __init__(self, spread: Callable[[], float], transaction: Callable[[], bytes]) -> None:
        """`spread` gives a number from 0 to 1: not all flows ping at once. `transaction` gives 12 random octets."""
        self._spread = spread
        self._transaction = transaction
        self._kept: dict[Flow, _Kept] = {}
        self._alarms: Alarms[Flow, _Alarm] = Alarms()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, flow: Flow, every_s: float, now: float, *, answered: bool = False) -> None:
        """Ping `flow` every 80 to 100 % of `every_s` from now on. `answered`: the peer has promised to (RFC 6223)."""
        known = self._kept.get(flow)
        if known is not None and (known.every_s, known.answered or not answered) == (every_s, True):
            return
        self._kept[flow] = _Kept(every_s, answered or (known is not None and known.answered))
        self._alarms.stop(flow)
        self._next(flow, every_s, now)

    def stop(self, flow: Flow) -> None:
        """Leave the flow alone, if it was kept alive."""
        if self._kept.pop(flow, None) is not None:
            self._alarms.stop(flow)

    def pong(self, flow: Flow) -> None:
        """The peer has answered, on a connection."""
        if (kept := self._kept.get(flow)) is not None:
            kept.answered, kept.waiting = True, False
            self._alarms.stop(flow, _Alarm.PONG)

    def bound(self, remote: Address, transaction: bytes, seen_as: Address) -> Failed | None:
        """A binding response came from `remote`: our address must not change under way (RFC 5626 4.4.2)."""
        for flow, kept in self._kept.items():
            if flow.transport == "udp" and flow.remote == remote and kept.transaction == transaction:
                kept.answered, kept.waiting, kept.transaction = True, False, b""
                self._alarms.stop(flow, _Alarm.PONG, _Alarm.REPEAT)
                before, kept.seen_as = kept.seen_as, seen_as
                if before in (None, seen_as):
                    return None
                self.stop(flow)
                return Failed(flow, f"the NAT before us has changed our address from {before} to {seen_as}")
        return None

    def next(self) -> float | None:
        """When `due` wants to be asked, in seconds."""
        return self._alarms.next()

    def due(self, now: float) -> list[Ping | Failed]:
        """What is to be done at `now`."""
        acts: list[Ping | Failed] = []
        while (alarm := self._alarms.due(now)) is not None:
            flow, what = alarm
            kept = self._kept[flow]
            if what is _Alarm.PONG:
                self.stop(flow)
                acts.append(Failed(flow, f"no answer to a keep-alive in {_PONG_S:g} s"))
            elif what is _Alarm.REPEAT:
                self._alarms.start(flow, _Alarm.REPEAT, now + _REPEAT_S)
                acts.append(Ping(flow, stun.request(kept.transaction)))
            else:
                if not kept.waiting:
                    acts.append(Ping(flow, self._ping(flow, kept, now)))
                self._next(flow, kept.every_s, now)
        return acts

    def _ping(self, flow: Flow, kept: _Kept, now: float) -> bytes:
        if not kept.answered:
            return _CRLF
        kept.waiting = True
        self._alarms.start(flow, _Alarm.PONG, now + _PONG_S)
        if flow.reliable:
            return _CRLF
        kept.transaction = self._transaction()
        self._alarms.start(flow, _Alarm.REPEAT, now + _REPEAT_S)
        return stun.request(kept.transaction)

    def _next(self, flow: Flow, every_s: float, now: float) -> None:
        self._alarms.start(flow, _Alarm.PING, now + every_s * (0.8 + 0.2 * self._spread()))
