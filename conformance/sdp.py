"""Session descriptions in a few words: `PCMU telephone-event`, with SIPp's keywords for addresses and ports."""

from collections.abc import Sequence

CODECS = {
    "PCMU": ("0", "PCMU/8000"),
    "GSM": ("3", "GSM/8000"),
    "PCMA": ("8", "PCMA/8000"),
    "G722": ("9", "G722/8000"),
    "CN": ("13", "CN/8000"),
    "G729": ("18", "G729/8000"),
    "telephone-event": ("101", "telephone-event/8000"),
    "opus": ("111", "opus/48000/2"),
    "L16": ("112", "L16/16000"),
}
"""Payload type, unless another is given as `NAME=TYPE`, and encoding."""


def describe(
    formats: str,
    *,
    version: int = 1,
    at: str = "[media_ip]",
    port: str = "[media_port]",
    profile: str = "RTP/AVP",
    direction: str = "sendrecv",
    more: Sequence[str] = (),
) -> list[str]:
    """The lines of an offer or answer of one audio stream. `more` are lines after it: attributes, or other streams."""
    chosen = []
    for word in formats.split():
        name, _, payload_type = word.partition("=")
        usual, encoding = CODECS[name]
        chosen.append((payload_type or usual, encoding))
    lines = [
        "v=0",
        f"o=sipp 2890844526 {version} IN IP[media_ip_type] [media_ip]",
        "s=-",
        f"c=IN IP[media_ip_type] {at}",
        "t=0 0",
        f"m=audio {port} {profile} {' '.join(payload_type for payload_type, _ in chosen)}",
        *(f"a=rtpmap:{payload_type} {encoding}" for payload_type, encoding in chosen),
        *(f"a=fmtp:{payload_type} 0-15" for payload_type, encoding in chosen if encoding.startswith("telephone")),
        f"a={direction}",
    ]
    return [*lines, *more]
