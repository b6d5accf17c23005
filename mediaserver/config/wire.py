"""The `[sip.connections]` and `[sip.dns]` tables: what connections may cost, and how names are looked up."""

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mediaserver.config.section import Section, split_host


def _server(text: str) -> str:
    """A name server with its port."""
    host, _, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "53")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        usable = port.isdigit() and 0 < int(port) <= 65535
    except ValueError:
        usable = False
    if not usable:
        raise ValueError('write the IP address of a name server, as in "192.0.2.53", "192.0.2.53:5353" or "[::1]:53"')
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


class Connections(Section):
    """Limits of TCP, TLS and WebSocket connections."""

    total: int = Field(2000, ge=1, le=100_000)
    """How many there may be."""
    per_source: int = Field(500, ge=1, le=100_000)
    """How many one address may open."""
    handshakes: int = Field(200, ge=1, le=100_000)
    """How many may be in their TLS or WebSocket handshake."""
    handshake_s: float = Field(5.0, gt=0, le=120)
    """Seconds TLS and WebSocket may take to begin."""
    message_s: float = Field(20.0, gt=0, le=600)
    """Seconds the rest of a message may take once it has begun."""
    idle_s: float = Field(300.0, ge=1, le=86_400)
    """Seconds after which a silent connection is closed that no call and no phone is bound to."""
    ping_s: float = Field(25.0, ge=1, le=3600)
    """Seconds between the pings of a WebSocket; two without an answer end it."""
    connect_s: float = Field(4.0, gt=0, le=120)
    """Seconds a connection of ours may take to open."""


class Dns(Section):
    """How the names of trunks and callees are looked up (RFC 3263)."""

    servers: tuple[Annotated[str, AfterValidator(_server)], ...] = ()
    """Name servers, as "192.0.2.53" or "192.0.2.53:5353"; empty: those of the system."""
    timeout_s: float = Field(2.5, gt=0, le=60)
    """Seconds a question may take, repetitions included."""
    versions: tuple[Literal[4, 6], ...] = Field((4, 6), min_length=1)
    """IP versions names are called in, the preferred one first."""

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """The name servers."""
        return tuple(split_host(each) for each in self.servers)
