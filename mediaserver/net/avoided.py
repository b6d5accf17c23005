"""Targets that have just failed: not tried again before others, for a while (RFC 3263 4.3)."""

from collections.abc import Iterable

from mediaserver.net.local_address import Address
from mediaserver.sip.events import Flow, Transport

_MOST = 4096


class Avoided:
    """Which targets to try last, and until when (seconds)."""

    def __init__(self) -> None:
        self._until: dict[tuple[Transport, Address], float] = {}

    def avoid(self, flow: Flow, seconds: float, now: float) -> None:
        """Put the target of `flow` behind all others for a while; 0 forgives it."""
        if len(self._until) >= _MOST:
            self._until = {target: until for target, until in self._until.items() if until > now}
        if seconds > 0 and len(self._until) < _MOST:
            self._until[flow.transport, flow.remote] = now + seconds
        else:
            self._until.pop((flow.transport, flow.remote), None)

    def last(self, flows: Iterable[Flow], now: float) -> list[Flow]:
        """The same flows, those to be avoided last: when there is nothing else they are better than nothing."""
        return sorted(flows, key=lambda flow: self._until.get((flow.transport, flow.remote), 0.0) > now)
