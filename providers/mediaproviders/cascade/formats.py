"""Which of a service's audio formats suits a leg. Pure."""

from collections.abc import Sequence

from mediacodecs.signal.resample import RATES
from mediaproviders.contract import AudioFormat


def nearest(wanted: AudioFormat, offered: Sequence[AudioFormat]) -> AudioFormat:
    """The format among `offered` that carries `wanted` with least loss. Raises ValueError if none can."""
    usable = [each for each in offered if each == wanted or each.rate in RATES]
    if not usable:
        raise ValueError(f"none of {list(offered)} can be converted to or from {wanted}")

    def loss(each: AudioFormat) -> tuple[bool, bool, int]:
        # Too low a rate loses the most, then another law of companding; then needless work.
        companded = each.encoding not in ("pcm16", wanted.encoding)
        return (each.rate < wanted.rate, companded, abs(each.rate - wanted.rate))

    # Of equals the one that is the leg's own, else the service's favourite.
    return min(usable, key=lambda each: (each != wanted, *loss(each)))
