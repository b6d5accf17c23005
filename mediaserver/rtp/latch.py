"""Symmetric RTP with a guard: where packets are taken from, and where ours go (RFC 4961, RFC 7362)."""

from mediaserver.rtp.plan import Address, MediaSettings
from mediaserver.rtp.serial import SEQUENCE_MASK, forward

_IN_SEQUENCE = 3
_NEAR = 50


class SourceLatch:
    """Holds on to one source of RTP.

    The first source of valid RTP is taken if it has the described IP address (a NAT may change the port) or, with
    `symmetric`, whatever it is. During the first packets a source that fits the description better replaces it at once,
    later with a few packets in sequence: whoever took over a call wrongly is put out when its owner speaks. Any other
    source is refused until the latched one has been silent for a while. It must then continue its stream, which nobody
    can who has not seen it, or come from an address that something vouches for (the latched one, the described one, the
    one that signalling comes from) and show a few packets in sequence: what a pause leaves open is not for strangers.

    `signalled` is the IP address that signalling comes from, if it may be the peer's own: behind a NAT, the description
    names an address that no packet comes from.
    """

    def __init__(self, described: Address, settings: MediaSettings, signalled: str | None = None) -> None:
        self._described = described
        self._signalled = signalled
        self._settings = settings
        self._accepted = 0
        self._ssrc = 0
        self._last_sequence = 0
        self._newcomer: Address | None = None
        self._newcomer_ssrc = 0
        self._newcomer_next = 0
        self._newcomer_run = 0
        self.source: Address | None = None
        """The source packets are taken from; None before the first one."""
        self.heard = 0.0
        """When it last sent, in seconds."""
        self.refused = 0
        """Packets of other sources."""

    @property
    def destination(self) -> Address:
        """Where our packets go."""
        return self.source if self._settings.symmetric and self.source is not None else self._described

    def described(self, address: Address, signalled: str | None = None) -> None:
        """A new description. If it names another address, the latch is open again."""
        self._signalled = signalled
        if address != self._described:
            self._described = address
            self.source = None
            self._accepted = 0
            self._newcomer = None

    def accepts(self, source: Address, ssrc: int, sequence: int, now: float) -> bool:
        """Whether a valid packet of `source` is to be taken."""
        if source == self.source:
            self._ssrc = ssrc
            self._last_sequence = sequence
            self.heard = now
            self._accepted += 1
            return True
        if self._may_replace(source, ssrc, sequence, now):
            self.source = source
            self._newcomer = None
            return self.accepts(source, ssrc, sequence, now)
        self.refused += 1
        return False

    def _fit(self, source: Address) -> int:
        if source == self._described:
            return 3
        if source[0] == self._described[0]:
            return 2
        if not self._settings.symmetric:
            return 0
        return 2 if source[0] == self._signalled else 1

    def _may_replace(self, source: Address, ssrc: int, sequence: int, now: float) -> bool:
        fit = self._fit(source)
        if fit == 0:
            return False
        if self.source is None:
            return True
        better = fit > self._fit(self.source)
        if better and self._accepted < self._settings.learning_packets:
            return True
        silent = now - self.heard >= self._settings.latch_silence_s
        if (
            silent
            and ssrc == self._ssrc
            and 0 < forward(sequence, self._last_sequence, 16) <= _NEAR + self._missed(now)
        ):
            return True
        vouched = fit > 1 or source[0] == self.source[0]
        return self._runs(source, ssrc, sequence) and (better or (silent and vouched))

    def _missed(self, now: float) -> int:
        return int(100 * (now - self.heard))  # packets of 10 ms that a moving caller may have sent meanwhile

    def _runs(self, source: Address, ssrc: int, sequence: int) -> bool:
        follows = (source, ssrc, sequence) == (self._newcomer, self._newcomer_ssrc, self._newcomer_next)
        self._newcomer_run = self._newcomer_run + 1 if follows else 1
        self._newcomer, self._newcomer_ssrc = source, ssrc
        self._newcomer_next = (sequence + 1) & SEQUENCE_MASK
        return self._newcomer_run >= _IN_SEQUENCE
