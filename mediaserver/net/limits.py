"""What connections may cost us, all together and each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections may cost; times in seconds, `buffered` in bytes not read by the peer."""

    connections: int = 2000
    """In total, those under way included."""
    per_source: int = 500
    """From one address."""
    handshakes: int = 200
    """Connections whose TLS or WebSocket handshake is not over yet."""
    handshake_s: float = 5.0
    """How long TLS and WebSocket together may take to begin."""
    message_s: float = 20.0
    """How long the rest of a message may take once it has begun."""
    idle_s: float = 300.0
    ping_s: float = 25.0
    """How often a WebSocket is pinged, for a browser cannot do it; two pings without an answer end it."""
    connect_s: float = 4.0
    buffered: int = 1 << 20
    waiting: int = 64
    """Messages that wait for one connection to be opened."""
    linger_s: float = 2.0
    """What a peer may take to read the rest on a connection we close."""
