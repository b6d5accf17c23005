"""Serial number arithmetic (RFC 1982): the only place that knows of wrap-around."""

SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFF_FFFF


class Unwrapper:
    """Turns counters of `bits` bits into integers that never wrap, each taken as the value nearest to the last one.

    The first value comes back raised by one full turn, so that numbers a little older than it stay positive.
    """

    __slots__ = ("_half", "_last", "_mask")

    def __init__(self, bits: int) -> None:
        self._mask = (1 << bits) - 1
        self._half = 1 << (bits - 1)
        self._last: int | None = None

    def unwrap(self, value: int) -> int:
        """The unwrapped `value`; it becomes the last one."""
        last = self._last
        if last is None:
            self._last = last = value + self._mask + 1
            return last
        half = self._half
        self._last = last = last - half + ((value - last + half) & self._mask)
        return last

    def peek(self, value: int) -> int:
        """The unwrapped `value` without remembering it; needs a last value to be near to."""
        last = self._last
        if last is None:
            return value + self._mask + 1
        half = self._half
        return last - half + ((value - last + half) & self._mask)


def forward(newer: int, older: int, bits: int) -> int:
    """How far `newer` is ahead of `older` in counters of `bits` bits; negative when it is behind."""
    half = 1 << (bits - 1)
    return ((newer - older + half) & ((1 << bits) - 1)) - half
