"""The phones that are registered: where to call them, and whose a flow is."""

from mediaserver.call.ways_out import Binding
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.binding import Binding as Registered
from mediaserver.sip.events import BindingsChanged, Flow
from mediaserver.sip.registrar import Registrar
from mediaserver.sip.uri import NameAddr

type _Place = tuple[str, tuple[str, int], int]


class RegisteredPhones:
    """The registrar's bindings as calls and the door see them."""

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar
        self._users: dict[_Place, str] = {}
        self._places: dict[str, set[_Place]] = {}

    def __len__(self) -> int:
        """How many phones are registered."""
        return len(self._registrar)

    def of(self, user: str) -> list[Binding]:
        """Where an account is reached, the most wanted phone first."""
        return [_binding(each) for each in self._registrar.contacts(user)]

    def at(self, flow: Flow) -> str | None:
        """Whose flow it is; None if nobody has registered by it."""
        return self._users.get(_place(flow))

    def changed(self, event: BindingsChanged) -> None:
        """An account has other bindings than before."""
        for place in self._places.pop(event.user, ()):
            if self._users.get(place) == event.user:
                del self._users[place]
        places = {_place(each.flow) for each in self._registrar.contacts(event.user) if not each.path}
        if places:
            self._places[event.user] = places
        for place in places:
            self._users[place] = event.user


def _place(flow: Flow) -> _Place:
    """What tells a flow from others, whatever address of ours it was heard at."""
    return flow.transport, flow.remote, flow.key


def _binding(registered: Registered) -> Binding:
    path = _readable(registered.path)
    return Binding(registered.uri, registered.flow, path, registered.q, registered.instance)


def _readable(path: tuple[str, ...]) -> tuple[NameAddr, ...]:
    found = []
    for value in path:
        try:
            found.append(NameAddr.parse(value))
        except RemoteProtocolError:
            continue
    return tuple(found)
