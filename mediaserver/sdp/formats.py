"""What a stream's payload types mean (RFC 3551, RFC 4566 6, RFC 4733 2.4)."""

from mediaserver.sdp.plan import PayloadFormat
from mediaserver.sdp.session import Attributes, MediaDescription

TELEPHONE_EVENT = "TELEPHONE-EVENT"
COMFORT_NOISE = "CN"
_LOWER_CASE = ("OPUS", TELEPHONE_EVENT)  # as their RFCs write them: case has no meaning, but not everybody knows

STATIC = {
    form.payload_type: form
    for form in (
        PayloadFormat(0, "PCMU", 8000),
        PayloadFormat(3, "GSM", 8000),
        PayloadFormat(4, "G723", 8000),
        PayloadFormat(8, "PCMA", 8000),
        PayloadFormat(9, "G722", 8000),
        PayloadFormat(13, COMFORT_NOISE, 8000),
        PayloadFormat(18, "G729", 8000),
    )
}
"""Payload types that need no rtpmap (RFC 3551 6), as far as telephony uses them."""

BY_ENCODING = {form.encoding: form for form in STATIC.values()}


def _decimal(text: str, largest: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) > largest:
        return None
    return int(text)


def _mapped(value: str, payload_type: int) -> PayloadFormat | None:
    """The right-hand side of an rtpmap; None if it is not encoding/clock[/channels]."""
    encoding, _, rest = value.partition("/")
    clock, _, channels = rest.partition("/")
    rate = _decimal(clock.strip(), 10_000_000)
    count = _decimal(channels.strip(), 255) if channels else 1
    if not encoding or not rate or not count:
        return None
    return PayloadFormat(payload_type, encoding.strip().upper(), rate, count)


def _by_type(attributes: Attributes, name: str) -> dict[str, str]:
    """Values of `a=name:type value`, the first for each type."""
    found: dict[str, str] = {}
    for known, value in attributes:
        if known == name and value is not None:
            payload_type, _, rest = value.strip().partition(" ")
            found.setdefault(payload_type, rest.strip())
    return found


def payload_formats(media: MediaDescription, known: dict[int, PayloadFormat] | None = None) -> list[PayloadFormat]:
    """The stream's formats in its order of preference, without those nothing is known of.

    An rtpmap goes before the static meaning. `known` explains dynamic types a peer left unexplained in its answer.
    """
    maps, parameters = _by_type(media.attributes, "rtpmap"), _by_type(media.attributes, "fmtp")
    formats: dict[int, PayloadFormat] = {}
    for text in media.formats:
        payload_type = _decimal(text, 127)
        if payload_type is None or payload_type in formats:
            continue
        if text in maps:
            found = _mapped(maps[text], payload_type)
        else:
            found = STATIC.get(payload_type) or (known or {}).get(payload_type)
        if found is not None:
            formats[payload_type] = PayloadFormat(
                payload_type, found.encoding, found.clock_rate, found.channels, parameters.get(text) or None
            )
    return list(formats.values())


def format_attributes(form: PayloadFormat) -> Attributes:
    """The rtpmap and, if it has parameters, fmtp of one format."""
    encoding = form.encoding.lower() if form.encoding in _LOWER_CASE else form.encoding
    channels = f"/{form.channels}" if form.channels > 1 else ""
    rtpmap = ("rtpmap", f"{form.payload_type} {encoding}/{form.clock_rate}{channels}")
    if form.fmtp is None:
        return (rtpmap,)
    return rtpmap, ("fmtp", f"{form.payload_type} {form.fmtp}")


def covers_event(fmtp: str | None, event: int) -> bool:
    """Whether a telephone-event's parameters list an event; without parameters 0-15 are meant (RFC 4733 2.4.1)."""
    if fmtp is None:
        return event <= 15
    for item in fmtp.removeprefix("events=").split(","):
        low, dash, high = item.strip().partition("-")
        start = _decimal(low.strip(), 255)
        end = _decimal(high.strip(), 255) if dash else start
        if start is not None and end is not None and start <= event <= end:
            return True
    return False
