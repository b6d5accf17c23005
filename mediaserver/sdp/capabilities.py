"""What we can do on an audio stream, and the payload formats that say so."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mediacodecs import registry
from mediacodecs.codec import CodecSpec
from mediacodecs.opus import OpusWishes
from mediaserver.sdp.formats import BY_ENCODING, COMFORT_NOISE, TELEPHONE_EVENT, covers_event
from mediaserver.sdp.plan import MediaPlan, PayloadFormat

_EVENT_TYPE = 101
_DYNAMIC = range(96, 128)
_EVENT_CLOCK = 8000


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What we can do on an audio stream.

    `codecs` are names of the registry in the order we offer them; a bare "L16" offers 16 kHz and takes 8 kHz, too. An
    offer is answered in its own order, as RFC 3264 6.1 has it, unless `own_order`. Comfort noise is accepted when
    offered if `comfort_noise`, and offered by us only if `offer_comfort_noise` too: agreeing to it allows us to leave
    silence out, as it does for Opus to be asked for discontinuous transmission. `ptimes` are the packet times in ms we
    can send; `default_ptime` is used when the peer has no wish.
    """

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    events: bool = True
    comfort_noise: bool = True
    offer_comfort_noise: bool = False
    ptimes: tuple[int, ...] = (10, 20, 30, 40, 50, 60)
    default_ptime: int = 20
    own_order: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.codecs if name != "L16" and name not in registry.SPECS]
        if unknown or not self.codecs:
            raise ValueError(f"unknown or no codecs: {unknown}")
        if self.default_ptime not in self.ptimes:
            raise ValueError(f"default ptime {self.default_ptime} is not among {self.ptimes}")

    def speaks(self, form: PayloadFormat) -> bool:
        """Whether this is one of our codecs, with the clock rate and the channels it must have."""
        return registry.name_of(form.encoding, form.clock_rate, form.channels) in registry.expanded(self.codecs)

    def ordered(self, audio: tuple[PayloadFormat, ...]) -> tuple[PayloadFormat, ...]:
        """The formats of an offer in the order of our answer."""
        if not self.own_order:
            return audio
        names = registry.expanded(self.codecs)
        places = {name: place for place, name in enumerate(names)}
        return tuple(sorted(audio, key=lambda form: places[_name(form)]))

    def ptime(self, asked: int | None, largest: int | None, form: PayloadFormat) -> int:
        """The packet time in ms to send: what was asked for if we and the codec can, else the default or less."""
        can = [ms for ms in self.ptimes if ms in registry.spec(_name(form)).ptimes]
        allowed = [ms for ms in can if largest is None or ms <= largest]
        if asked in allowed:
            return asked
        shorter = [ms for ms in allowed or can if ms <= self.default_ptime]
        if not allowed:  # nobody can send so short packets
            return max(shorter, default=min(can, default=self.default_ptime))
        return max(shorter, default=min(allowed))

    def offered(self, agreed: MediaPlan | None = None) -> list[PayloadFormat]:
        """All we can do, for an offer. What was `agreed` before goes first, by the numbers it has (RFC 3264 8.3.2)."""
        kept = () if agreed is None else tuple(form for form in agreed.receive if self.speaks(form))
        events = {} if agreed is None else dict(agreed.events_receive)
        noise = None if agreed is None else agreed.comfort_noise_receive
        taken = {form.payload_type for form in kept} | set(events) | {noise, _EVENT_TYPE}
        free = (number for number in _DYNAMIC if number not in taken)
        fresh = (spec for spec in map(registry.spec, self.codecs) if not _has(kept, spec))
        audio = [self.described(form, self.offer_comfort_noise) for form in kept]
        audio += [self._format(spec, free) for spec in fresh]
        formats = list(audio)
        if self.events:
            formats += _events(audio, events, free)
        if self.comfort_noise and self.offer_comfort_noise:
            formats += _noise(audio[0].clock_rate, noise, free)
        return formats

    def described(self, form: PayloadFormat, discontinuous: bool) -> PayloadFormat:
        """A codec with the parameters we want it to be sent with; `discontinuous`: silence need not be."""
        if form.encoding != "OPUS":
            return form
        # Nothing we hand the audio on to hears more than 12 kHz (RFC 7587 6.1).
        fmtp = "maxplaybackrate=24000;sprop-maxcapturerate=24000;useinbandfec=1"
        return replace(form, fmtp=f"{fmtp};usedtx=1" if discontinuous else fmtp)

    def answered(self, form: PayloadFormat) -> PayloadFormat:
        """The same in an answer: as the peer has it with silence, if we may."""
        return self.described(form, self.comfort_noise and OpusWishes.of(form.fmtp).dtx)

    def heeded(self, form: PayloadFormat) -> PayloadFormat:
        """What we send, with what the peer said of its parameters, as far as we go along with it."""
        if self.comfort_noise or form.encoding != "OPUS" or form.fmtp is None:
            return form
        return replace(form, fmtp=form.fmtp.replace("usedtx=1", "usedtx=0"))

    def _format(self, spec: CodecSpec, free: Iterator[int]) -> PayloadFormat:
        number = next(free) if spec.payload_type is None else spec.payload_type
        form = PayloadFormat(number, spec.name, spec.clock_rate, spec.channels)
        return self.described(form, self.offer_comfort_noise)


