"""What the tables of telephony say of each other: names that are not there, settings that need one another."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence

from mediaserver.config.outbound import Outbound
from mediaserver.config.phones import Phones
from mediaserver.config.routing import Rule
from mediaserver.config.trunks import TrunkSettings


def faults(
    trunks: Mapping[str, TrunkSettings],
    phones: Phones,
    users: Collection[str],
    rules: Sequence[Rule],
    outbound: Outbound,
) -> Iterator[str]:
    """One sentence a fault."""
    callers = {*phones.users, *users}
    for name in sorted(phones.users.keys() & set(users)):
        yield f"sip.users.{name}: phones.users has the same name: keep it in one of them"
    for index, rule in enumerate(rules):
        if rule.trunk is not None and rule.trunk not in trunks:
            yield f"routing.{index}.trunk is {rule.trunk!r}: {unknown('trunk', rule.trunk, trunks)}"
        if rule.phone is not None and rule.phone not in callers:
            yield f"routing.{index}.phone is {rule.phone!r}: {unknown('phone or user', rule.phone, callers)}"
    for name, trunk in trunks.items():
        yield from _trunk(name, trunk, outbound)
        if trunk.inbound_user in callers:
            yield f"trunks.{name}.inbound_user is {trunk.inbound_user!r}: a phone or user has that name; choose another"
    yield from _alike(trunks)
    yield from _namesakes(trunks)


def _trunk(name: str, trunk: TrunkSettings, outbound: Outbound) -> Iterator[str]:
    if trunk.number_format == "national" and outbound.country_code is None:
        yield f'trunks.{name}.number_format is "national": set outbound.country_code too, or choose another format'
    lost = [number for number in trunk.destinations if outbound.allow and not _overlaps(number, outbound.allow)]
    if lost:
        yield f"trunks.{name}.destinations: {', '.join(lost)} is not in outbound.allow: add it there, or leave it out"


def _alike(trunks: Mapping[str, TrunkSettings]) -> Iterator[str]:
    """Two trunks that nobody could tell apart when they call."""
    seen: dict[object, str] = {}
    for name, trunk in trunks.items():
        if trunk.domains or trunk.register_:
            continue
        for network in trunk.networks:
            other = seen.setdefault(network, name)
            if other != name:
                yield (
                    f"trunks.{name}.networks: {network} is trunks.{other}'s as well: "
                    f"set domains on both, or keep it in one of them"
                )


def _namesakes(trunks: Mapping[str, TrunkSettings]) -> Iterator[str]:
    """Two trunks that prove themselves by the same name: calls of both would be one's."""
    seen: dict[str, str] = {}
    for name, trunk in trunks.items():
        if trunk.inbound_user is None:
            continue
        other = seen.setdefault(trunk.inbound_user, name)
        if other != name:
            yield (
                f"trunks.{name}.inbound_user is {trunk.inbound_user!r}: trunks.{other} has that name as well; "
                f"give each its own"
            )


def _overlaps(prefix: str, allowed: Sequence[str]) -> bool:
    return any(prefix.startswith(each) or each.startswith(prefix) for each in allowed)


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """There is no such thing; the nearest, or all there are."""
    near = difflib.get_close_matches(name, sorted(known), 1)
    if near:
        return f"there is no {what} of that name; did you mean {near[0]}?"
    return f"there is no {what} of that name; " + (
        f"known are {', '.join(sorted(known))}" if known else "there are none"
    )
