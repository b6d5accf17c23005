"""Which trunks a number is called by, and in which order."""

from collections.abc import Callable, Iterable

from mediaserver.call.number import begins
from mediaserver.call.policy import ToNumber
from mediaserver.call.route import RouteRefusedError
from mediaserver.call.trunk import Trunk


def choose(
    trunks: Iterable[Trunk],
    destination: ToNumber,
    named: str | None,
    incoming: Callable[[str], int],
    now: float,
) -> list[Trunk]:
    """Those that are there and have room: the longest beginning of the number first, then by priority.

    `named`: only this trunk. `incoming` counts the calls that came by a trunk. Raises RouteRefusedError.
    """
    fitting = _fitting(trunks, destination, named)
    if not fitting:
        raise RouteRefusedError(
            f"no trunk takes {destination.number}: a trunk with a host, and with it in destinations, would",
            code="trunk-unknown",
        )
    there = [trunk for trunk in fitting if trunk.available(now)]
    if not there:
        raise RouteRefusedError(f"{_listed(fitting)} cannot be reached now: try again later", code="trunk-down")
    free = [trunk for trunk in there if trunk.has_room(incoming)]
    if not free:
        raise RouteRefusedError(
            f"{_listed(there)} has as many calls as it may: trunks.{there[0].name}.max_calls would allow more",
            code="trunk-busy",
        )
    return free


def _fitting(trunks: Iterable[Trunk], destination: ToNumber, named: str | None) -> list[Trunk]:
    found = []
    for trunk in trunks:
        settings = trunk.settings
        fit = begins(destination.number, settings.destinations) if settings.destinations else 0
        wanted = named in (None, trunk.name) and destination.host in (None, settings.host, settings.domain)
        if settings.calls_out and wanted and fit >= 0:
            found.append((-fit, settings.priority, trunk))
    return [trunk for _, _, trunk in sorted(found, key=lambda each: each[:2])]


def _listed(trunks: list[Trunk]) -> str:
    return ", ".join(trunk.name for trunk in trunks)
