"""The DTLS of one socket: which handshake counts among those that whoever reaches the port may begin (RFC 5763 6)."""

from collections.abc import Callable

from mediaserver.sdp.security import Dtls
from mediaserver.webrtc.dtls import Handshake, begins_handshake
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.keyring import Keys

type Address = tuple[str, int]
type Send = Callable[[bytes, Address], None]

_MOST_AT_ONCE = 4
_MOST_STRANGERS = 8
"""Handshakes with sources that nothing vouches for, in the life of a leg: each costs a signature."""
_MOST_ANEW = 32
"""Handshakes after the one that gave keys, in the life of an association: the peer itself may have no more either."""


class Association:
    """`trusted` tells whether a source is the peer's, as far as addresses can tell. `keys` are there once it is done.

    A stranger may begin a handshake too, for a peer behind a NAT looks like one; only who has the certificate of the
    description ends up with keys, and only a handshake with the peer's own address can fail for good.
    """

    def __init__(self, identity: Identity, agreed: Dtls, send: Send, trusted: Callable[[Address], bool]) -> None:
        self.agreed = agreed
        self._identity = identity
        self._send = send
        self._trusted = trusted
        self._handshakes: dict[Address, Handshake] = {}
        self._settled: Address | None = None
        self._strangers = 0
        self._anew = 0
        self.keys: Keys | None = None
        self.failure: str | None = None
        """Why there will be none."""
        self.refused = 0
        """Handshakes that were not the peer's."""

    @property
    def closed(self) -> bool:
        """The peer has closed what gave the keys in use."""
        settled = None if self._settled is None else self._handshakes.get(self._settled)
        return settled is not None and settled.closed

    def begin(self, destination: Address) -> None:
        """Send the first flight, if that is ours to do and not done yet."""
        if self.agreed.active and self.keys is None and self.failure is None and destination not in self._handshakes:
            handshake = self._new(destination)
            self._step(destination, handshake, handshake.start())

    def received(self, datagram: bytes, source: Address) -> None:
        """Take a DTLS datagram."""
        handshake = self._handshakes.get(source)
        fresh = handshake is None or self._settled == source  # the second: the peer begins anew
        if fresh and not self.agreed.active and begins_handshake(datagram):
            handshake = self._welcome(source)
        if handshake is not None:
            self._step(source, handshake, handshake.received(datagram))

    def close(self) -> None:
        """Tell the peer that nothing more will come."""
        if self._settled is not None and (settled := self._handshakes.get(self._settled)) is not None:
            for datagram in settled.close():
                self._send(datagram, self._settled)

    def deadline(self, now: float) -> float | None:
        """When `handle_timer` is due."""
        due = [each for handshake in self._handshakes.values() if (each := handshake.deadline(now)) is not None]
        return min(due, default=None)

    def handle_timer(self) -> None:
        """Send again what was not answered.

        Not where there are keys already: a late copy of what began the handshake looks as if the peer began anew.
        """
        for source, handshake in tuple(self._handshakes.items()):
            if self.keys is None:
                self._step(source, handshake, handshake.handle_timer())
            elif handshake.keys is None:
                del self._handshakes[source]

    def _welcome(self, source: Address) -> Handshake | None:
        if self.keys is not None:
            if self._anew >= _MOST_ANEW:
                self.refused += 1
                return None
            self._anew += 1
        trusted = self._trusted(source)
        if not trusted:
            if self._strangers >= _MOST_STRANGERS or len(self._handshakes) >= _MOST_AT_ONCE:
                self.refused += 1
                return None
            self._strangers += 1
        return self._new(source)

    def _new(self, source: Address) -> Handshake:
        if len(self._handshakes) >= _MOST_AT_ONCE:
            del self._handshakes[next(each for each in self._handshakes if each != self._settled)]
        made = Handshake(self._identity, active=self.agreed.active, fingerprints=self.agreed.fingerprints)
        self._handshakes[source] = made
        return made

    def _step(self, source: Address, handshake: Handshake, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self._send(datagram, source)
        if handshake.failure is not None:
            self._handshakes.pop(source, None)
            self.refused += 1
            if self.keys is None and (self.agreed.active or self._trusted(source)):
                self.failure = handshake.failure
        elif handshake.keys is not None and handshake.keys is not self.keys:
            self.keys, self._settled = handshake.keys, source
            for other in [each for each in self._handshakes if each != source]:
                del self._handshakes[other]
