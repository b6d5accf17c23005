"""The guard of the SIP ports by configuration: whom it trusts, and what it logs."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

import structlog

from mediaserver.call.trunks import Trunks
from mediaserver.config.guard import Guard as Limits
from mediaserver.config.network import Networks
from mediaserver.sip.guard import Guard, GuardSettings, Notice

_SMALLEST_PREFIX = 8
"""A network larger than that is no circle of friends."""


def guard_of(limits: Limits, allow: Iterable[str], trunks: Trunks) -> Guard:
    """A guard that trusts the trunks and the networks of the settings."""
    friends = Networks.of(_circles([*limits.trusted, *allow]))

    def trusted(address: str) -> bool:
        return friends.width(address) >= 0 or trunks.are_at(address, _SMALLEST_PREFIX)

    given = limits.model_dump(exclude={"trusted"})
    return Guard(GuardSettings(**given), trusted, _log)


def _circles(networks: Iterable[str]) -> Iterator[str]:
    return (each for each in networks if ip_network(each, strict=False).prefixlen >= _SMALLEST_PREFIX)


def _log(notice: Notice) -> None:
    log = structlog.get_logger()
    if notice.what == "flood":
        log.warning("sip.flood", source=notice.source, message="over the limit: its requests are refused or dropped")
    else:
        why = "a scanner" if notice.what == "scanner" else "wrong passwords"
        log.warning("sip.banned", source=notice.source, why=why, seconds=round(notice.seconds))
