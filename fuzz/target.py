"""What is fuzzed: by name, and loaded only when it is, so that a fuzzer can watch what it imports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from fuzz.choices import Choices

TARGETS = {
    "sip_message": "SIP messages, streams of them, and what stands in their header fields",
    "sip_endpoint": "a SIP endpoint with peers, a user and time",
    "sdp": "session descriptions, offers and answers",
    "web": "what browsers send by HTTP: offers, and fragments of ICE",
    "rtp": "media sessions in every codec, and paths with SRTP, DTLS and ICE",
}
WATCHED = (
    "mediaserver.sip",
    "mediaserver.sdp",
    "mediaserver.rtp",
    "mediaserver.webrtc",
    "mediacodecs",
    "mediaserver.net.sip_ws",
    "mediaserver.call.about",
    "mediaserver.call.diversion",
    "mediaserver.call.keys",
    "mediaserver.call.number",
    "mediaserver.call.stir",
)
"""Packages whose coverage guides the fuzzer."""


@dataclass(frozen=True, slots=True)
class Target:
    """`run` fails by any exception. `seeds` are what a corpus begins with, `longest` octets one input has at most."""

    run: Callable[[Choices], None]
    seeds: Callable[[], Sequence[bytes]]
    words: Sequence[bytes]
    longest: int
    steps: int = 1
    """How many steps hypothesis goes at most."""


def load(name: str) -> Target:
    """The target of that name."""
    target = import_module(f"fuzz.{name}").TARGET
    assert isinstance(target, Target)
    return target
