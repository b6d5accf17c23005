"""The `[sip.guard]` table: what strangers may cost before they have proved to be anybody."""

from pydantic import Field

from mediaserver.config.section import Network, Section
from mediaserver.sip.scanners import SCANNERS


class Guard(Section):
    """Limits per source, which is an IPv4 address or an IPv6 /64. Trunks' and trusted networks have none."""

    trusted: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")
    """Networks that are never limited nor banned, besides trunks and `sip.allow`: proxies in front of us."""
    calls_per_s: float = Field(20.0, gt=0, le=100_000)
    """INVITE, REGISTER and the like a second from a stranger; three times as many at once are borne."""
    others_per_s: float = Field(100.0, gt=0, le=1_000_000)
    """All other messages of a stranger."""
    proven_calls_per_s: float = Field(300.0, gt=0, le=100_000)
    """The first of these for a source that has had a call or has proved to be a user; over it, 503 is answered."""
    proven_others_per_s: float = Field(3000.0, gt=0, le=1_000_000)
    """The second for such a source."""
    total_calls_per_s: float = Field(1000.0, gt=0, le=100_000)
    """INVITE, REGISTER and the like a second from all strangers together."""
    total_others_per_s: float = Field(5000.0, gt=0, le=1_000_000)
    """All other messages of all strangers together."""
    failures: int = Field(10, ge=1, le=10_000)
    """Wrong passwords within five minutes after which a source is banned."""
    ban_s: float = Field(600.0, gt=0, le=86_400)
    """How long; twice as long each further time, a day at most."""
    scanners: tuple[str, ...] = SCANNERS
    """Words in User-Agent or From that ban who sends them, without an answer; empty: none."""
