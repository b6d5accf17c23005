"""What every call needs to know of the configuration."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mediaserver.sdp.negotiate import Capabilities


@dataclass(frozen=True, slots=True)
class CallSettings:
    """A call's part of the configuration. Times in seconds."""

    capabilities: Capabilities = field(default_factory=Capabilities)
    """For calls that no trunk is known for."""
    answer_deadline_s: float = 8.0
    max_call_s: float = 3600.0
    retry_after_s: int = 5
    early_media: bool = False
    """Open the stream to a caller before the answer (183 with our description)."""
    ring_timeout_s: float = 60.0
    """How long a call of ours may ring."""
    response_timeout_s: float = 6.0
    """After so long without any response, the next way out is tried, if there is one."""
    transfer_timeout_s: float = 45.0
    """How long a transfer by REFER may take from the peer's 202 to the end it tells of."""
    transfer_fallback: bool = True
    """Where the peer will not take a REFER, make the transfer by a second call; or join the two that there are."""
    transfer_hold: bool = False
    """Put a caller on hold while whom it is to be put through to is called first."""
    fingerprint: str | None = None
    """Of the certificate the media plane shows in DTLS, as "sha-256 AB:…"; None: media by DTLS-SRTP are refused."""
    browser_hosts: Callable[[str], tuple[str, ...]] | None = None
    """At which of our addresses the browser at an IP address reaches the port they all share; None: there is none."""
    accept_transfers: bool = False
    """Follow a REFER of the peer, within what may be called at all."""
