"""The ways to a SIP URI: as the DNS has them, by what we listen on, those that have failed of late at the end."""

import random

from mediaserver.net.avoided import Avoided
from mediaserver.net.connections import Connections
from mediaserver.net.dns import Dns, DnsSettings
from mediaserver.net.local_address import LocalAddresses
from mediaserver.net.locating import Target, UnreachableError, is_address
from mediaserver.net.locator import Locator
from mediaserver.net.ports import ListeningPorts
from mediaserver.sip.events import Flow, Transport
from mediaserver.sip.uri import SipUri

_BY_CONNECTION: tuple[Transport, ...] = ("tcp", "tls", "ws", "wss")


class Ways:
    """Makes flows of what the locator finds."""

    def __init__(
        self,
        dns: DnsSettings,
        versions: tuple[int, ...],
        ports: ListeningPorts,
        addresses: LocalAddresses,
        connections: Connections,
    ) -> None:
        self._locator = Locator(Dns(dns), lambda most: random.randint(0, most), versions)
        self._avoided = Avoided()
        self._ports = ports
        self._addresses = addresses
        self._connections = connections

    async def to(self, target: SipUri, profile: str, now: float) -> list[Flow]:
        """The flows to try, in this order, never none. OSError with the sentence if so."""
        able: tuple[Transport, ...] = ("udp", *_BY_CONNECTION) if self._ports.has_udp else _BY_CONNECTION
        targets = await self._locator.locate(target, able)
        name = "" if is_address(target.host) else target.host.lower()
        flows = [flow for each in targets if (flow := self._flow(each, name, profile)) is not None]
        if not flows:
            raise UnreachableError(f"cannot call {target}: no UDP socket of the family of {targets[0].host}")
        return self._avoided.last(flows, now)

    def avoid(self, flow: Flow, seconds: float, now: float) -> None:
        """Name this target last for a while."""
        self._avoided.avoid(flow, seconds, now)

    def _flow(self, target: Target, name: str, profile: str) -> Flow | None:
        remote = target.host, target.port
        if target.transport != "udp":
            return self._connections.flow_to(target.transport, remote, name, profile)
        local = self._addresses.best("udp", target.host)
        return None if local is None else Flow("udp", remote, local.towards(target.host))
