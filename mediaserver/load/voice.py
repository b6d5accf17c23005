"""A caller's codecs. Its recordings are of a telephone: whatever the codec, it speaks and hears at 8 kHz."""

from collections.abc import Callable

from mediacodecs import registry
from mediacodecs.signal.resample import Resampler
from mediaserver.load.recording import RATE, Samples
from mediaserver.rtp.serial import TIMESTAMP_MASK, Unwrapper
from mediaserver.sdp.plan import MediaPlan, PayloadFormat


def encoder(form: PayloadFormat) -> Callable[[Samples], bytes]:
    """From a frame of samples to the payload of a packet."""
    name = _codec(form)
    encode = registry.encoder(name, registry.Sending(form.fmtp)).encode
    rate = registry.spec(name).sample_rate
    if rate == RATE:
        return encode
    resampler = Resampler(RATE, rate)
    return lambda frame: encode(resampler.process(frame))


def decoders(plan: MediaPlan) -> dict[int, Callable[[bytes], Samples]]:
    """How each audio payload type we may receive is to be heard: in order, by one decoder each."""
    return {form.payload_type: _decoder(form) for form in plan.receive}


def _decoder(form: PayloadFormat) -> Callable[[bytes], Samples]:
    decoder = registry.decoder(_codec(form), RATE)
    if decoder.rate == RATE:
        return lambda payload: decoder.decode(payload).copy()
    resampler = Resampler(decoder.rate, RATE)
    return lambda payload: resampler.process(decoder.decode(payload))


def _codec(form: PayloadFormat) -> str:
    name = registry.name_of(form.encoding, form.clock_rate, form.channels)
    assert name is not None, form
    return name


class ClockFace:
    """Timestamps of one source as if its clock ran at 8 kHz."""

    def __init__(self, plan: MediaPlan) -> None:
        self._clocks = {form.payload_type: form.clock_rate for form in plan.receive}
        self._unwrappers: dict[int, Unwrapper] = {}

    def read(self, ssrc: int, payload_type: int, timestamp: int) -> int:
        """The timestamp in samples of our recordings."""
        clock = self._clocks.get(payload_type, RATE)
        if clock == RATE:
            return timestamp
        unwrapped = self._unwrappers.setdefault(ssrc, Unwrapper(32)).unwrap(timestamp)
        return unwrapped * RATE // clock & TIMESTAMP_MASK
