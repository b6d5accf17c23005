"""How much of what we send is going to be lost, by what the peer reports (RFC 3550 6.4.1)."""

_FADING = 0.7
_NEGLIGIBLE = 0.01


class ExpectedLoss:
    """Rises at once and falls slowly: loss comes in bursts, and reports are seconds apart."""

    __slots__ = ("share",)

    def __init__(self) -> None:
        self.share = 0.0
        """Of our packets, 0 to 1; less than one in a hundred counts as none."""

    def reported(self, share: float) -> None:
        """The peer has missed this share of the packets since its last report."""
        faded = self.share * _FADING
        self.share = max(share, faded if faded >= _NEGLIGIBLE else 0.0)
        if self.share < _NEGLIGIBLE:
            self.share = 0.0
