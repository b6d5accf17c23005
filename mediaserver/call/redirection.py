"""Where a 3xx sends a call of ours (RFC 3261 8.1.3.4, 20.10)."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from mediaserver.call.route import Route, RouteRefusedError, Routes, Wanted
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.uri import NameAddr

_MOST = 5
"""Redirections of one call; who wants more is going in circles."""


class Redirections:
    """Those of one call for `wanted`: nowhere is gone twice, and only where we may call anyway."""

    def __init__(self, routes: Routes, wanted: Wanted) -> None:
        self._routes = routes
        self._wanted = wanted
        self._seen: set[str] = set()
        self._due: deque[tuple[str, str | None]] = deque()
        self._count = 0

    def add(self, contacts: Sequence[str], trunk: str | None) -> None:
        """Contacts of a 3xx to a call that went by `trunk`: gone to before those that are left of an earlier one.

        The header parts of their URIs are dropped: they would write our INVITE.
        """
        self._count += 1
        found: list[tuple[float, str]] = []
        for text in contacts:
            try:
                contact = NameAddr.parse(text)
            except RemoteProtocolError:
                continue
            target = str(replace(contact.uri, headers=None))
            if contact.uri.host and target not in self._seen:
                self._seen.add(target)
                found.append((_quality(contact.parameters.get("q")), target))
        most_wanted_first = sorted(found, key=lambda each: -each[0])
        self._due.extendleft((target, trunk) for _, target in reversed(most_wanted_first))

    def next_ways(self) -> list[Route]:
        """The ways to the next target that may be called; none when there is no more. Raises RouteRefusedError."""
        if self._count > _MOST:
            raise RouteRefusedError(f"redirected more than {_MOST} times", code="too-many-redirections")
        refusal: RouteRefusedError | None = None
        while self._due:
            target, trunk = self._due.popleft()
            try:
                return self._routes.out(replace(self._wanted, number=target, trunk=trunk, redirected=True))
            except RouteRefusedError as error:
                refusal = error
        if refusal is not None:
            raise refusal
        return []


def _quality(text: str | None) -> float:
    try:
        return min(1.0, max(0.0, float(text or "1")))
    except ValueError:
        return 1.0
