"""The keys of a protected stream, and what becomes of them when they change (RFC 3711 9.1, RFC 4568 7.1.4)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mediaserver.webrtc.srtp import Opener, Sealer, opener, sealer

_FORMER_KEY_S = 2.0
"""For so long after a change, packets under the peer's former key are still taken: they were on the way."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A suite, and octets of master key and salt for each direction."""

    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)


class Keyring:
    """Seals and opens with the keys agreed last. A key of ours that is used again goes on where it was left."""

    def __init__(self) -> None:
        self._sealers: dict[tuple[str, bytes], Sealer] = {}
        self._sealer: Sealer | None = None
        self._opener: Opener | None = None
        self._theirs: tuple[str, bytes] | None = None
        self._former: Opener | None = None
        self._former_until = 0.0
        self._excused = 0
        self._counted = (0, 0)

    def use(self, keys: Keys, now: float) -> None:
        """Go over to these keys, each direction if it has changed. Raises KeyError, ValueError as `sealer` does."""
        ours, theirs = (keys.suite, keys.ours), (keys.suite, keys.theirs)
        if ours not in self._sealers:
            self._sealers[ours] = sealer(*ours)
        self._sealer = self._sealers[ours]
        if theirs != self._theirs:
            self._counted = self.unauthentic, self.replayed
            self._excused = 0
            self._former, self._former_until = self._opener, now + _FORMER_KEY_S
            self._opener, self._theirs = opener(*theirs), theirs

    @property
    def seals(self) -> bool:
        """Whether there are keys to send with."""
        return self._sealer is not None

    @property
    def suite(self) -> str | None:
        """In use for what we take; None before there are keys."""
        return None if self._theirs is None else self._theirs[0]

    @property
    def unauthentic(self) -> int:
        """Packets that were not the peer's."""
        current = 0 if self._opener is None else self._opener.unauthentic
        return self._counted[0] + current - self._excused

    @property
    def replayed(self) -> int:
        """Packets that had come before."""
        return self._counted[1] + (0 if self._opener is None else self._opener.replayed)

    # --- hot --------------------------------------------------------------------------------------------------------

    def seal_rtp(self, packet: bytes) -> bytes | None:
        """For sending; None before there are keys. Raises UNSEALABLE."""
        return None if self._sealer is None else self._sealer.rtp(packet)

    def open_rtp(self, packet: bytes, now: float) -> bytes | None:
        """What came, if it is the peer's and new."""
        unsealing = self._opener
        if unsealing is None:
            return None
        opened = unsealing.rtp(packet)
        if opened is None and self._former is not None:
            return self._by_former(self._former.rtp, packet, now)
        return opened

    # --- rare -------------------------------------------------------------------------------------------------------

    def seal_rtcp(self, packet: bytes) -> bytes | None:
        """As `seal_rtp`."""
        return None if self._sealer is None else self._sealer.rtcp(packet)

    def open_rtcp(self, packet: bytes, now: float) -> bytes | None:
        """As `open_rtp`."""
        unsealing = self._opener
        if unsealing is None:
            return None
        opened = unsealing.rtcp(packet)
        if opened is None and self._former is not None:
            return self._by_former(self._former.rtcp, packet, now)
        return opened

    def _by_former(self, unseal: Callable[[bytes], bytes | None], packet: bytes, now: float) -> bytes | None:
        if now >= self._former_until:
            self._former = None
            return None
        opened = unseal(packet)
        if opened is not None:
            self._excused += 1
        return opened
