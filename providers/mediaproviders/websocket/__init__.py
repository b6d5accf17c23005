"""What adapters that speak WebSocket have in common: sending without waiting, and without ever falling far behind.

``wire`` is a connection that plain code can write to while it is not congested; ``uplink`` the bounded queue before
it; ``address`` the way to a URL, with no proxy before this machine's own; ``errors`` says whose fault it was.
"""

from mediaproviders.websocket.address import is_loopback, way_to
from mediaproviders.websocket.uplink import Uplink, Writer
from mediaproviders.websocket.wire import CLOSE_S, MOST_BYTES, PING_S, WRITE_BYTES, Wire

__all__ = ["CLOSE_S", "MOST_BYTES", "PING_S", "WRITE_BYTES", "Uplink", "Wire", "Writer", "is_loopback", "way_to"]
