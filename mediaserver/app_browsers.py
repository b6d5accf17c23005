"""The media of browsers in the composition: the port they share, and our addresses that each of them is told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from errno import EADDRINUSE
from ipaddress import ip_address
from typing import Final

import structlog

from mediaserver.config import Settings
from mediaserver.config.network import Networks
from mediaserver.net.interfaces import Interfaces
from mediaserver.net.local_address import source_towards
from mediaserver.webrtc.patience import Patience
from mediaserver.webrtc.shared_port import BrowserPort

_MOST_HOSTS: Final = 8
"""Each costs the browser checks."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Our addresses for a browser: what is `advertised` to its network, else those we are `listening` at."""

    listening: tuple[str, ...]
    advertised: Networks[str] | None
    interfaces: Callable[[], list[str]]
    source: Callable[[str], str | None] = source_towards

    def towards(self, peer: str) -> tuple[str, ...]:
        """Those the browser at an IP address may reach, the likeliest first. Loopback is for who is there too."""
        local = ip_address(peer.partition("%")[0]).is_loopback
        own = [each for each in self._own() if ip_address(each).is_loopback <= local]
        advertised = None if self.advertised is None else self.advertised.at(peer)
        if advertised is not None:
            found = [advertised, *(each for each in own if ip_address(each).is_loopback)]
        else:
            likely, version = self.source(peer), ip_address(peer.partition("%")[0]).version
            found = sorted(own, key=lambda each: (each != likely, ip_address(each).version != version))
        return tuple(dict.fromkeys(found))[:_MOST_HOSTS] or self.listening[:1]

    def _own(self) -> list[str]:
        given = [ip_address(each) for each in self.listening]
        open_to_all = {each.version for each in given if each.is_unspecified}
        known = self.interfaces() if open_to_all else []
        return [str(each) for each in given if not each.is_unspecified] + [
            each for each in known if ip_address(each).version in open_to_all
        ]


class Browsers:
    """What the settings say of it. `on`: browsers may come, and share a port."""

    def __init__(self, settings: Settings) -> None:
        given, sip = settings.webrtc, settings.sip
        comes = bool(settings.http.address or sip.ws or sip.wss)
        self._listening = given.listening(settings.rtp.address) if comes else []
        self._dscp = settings.rtp.dscp
        self._chosen = given.chosen
        self._port: BrowserPort | None = None
        self._log = structlog.get_logger()
        advertise = given.advertise or sip.advertise
        hosts = tuple(host for host, _ in self._listening)
        self._hosts = Hosts(hosts, Networks(advertise) if advertise else None, Interfaces().addresses)
        self.patience = Patience(connect_s=given.connect_s, consent_s=given.consent_s)

    @property
    def hosts(self) -> Callable[[str], tuple[str, ...]] | None:
        """At which of our addresses the browser at an IP address reaches the port; None: there is none."""
        return self._hosts.towards if self._listening else None

    def open(self, loop: asyncio.AbstractEventLoop) -> BrowserPort | None:
        """The port; None if there is none. Raises OSError that says what to do if it cannot be had."""
        if not self._listening:
            return None
        port = self._listening[0][1]
        try:
            self._port = self._bound(loop, port)
        except OSError as error:
            if self._chosen or error.errno != EADDRINUSE:
                raise OSError(error.errno, self._fault(port, error)) from None
            self._port = self._bound(loop, 0)
            message = f"udp port {port} is in use: browsers are told {self._port.number}; set webrtc.udp to keep one"
            self._log.warning("webrtc.port", message=message)
        return self._port

    def close(self) -> None:
        """Close it, when the last call is over."""
        if self._port is not None:
            self._port.close()

    def address(self) -> dict[str, str]:
        """Where it listens, for the log."""
        port = self._port
        if port is None:
            return {}
        return {"webrtc_udp": ", ".join(f"[{each}]:{port.number}" if ":" in each else f"{each}:{port.number}"
                                        for each in port.hosts)}  # fmt: skip

    @property
    def places(self) -> int:
        """Browsers that have a place on it."""
        return 0 if self._port is None else self._port.places

    def counters(self) -> dict[str, int]:
        """What came to the port and was nobody's, if anything did."""
        return {"webrtc_strangers": self._port.strangers} if self._port is not None and self._port.strangers else {}

    def _bound(self, loop: asyncio.AbstractEventLoop, port: int) -> BrowserPort:
        host, *more = self._hosts.listening
        return BrowserPort(loop, host, port, also=more, dscp=self._dscp)

    def _fault(self, port: int, error: OSError) -> str:
        where = ", ".join(self._hosts.listening)
        return (
            f"cannot listen for browsers on udp port {port} of {where} (webrtc.udp): {error.strerror}; "
            f'give an address of this machine and a free port, or "" for two of rtp.ports for each browser'
        )
