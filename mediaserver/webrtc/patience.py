"""How long a peer is waited for whose media are protected or found by checks."""

from dataclasses import dataclass

from mediaserver.webrtc.ice_lite import CONSENT_S


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds."""

    connect_s: float = 10.0
    """From an agreement until its checks have found a way and its handshake has given keys."""
    consent_s: float = CONSENT_S
    """Without a sign of the peer, until nothing is sent to it any more (RFC 7675)."""
    leave_s: float = 2.0
    """After the peer has closed its media (DTLS close_notify), until it has left: signalling may say it first."""


USUAL = Patience()
"""Unless told otherwise."""
