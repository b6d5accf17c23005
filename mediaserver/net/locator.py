"""From a URI to the addresses to try, in order (RFC 3263): asks the questions that `locating` poses."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from mediaserver.net.local_address import usable
from mediaserver.net.locating import (
    Domain,
    Host,
    Naptr,
    Services,
    Srv,
    Target,
    UnreachableError,
    begin,
    by_naptr,
    by_srv,
    is_address,
)
from mediaserver.sip.events import Transport
from mediaserver.sip.uri import SipUri


class Names(Protocol):
    """Who answers questions; an empty list for no such record, UnreachableError for no answer."""

    def knows(self, name: str) -> bool:
        """Whether this machine has a name without asking; then it is a host and no domain of services."""

    async def naptr(self, name: str) -> list[Naptr]:
        """The NAPTR records of a domain."""

    async def srv(self, name: str) -> list[Srv]:
        """The SRV records of a service."""

    async def addresses(self, name: str, version: int) -> list[str]:
        """The addresses of a host."""


class Locator:
    """Finds the ways to a URI. Of a host's addresses those of `versions`, in that order, which we have a route to."""

    def __init__(
        self,
        names: Names,
        choose: Callable[[int], int],
        versions: Sequence[int] = (4, 6),
        routed: Callable[[Sequence[str]], list[str]] = usable,
    ) -> None:
        """`choose(n)` gives a random number from 0 to n."""
        self._names = names
        self._choose = choose
        self._versions = versions
        self._routed = routed

    async def locate(self, uri: SipUri, able: Sequence[Transport]) -> list[Target]:
        """The targets in the order to try, never none. UnreachableError with the sentence if there is no way."""
        question = begin(uri, able)
        if isinstance(question, Domain) and self._names.knows(question.name):
            question = question.fallback.fallback
        if isinstance(question, Services) and self._names.knows(question.fallback.host):
            question = question.fallback
        if isinstance(question, Domain):
            question = by_naptr(question, await self._naptr(question.name), able)
        hosts = await self._hosts(question) if isinstance(question, Services) else [question]
        found = await asyncio.gather(*(self._addresses(host.host) for host in hosts), return_exceptions=True)
        targets: list[Target] = []
        faults: list[UnreachableError] = []
        for host, addresses in zip(hosts, found, strict=True):
            if isinstance(addresses, UnreachableError):
                faults.append(addresses)
            elif isinstance(addresses, BaseException):
                raise addresses
            else:
                targets += [Target(host.transport, address, host.port) for address in addresses]
        if not targets:
            raise faults[0] if faults else UnreachableError(f"cannot call {uri}: no server is named for it")
        return list(dict.fromkeys(targets))

    async def _hosts(self, services: Services) -> list[Host]:
        """What the services name; "." for all of them means that the domain has no SIP."""
        found = await asyncio.gather(*(self._srv(name) for _, name in services.names))
        hosts: list[Host] = []
        for (transport, _), records in zip(services.names, found, strict=True):
            hosts += by_srv(transport, records, self._choose)
        if not hosts and any(found):
            raise UnreachableError(f"{services.fallback.host} says that it has no SIP service")
        return hosts or [services.fallback]

    # Many a name server does not know these kinds of record: no answer is then as good as none.

    async def _naptr(self, name: str) -> list[Naptr]:
        try:
            return await self._names.naptr(name)
        except UnreachableError:
            return []

    async def _srv(self, name: str) -> list[Srv]:
        try:
            return await self._names.srv(name)
        except UnreachableError:
            return []

    async def _addresses(self, host: str) -> list[str]:
        if is_address(host):
            return [host]
        found = await asyncio.gather(
            *(self._names.addresses(host, version) for version in self._versions), return_exceptions=True
        )
        addresses: list[str] = []
        fault: BaseException | None = None
        for each in found:
            if isinstance(each, BaseException):
                fault = each
            else:
                addresses += each
        if not addresses:
            raise fault or UnreachableError(f"{host} has no address")
        routed = self._routed(addresses)
        if not routed:
            raise UnreachableError(f"{host} is {', '.join(addresses)}: no route there")
        return routed
