"""Questions to the DNS: NAPTR, SRV, addresses; each asked once at a time and kept as long as its answer allows."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from mediaserver.net.hosts import HostsFile
from mediaserver.net.local_address import Address
from mediaserver.net.locating import Naptr, Srv, UnreachableError

_RESOLV_CONF = "/etc/resolv.conf"
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Whom to ask, and how long answers count; times in seconds."""

    servers: tuple[Address, ...] = ()
    """Name servers; none: those of the system."""
    timeout_s: float = 2.5
    """For one question, repetitions included."""
    longest_s: float = 86400.0
    """What a record may claim to live at most."""
    nothing_s: float = 30.0
    """How long it counts that there is no such record."""
    failure_s: float = 5.0
    """How long nobody is asked again after no answer."""
    stale_s: float = 86400.0
    """How long an outdated answer is good while no server answers (RFC 8767)."""
    hosts: str = "/etc/hosts"


@dataclass(slots=True)
class _Known:
    records: list[Any]
    until: float
    stale_until: float


type _Question = tuple[str, str]


class Dns:
    """Answers out of memory while they live. An empty list: there is no such record."""

    def __init__(self, settings: DnsSettings | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings or DnsSettings()
        self._clock = clock
        self._known: dict[_Question, _Known] = {}
        self._asked: dict[_Question, asyncio.Task[list[Any]]] = {}
        self._failed: dict[_Question, float] = {}
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._resolver_of: float | None = None
        self.hosts = HostsFile(self._settings.hosts)

    def knows(self, name: str) -> bool:
        """Whether the hosts file has the name."""
        return bool(self.hosts.addresses(name))

    async def naptr(self, name: str) -> list[Naptr]:
        """The NAPTR records of a domain. UnreachableError if nobody answers."""
        return [
            Naptr(each.order, each.preference, each.flags.decode(), each.service.decode(), _plain(each.replacement))
            for each in await self._ask(name, "NAPTR")
        ]

    async def srv(self, name: str) -> list[Srv]:
        """The SRV records of a service. UnreachableError if nobody answers."""
        return [
            Srv(each.priority, each.weight, each.port, _plain(each.target)) for each in await self._ask(name, "SRV")
        ]

    async def addresses(self, name: str, version: int) -> list[str]:
        """The addresses of a host of one family, 4 or 6, the hosts file first. UnreachableError if nobody answers."""
        if own := self.hosts.addresses(name):
            return [address for address in own if (":" in address) == (version == 6)]
        return [each.address for each in await self._ask(name, "AAAA" if version == 6 else "A")]

    async def _ask(self, name: str, kind: str) -> list[Any]:
        question, now = (name.lower().rstrip("."), kind), self._clock()
        known = self._known.get(question)
        if known is not None and now < known.until:
            return known.records
        if now < self._failed.get(question, now):
            return self._stale(known, now, question)
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.get_running_loop().create_task(self._look_up(question))
            task.add_done_callback(lambda _: self._asked.pop(question, None))
        try:
            # Whoever else waits for the same answer still does when this one gives up.
            return await asyncio.shield(task)
        except UnreachableError:
            return self._stale(known, self._clock(), question)

    @staticmethod
    def _stale(known: _Known | None, now: float, question: _Question) -> list[Any]:
        if known is not None and now < known.stale_until:
            return known.records
        raise UnreachableError(f"no name server answers for {question[0]} ({question[1]})")

    async def _look_up(self, question: _Question) -> list[Any]:
        settings = self._settings
        try:
            answer = await self._resolving().resolve(
                question[0],
                question[1],
                raise_on_no_answer=False,
                # Short names are completed by the domains of the system for hosts; services are named in full.
                search=question[1] in ("A", "AAAA"),
                lifetime=settings.timeout_s,
            )
            records = list(answer.rrset or ())
            lives = min(answer.chaining_result.minimum_ttl, settings.longest_s) if records else settings.nothing_s
        except dns.resolver.NXDOMAIN:
            records, lives = [], settings.nothing_s
        except (dns.exception.DNSException, OSError, ValueError):
            self._failed[question] = self._clock() + settings.failure_s
            raise UnreachableError from None
        now = self._clock()
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
            self._failed.clear()
        self._failed.pop(question, None)
        self._known[question] = _Known(records, now + lives, now + lives + settings.stale_s)
        return records

    def _resolving(self) -> dns.asyncresolver.Resolver:
        """The resolver, made anew when the system's configuration has changed. DNSException without any."""
        settings = self._settings
        if settings.servers:
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver(configure=False)
                self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in settings.servers]
            return self._resolver
        try:
            changed = Path(_RESOLV_CONF).stat().st_mtime
        except OSError:
            changed = -1.0
        if self._resolver is None or changed != self._resolver_of:
            self._resolver, self._resolver_of = dns.asyncresolver.Resolver(), changed
        return self._resolver


def _plain(name: Any) -> str:
    return str(name).rstrip(".").lower() or "."
