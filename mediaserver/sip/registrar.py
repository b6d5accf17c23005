"""The registrar: which contacts the users of this server can be called at (RFC 3261 10.3, 3327, 5626 6)."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.binding import Binding, binding_of
from mediaserver.sip.events import BindingsChanged, Flow
from mediaserver.sip.message import Request
from mediaserver.sip.seconds import seconds_of
from mediaserver.sip.sips import may_come_by
from mediaserver.sip.timers import Alarms
from mediaserver.sip.uri import NameAddr

type _Bindings = Mapping[Hashable, Binding]
type _Why = Literal["registered", "unregistered", "expired", "connection closed"]

_ONE_HOUR = 3600
SUPPORTED = ("path", "outbound")
"""Option tags a REGISTER may require besides those of the endpoint."""


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """How long and how much; times in seconds."""

    domains: tuple[str, ...] = ()
    """Of the addresses of record; empty: whatever the phones write."""
    expires: int = 3600
    """For a phone that names none."""
    least_expires: int = 60
    """Anything shorter is refused with 423."""
    most_expires: int = 7200
    """Anything longer is cut."""
    bindings_per_user: int = 10
    """One more takes the place of the one refreshed longest ago."""
    bindings: int = 20_000
    """In all; above it a new one is refused with 503."""
    flow_timer: int | None = None
    """What a phone with outbound is told to keep its connection alive by (RFC 5626 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to a REGISTER; `reason` None: the usual phrase."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    reason: str | None = None


class Registrar:
    """The bindings of all users. Who the user is has been proved before: nobody registers another."""

    def __init__(self, settings: RegistrarSettings | None = None) -> None:
        self._settings = settings or RegistrarSettings()
        self._users: dict[str, dict[Hashable, Binding]] = {}
        self._by_connection: dict[Flow, set[tuple[str, Hashable]]] = {}
        self._alarms: Alarms[str, Hashable] = Alarms()
        self._changes: list[BindingsChanged] = []
        self._count = 0

    def __len__(self) -> int:
        """How many bindings there are."""
        return self._count

    @property
    def users(self) -> list[str]:
        """Who can be called."""
        return list(self._users)

    def contacts(self, user: str) -> list[Binding]:
        """Where a user can be called, by preference (q), the one refreshed last first."""
        latest_first = list(self._users.get(user, {}).values())[::-1]
        return sorted(latest_first, key=lambda binding: -binding.q)

    def uses(self, flow: Flow) -> bool:
        """Whether somebody is to be called by this connection."""
        return flow in self._by_connection

    def changes(self) -> list[BindingsChanged]:
        """Take what has changed since the last time."""
        changes, self._changes = self._changes, []
        return changes

    def register(self, request: Request, user: str | None, flow: Flow, now: float) -> Reply:
        """Do what a REGISTER says, all of it or nothing; the response to it. `user` None: nobody has been proved."""
        refusal = self._refused(request, user, flow)
        if refusal is not None or user is None:
            return refusal or Reply(403)
        contacts = request.headers.get_all("Contact")
        before = self._users.get(user, {})
        if "*" in contacts:
            after = self._without_any(request, contacts, before)
        else:
            after = self._with([NameAddr.parse(value) for value in contacts], request, user, flow, now)
        if isinstance(after, Reply):
            return after
        if self._count - len(before) + len(after) > self._settings.bindings and len(after) > len(before):
            return Reply(503, [("Retry-After", "60")])
        self._become(user, after, "registered" if after.keys() - before.keys() else "unregistered")
        return self._listed(request, user, now)

    def flow_closed(self, flow: Flow) -> None:
        """Forget whoever was to be called by a connection that is gone."""
        for user, key in self._by_connection.get(flow, set()).copy():
            self._lose(user, key, "connection closed")

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, in seconds."""
        return self._alarms.next()

    def handle_timer(self, now: float) -> None:
        """Forget the bindings whose time is up."""
        while (due := self._alarms.due(now)) is not None:
            self._lose(*due, "expired")

    # What a REGISTER says

    def _refused(self, request: Request, user: str | None, flow: Flow) -> Reply | None:
        address = request.to.uri
        domains = self._settings.domains
        if domains and address.host.lower() not in domains:
            return Reply(404)
        if user is None or address.unescaped_user != user:
            return Reply(403)
        contacts = [NameAddr.parse(value) for value in request.headers.get_all("Contact") if value != "*"]
        if any(not contact.uri.host for contact in contacts):
            return Reply(400, reason="Bad Request (a Contact that is no SIP URI)")
        if any(not may_come_by(contact.uri, flow) for contact in contacts):
            return Reply(400, reason="Bad Request (a sips Contact that did not come by TLS)")
        try:
            for path in request.headers.get_all("Path"):
                NameAddr.parse(path)
        except RemoteProtocolError as fault:
            return Reply(400, reason=f"Bad Request (Path: {fault})")
        flows = sum("reg-id" in contact.parameters for contact in contacts)
        if flows and len(contacts) > 1:
            return Reply(400, reason="Bad Request (reg-id and several Contacts)")  # RFC 5626 6
        return Reply(439) if flows and _lacks_outbound(request) else None

    def _without_any(self, request: Request, contacts: list[str], before: _Bindings) -> _Bindings | Reply:
        """`Contact: *` takes all away, and may say nothing else (10.3, step 6)."""
        if len(contacts) > 1 or seconds_of(request.headers.get("Expires")) != 0:
            return Reply(400, reason="Bad Request (Contact: * needs Expires: 0 and no other Contact)")
        late = any(_is_out_of_order(request, binding) for binding in before.values())
        return Reply(500, reason="Server Internal Error (CSeq out of order)") if late else {}

    def _with(self, contacts: list[NameAddr], request: Request, user: str, flow: Flow, now: float) -> _Bindings | Reply:
        """The bindings of a user after adding, refreshing and removing as the Contacts say (10.3, step 7)."""
        before = self._users.get(user, {})
        after = dict(before)
        for contact in contacts:
            seconds = self._seconds(contact, request)
            if 0 < seconds < min(_ONE_HOUR, self._settings.least_expires):
                return Reply(423, [("Min-Expires", str(self._settings.least_expires))])
            new = binding_of(request, contact, user, flow, now + min(seconds, self._settings.most_expires))
            for key, old in list(after.items()):
                if not new.replaces(old):
                    continue
                if old is before.get(key) and _is_out_of_order(request, old):
                    return Reply(500, reason="Server Internal Error (CSeq out of order)")
                del after[key]
            if seconds:
                after[new.key] = new
        for key in list(after)[: -self._settings.bindings_per_user]:
            del after[key]
        return after

    def _seconds(self, contact: NameAddr, request: Request) -> int:
        """How long a Contact wants to last; a malformed time counts as an hour (20.19, 10.2.1.1)."""
        own, general = contact.parameters.get("expires"), request.headers.get("Expires")
        text = own if "expires" in contact.parameters else general
        if text is None and "expires" not in contact.parameters:
            return self._settings.expires
        seconds = seconds_of(text)
        return _ONE_HOUR if seconds is None else seconds

    def _listed(self, request: Request, user: str, now: float) -> Reply:
        headers = [("Contact", binding.listed(now)) for binding in self.contacts(user)]
        headers += [("Path", path) for path in request.headers.get_all("Path")]
        asked = request.contact
        if asked is not None and "reg-id" in asked.parameters and _supports_outbound(request):
            headers += [("Supported", ", ".join(SUPPORTED)), ("Require", "outbound")]
            if self._settings.flow_timer is not None:
                headers.append(("Flow-Timer", str(self._settings.flow_timer)))
        return Reply(200, headers)

    # What there is

    def _become(self, user: str, after: _Bindings, why: _Why) -> None:
        before = self._users.get(user, {})
        for key in before:
            self._drop(user, key)
        if after:
            self._users[user] = dict(after)
        else:
            self._users.pop(user, None)
        for key, binding in after.items():
            self._count += 1
            self._alarms.start(user, key, binding.expires_at)
            if binding.flow.reliable:
                self._by_connection.setdefault(binding.flow, set()).add((user, key))
        if before.keys() != after.keys():
            self._changes.append(BindingsChanged(user, len(after), why))

    def _lose(self, user: str, key: Hashable, why: _Why) -> None:
        after = {other: binding for other, binding in self._users.get(user, {}).items() if other != key}
        self._become(user, after, why)

    def _drop(self, user: str, key: Hashable) -> None:
        flow = self._users[user][key].flow
        self._count -= 1
        self._alarms.stop(user, key)
        users = self._by_connection.get(flow)
        if users is not None:
            users.discard((user, key))
            if not users:
                del self._by_connection[flow]


def _is_out_of_order(request: Request, binding: Binding) -> bool:
    return request.call_id == binding.call_id and request.cseq.number <= binding.cseq


def _supports_outbound(request: Request) -> bool:
    tags = request.headers.get_all("Supported") + request.headers.get_all("Require")
    return "outbound" in (tag.lower() for tag in tags)


def _lacks_outbound(request: Request) -> bool:
    """A proxy on the way that does not keep the flow: outbound would not work (RFC 5626 6, 439)."""
    if not _supports_outbound(request) or len(request.headers.get_all("Via")) == 1:
        return False
    path = request.headers.get_all("Path")
    return not path or "ob" not in NameAddr.parse(path[-1]).uri.parameters