def _name(form: PayloadFormat) -> str:
    name = registry.name_of(form.encoding, form.clock_rate, form.channels)
    assert name is not None
    return name


def _has(kept: tuple[PayloadFormat, ...], spec: CodecSpec) -> bool:
    return any((form.encoding, form.clock_rate) == (spec.name, spec.clock_rate) for form in kept)


def _events(audio: list[PayloadFormat], known: dict[int, int], free: Iterator[int]) -> list[PayloadFormat]:
    """Telephone-events by every clock the codecs have, 8000 Hz first: they keep to that of the audio (RFC 4733 2.3)."""
    numbers = {clock: number for number, clock in known.items()}
    clocks = sorted({_EVENT_CLOCK} | {form.clock_rate for form in audio})
    if _EVENT_TYPE not in known:
        numbers.setdefault(_EVENT_CLOCK, _EVENT_TYPE)
    return [
        PayloadFormat(numbers[clock] if clock in numbers else next(free), TELEPHONE_EVENT, clock, fmtp="0-16")
        for clock in clocks
    ]


def _noise(clock_rate: int, known: int | None, free: Iterator[int]) -> list[PayloadFormat]:
    """Comfort noise by the clock of the first codec; Opus does without (RFC 7587 3.1.3)."""
    if clock_rate == BY_ENCODING[COMFORT_NOISE].clock_rate:
        return [BY_ENCODING[COMFORT_NOISE] if known is None else PayloadFormat(known, COMFORT_NOISE, clock_rate)]
    if clock_rate == registry.spec("OPUS").clock_rate:
        return []
    return [PayloadFormat(next(free) if known is None else known, COMFORT_NOISE, clock_rate)]


def companion(formats: list[PayloadFormat], encoding: str, clock_rate: int) -> PayloadFormat | None:
    """Noise must run on the clock of the audio it accompanies (RFC 3389 4)."""
    return next((form for form in formats if form.encoding == encoding and form.clock_rate == clock_rate), None)


def events_beside(formats: list[PayloadFormat], audio: tuple[PayloadFormat, ...]) -> tuple[PayloadFormat, ...]:
    """The events to agree to: by the clocks of the audio (RFC 4733 2.3), that of the first codec first.

    Many a phone that speaks Opus knows events by 8000 Hz alone: they are taken where there are no better ones.
    """
    clocks = list(dict.fromkeys(form.clock_rate for form in audio))
    found = [companion(formats, TELEPHONE_EVENT, clock) for clock in clocks]
    agreed = [form for form in found if form is not None]
    if found[0] is None:
        other = companion(formats, TELEPHONE_EVENT, _EVENT_CLOCK)
        agreed += [] if other is None or other in agreed else [other]
    return tuple(agreed)


def announced(event: PayloadFormat) -> PayloadFormat:
    """The events we take: digits, and the hook flash if the peer spoke of it."""
    return replace(event, fmtp="0-16" if covers_event(event.fmtp, 16) else "0-15")


def spoken_of(formats: list[PayloadFormat]) -> str:
    """The codecs among a peer's formats, for an error's sentence."""
    names = dict.fromkeys(form.encoding for form in formats if form.encoding not in (TELEPHONE_EVENT, COMFORT_NOISE))
    return ", ".join(names) or "none we know"
