"""The calls there are: every event and report is brought to the call it belongs to."""

from collections.abc import Iterator
from typing import Protocol

from mediaserver.sip.events import BindingsChanged, Event, IncomingCall, Replied
from mediaserver.talk.orders import Report


class Party(Protocol):
    """Who takes the events of a leg."""

    def sip(self, event: Event) -> None:
        """An event of the leg; nothing is raised."""


class Member(Party, Protocol):
    """A call, as the register knows it."""

    @property
    def id(self) -> str:
        """Its name, which the media plane knows it by as well."""

    def media(self, report: Report) -> None:
        """A report of the media plane; nothing is raised."""

    def take_down(self) -> None:
        """End it now: the server stops."""


class Calls[M: Member]:
    """Calls by name, and parties by leg."""

    def __init__(self) -> None:
        self._parties: dict[int, Party] = {}
        self._alive: dict[str, M] = {}
        self._by_id: dict[str, M] = {}

    def __len__(self) -> int:
        """Calls that are not over."""
        return len(self._alive)

    def __iter__(self) -> Iterator[M]:
        return iter(self._alive.values())

    def enter(self, call: M) -> None:
        """A call begins."""
        self._alive[call.id] = self._by_id[call.id] = call

    def over(self, name: str) -> None:
        """The call of that name has ended; the media plane still has to let go."""
        self._alive.pop(name, None)

    def gone(self, name: str) -> None:
        """The media plane has let go."""
        self._by_id.pop(name, None)

    def alive(self, name: str) -> M | None:
        """The call of that name, unless it is over."""
        return self._alive.get(name)

    def bind(self, leg: int, party: Party) -> None:
        """Who takes the events of `leg` from now on."""
        self._parties[leg] = party

    def release(self, leg: int) -> None:
        """Nobody cares for the leg any more."""
        self._parties.pop(leg, None)

    def party(self, leg: int) -> Party | None:
        """Who takes the events of `leg`."""
        return self._parties.get(leg)

    def drop_all(self) -> None:
        """End every call now."""
        for call in tuple(self._alive.values()):
            call.take_down()

    def sip(self, event: Event) -> None:
        """An event of a leg."""
        if isinstance(event, IncomingCall | Replied | BindingsChanged):
            return  # of no leg there is yet
        if (party := self._parties.get(event.leg)) is not None:
            party.sip(event)

    def media(self, report: Report) -> None:
        """A report of the media plane."""
        if (call := self._by_id.get(report.call)) is not None:
            call.media(report)
