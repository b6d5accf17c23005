"""The ports of one leg: a pair of its own, places on the port that browsers share, and by which of them media go."""

from collections.abc import Callable
from typing import Final, Protocol

from mediaserver.sdp.plan import MediaPlan
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.patience import Patience
from mediaserver.webrtc.secure_port import Address, Port, SecurePort
from mediaserver.webrtc.shared_port import Place

_MOST: Final = 32
"""Of one leg at once: everybody who is called together, and a peer who has the call moved on and on."""


class Lender(Protocol):
    """Whose ports they are."""

    def give_back(self, port: Port) -> None:
        """Take it back, closed."""


class _Taken:
    """One port, and what protects it once that was agreed."""

    __slots__ = ("_lender", "port", "secure")

    def __init__(self, lender: Lender, port: Port) -> None:
        self._lender = lender
        self.port = port
        self.secure: SecurePort | None = None

    @property
    def outer(self) -> Port | SecurePort:
        """What media go through."""
        return self.port if self.secure is None else self.secure

    def leads(self, plan: MediaPlan) -> bool:
        """Whether this is the port that was described to the peer with whom `plan` was agreed."""
        ice = plan.ice
        if isinstance(self.port, Place):
            return ice is not None and ice.shared and ice.ours in self.port.fragments
        return ice is None or not ice.shared

    def close(self) -> None:
        if self.secure is not None:
            self.secure.close()
        self._lender.give_back(self.port)


class LegPorts:
    """All that a leg has taken; one is in use. `failed` is told why media by that one will not flow."""

    def __init__(
        self, lender: Lender, port: Port, identity: Identity | None, patience: Patience, failed: Callable[[str], None]
    ) -> None:
        self._identity = identity
        self._patience = patience
        self._failed = failed
        self._used = _Taken(lender, port)
        self._taken = [self._used]
        self._closed = False

    @property
    def number(self) -> int:
        """Of the RTP port in use."""
        return self._used.port.number

    @property
    def outer(self) -> Port | SecurePort:
        """What media go through now."""
        return self._used.outer

    @property
    def unsent(self) -> int:
        """Packets that did not leave, by any of them."""
        return sum(each.outer.unsent for each in self._taken)

    def add(self, lender: Lender, port: Port) -> None:
        """One more, for another peer; it is used as soon as something is agreed with that."""
        if len(self._taken) >= _MOST:
            oldest = next(each for each in self._taken if each is not self._used)
            self._taken.remove(oldest)
            oldest.close()
        self._taken.append(_Taken(lender, port))

    def follow(self, plan: MediaPlan, now: float) -> None:
        """Go over to the port that `plan` is about, if it is another one, and protect it as agreed.

        A plan that none was taken for is about the one in use: ICE has been restarted there.
        """
        used = self._used
        if not used.leads(plan):
            self._used = next((each for each in self._taken if each.leads(plan)), used)
        if self._used is not used:
            used.outer.listen(_unheard, _unheard)
            used = self._used
        if used.secure is None:
            if plan.security is None and plan.ice is None:
                return
            shared = used.port if isinstance(used.port, Place) else None
            used.secure = SecurePort(
                used.port, self._identity, lambda why: self._told(used, why), shared=shared, patience=self._patience
            )
        used.secure.follow(plan, now)

    def close(self) -> bool:
        """Give all back; False if that was done before."""
        if self._closed:
            return False
        self._closed = True
        for each in self._taken:
            each.close()
        return True

    def _told(self, taken: _Taken, why: str) -> None:
        if taken is self._used:
            self._failed(why)


def _unheard(packet: bytes, source: Address, now: float) -> None:
    """What still comes from a peer that the leg has left."""
