"""Which routes lead to the same target, and which targets are called at once (RFC 3261 16.6, RFC 5626 5.3). Pure."""

from collections.abc import Sequence
from itertools import groupby

from mediaserver.call.route import Route

type Ways = list[Route]
"""All routes to one target, in the order to try."""


def target_sets(routes: Sequence[Route]) -> list[list[Ways]]:
    """One set after the other is to be called, and all targets of a set at once."""
    return [
        [list(of_rank)] if rank is None else _by_device(list(of_rank))
        for rank, of_rank in groupby(routes, key=lambda route: route.rank)
    ]


def _by_device(routes: Ways) -> list[Ways]:
    targets: dict[object, Ways] = {}
    for route in routes:
        targets.setdefault(id(route) if route.device is None else route.device, []).append(route)
    return list(targets.values())
