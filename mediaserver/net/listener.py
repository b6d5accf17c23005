"""Where we can be reached by SIP."""

from collections.abc import Callable
from dataclasses import dataclass

from mediaserver.net.local_address import Address, Advertised
from mediaserver.net.tls import TlsSettings
from mediaserver.sip.events import Transport


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket: `address` is an IP literal and a port, 0 for any.

    An IPv6 address is for IPv6 alone: to be reached by both families, listen twice.
    """

    transport: Transport
    address: Address
    tls: TlsSettings | None = None
    """For tls and wss, where it has to have a certificate."""
    advertised: Advertised = (None, None)
    """Host and port for Via and Contact of what goes by this listener, in place of its own."""
    advertised_to: Callable[[str], str | None] | None = None
    """The same host by the address of the peer, where peers reach us by different ones."""
    origins: tuple[str, ...] | None = None
    """For ws and wss: the pages (`https://phone.example.com`) that may connect; None is any. No browser: always."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A listener that listens, and where."""

    transport: Transport
    address: Address
