"""SRTP and SRTCP (RFC 3711) for every suite we agree on: one object for each direction, behind one face."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from pylibsrtp import Error, Policy, Session, ffi  # type: ignore[attr-defined]

from mediaserver.webrtc.counter_mode import CounterModeOpener, CounterModeSealer

LARGEST_PACKET = 2048
"""Octets of what can be sealed or opened: as much as our sockets take. The library's own room is for 1500."""
_LARGEST_TRAILER = 148

_LIBRARY: Mapping[str, int] = MappingProxyType({
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
})  # fmt: skip
"""What libsrtp does. It knows AES_256_CM, too, but its binding gives no way to ask for it."""
_OUR_TAGS: Mapping[str, int] = MappingProxyType({"AES_256_CM_HMAC_SHA1_80": 10, "AES_256_CM_HMAC_SHA1_32": 4})
"""Octets of the authentication tag in the suites we do ourselves (RFC 6188)."""
UNSEALABLE = (ValueError, Error)
"""What sealing raises: for what is no packet, too long, or older than what the key was used for already."""
_REPLAYED = frozenset({"replay check failed (bad index)", "replay check failed (index too old)"})


class Sealer(Protocol):
    """Encrypts and signs what we send. Raises UNSEALABLE."""

    def rtp(self, packet: bytes) -> bytes:
        """An RTP packet, sealed."""

    def rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet, sealed."""


class Opener(Protocol):
    """Verifies and decrypts what comes. None for what is not the peer's, or has been opened before."""

    unauthentic: int
    """Packets that were not signed with the peer's key."""
    replayed: int
    """Packets that had come before, or far too late to tell."""

    def rtp(self, packet: bytes) -> bytes | None:
        """The RTP packet."""

    def rtcp(self, packet: bytes) -> bytes | None:
        """The RTCP packet."""


def sealer(suite: str, key: bytes) -> Sealer:
    """For what we send; `key` is master key and salt. Raises KeyError for an unknown suite, ValueError for the key."""
    if (tag := _OUR_TAGS.get(suite)) is not None:
        return CounterModeSealer(key, tag)
    return _LibrarySealer(_session(suite, key, Policy.SSRC_ANY_OUTBOUND))


def opener(suite: str, key: bytes) -> Opener:
    """For what the peer sends. Raises as `sealer` does."""
    if (tag := _OUR_TAGS.get(suite)) is not None:
        return CounterModeOpener(key, tag)
    return _LibraryOpener(_session(suite, key, Policy.SSRC_ANY_INBOUND))


def _session(suite: str, key: bytes, direction: int) -> Session:
    session = Session(Policy(key=key, ssrc_type=direction, srtp_profile=_LIBRARY[suite]))
    # Room for the packets of L16 and of long frames, which go beyond an Ethernet frame.
    session._cdata = ffi.new("char[]", LARGEST_PACKET + _LARGEST_TRAILER)
    session._buffer = ffi.buffer(session._cdata)
    return session


class _LibrarySealer:
    __slots__ = ("rtcp", "rtp")

    def __init__(self, session: Session) -> None:
        self.rtp = session.protect
        self.rtcp = session.protect_rtcp


class _LibraryOpener:
    __slots__ = ("_rtcp", "_rtp", "replayed", "unauthentic")

    def __init__(self, session: Session) -> None:
        self._rtp = session.unprotect
        self._rtcp = session.unprotect_rtcp
        self.unauthentic = 0
        self.replayed = 0

    def rtp(self, packet: bytes) -> bytes | None:
        try:
            return self._rtp(packet)
        except (Error, ValueError) as error:
            self._count(error)
            return None

    def rtcp(self, packet: bytes) -> bytes | None:
        try:
            return self._rtcp(packet)
        except (Error, ValueError) as error:
            self._count(error)
            return None

    def _count(self, error: Exception) -> None:
        if str(error) in _REPLAYED:
            self.replayed += 1
        else:
            self.unauthentic += 1
