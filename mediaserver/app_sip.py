"""The SIP side of the composition: listeners, the door, the registrar, trunks and the ways out, from the settings."""

import secrets
from collections.abc import Collection, Mapping

from pydantic import SecretStr

from mediaserver import app_sip_parts as parts
from mediaserver.agents.ready import ReadyAgent
from mediaserver.agents.secrets import SecretError, Secrets
from mediaserver.call.door import DoorSettings, FrontDoor
from mediaserver.call.guarding import guard_of
from mediaserver.call.ladders import ladder_files
from mediaserver.call.outside import SipOutside
from mediaserver.call.phones import RegisteredPhones
from mediaserver.call.policy import Policy
from mediaserver.call.reception import Reception
from mediaserver.call.routing import Routing
from mediaserver.call.stir import Verifier
from mediaserver.call.trunk import Trunk
from mediaserver.call.trunk_lines import TrunkLines
from mediaserver.call.trunks import Trunks
from mediaserver.call.ways_out import WaysOut
from mediaserver.config import Settings
from mediaserver.config.trunks import TrunkSettings
from mediaserver.errors import ConfigurationError
from mediaserver.net.flows import SipShell
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import BindingsChanged, Event, Flow, Replied
from mediaserver.sip.registrar import Registrar
from mediaserver.sip.uri import NameAddr, SipUri


class Telephony:
    """Everything between the network and the calls. Raises ConfigurationError with a sentence per fault.

    `agents` are the names that may be routed to, `capabilities` what calls without a trunk negotiate.
    """

    def __init__(self, settings: Settings, agents: Collection[str], capabilities: Capabilities) -> None:
        self._settings = settings
        self._reception: Reception | None = None
        self._secrets = Secrets()
        faults = [*parts.agent_faults(settings, agents), *parts.tls_faults(settings)]
        self.trunks = Trunks(self._trunk(name, each, capabilities, faults) for name, each in settings.trunks.items())
        users = self._passwords(faults)
        try:
            self._attest = Verifier(settings.sip.stir).attest
        except ConfigurationError as error:
            faults += error.faults
        if faults:
            raise ConfigurationError(faults)
        registrar = Registrar(parts.registrar_settings(settings)) if settings.phones.users else None
        self.phones = None if registrar is None else RegisteredPhones(registrar)
        self.guard = guard_of(settings.sip.guard, settings.sip.allow, self.trunks)
        self.door = self._door(users)
        self.endpoint = SipEndpoint(
            token=lambda: secrets.token_hex(8),
            settings=parts.endpoint_settings(settings, self.trunks.take_no_tcp),
            door=self.door,
            registrar=registrar,
            guard=self.guard,
        )
        self.shell = SipShell(parts.shell_settings(settings))
        self.ladders = ladder_files(settings.ladder, self.endpoint.call_id, self.shell.now)
        self._outside = SipOutside(self.endpoint, self.shell)
        self._lines = TrunkLines(self.trunks.values(), self._outside, settings.sip.keepalive_s)
        policy = Policy(settings.outbound, settings.phones.users, self.trunks.hosts)
        self.plan = policy.plan
        self.routes = WaysOut(
            settings.outbound,
            self.trunks,
            policy,
            capabilities,
            NameAddr(None, SipUri("sip", "mediaserver", parts.own_domain(settings))),
            self.shell.now,
            self.phones,
            self._incoming,
            settings.rtp.srtp,
        )

    def routing(self, agents: Mapping[str, ReadyAgent], default: str) -> Routing:
        """Who answers which call."""
        given = self._settings
        return Routing(
            {name: ready.agent for name, ready in agents.items()},
            default,
            given.routing,
            self.trunks,
            given.phones.users,
            self.plan,
            given.sip.agent_headers,
            self._attest,
        )

    def warnings(self) -> list[str]:
        """What is allowed and yet likely not meant, one sentence each."""
        sip, found = self._settings.sip, []
        addresses = [address for each in sip.addresses.values() for address in each]
        guarded = sip.allow or sip.users or self._settings.trunks or self._settings.phones.users
        if not guarded and any(map(parts.is_public, addresses)):
            found.append("anyone who reaches the SIP port can call and cost you model time: set sip.allow or sip.users")
        found += [
            f"trunks.{name}.strict_x509 is false: its certificate is checked less than it should be"
            for name, trunk in self._settings.trunks.items()
            if not trunk.strict_x509
        ]
        for name, trunk in self._settings.trunks.items():
            for field, password in (("password", trunk.password), ("inbound_password", trunk.inbound_password)):
                if password is not None:
                    where = f"trunks.{name}.{field}"
                    found += [f"{where}: {clause}" for clause in self._secrets.warnings(password)]
        return found

    async def start(self, reception: Reception) -> None:
        """Listen, and begin with the trunks. Raises OSError when an address cannot be used."""
        self._reception = reception
        await self.shell.start(
            self.endpoint,
            listeners=parts.listeners(self._settings),
            on_event=self._event,
            on_flow_closed=self._outside.flow_closed,
            witness=None if self.ladders is None else self.ladders.wire,
        )
        self._lines.start()

    async def leave(self) -> None:
        """Undo the registrations."""
        await self._lines.stop()

    def reload(self) -> list[str]:
        """Read the certificates again, for connections to come; what cannot be read is told and stays as it was."""
        return self.shell.reload()

    def addresses(self) -> dict[str, str]:
        """Where we listen, as log fields: the first of each transport by itself, further ones behind it."""
        found: dict[str, list[str]] = {}
        for bound in self.shell.bound:
            host, port = bound.address
            found.setdefault(f"sip_{bound.transport}", []).append(
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            )
        return {name: ", ".join(at) for name, at in found.items()}

    def snapshot(self) -> dict[str, object]:
        """How trunks and phones stand, and what was refused, for metrics."""
        return {
            "trunks": self.trunks.snapshot(self._incoming),
            "phones": 0 if self.phones is None else len(self.phones),
            "calls_out": self.routes.calls,
            "refused_out": dict(self.routes.refused),
            "refused_in": dict(self.door.over_limit),
            "guard": self.guard.counters(),
        }

    # Within

    def _event(self, event: Event) -> None:
        assert self._reception is not None
        match event:
            case Replied():
                self._outside.replied(event)
            case BindingsChanged():
                if self.phones is not None:
                    self.phones.changed(event)
            case _:
                self._reception.sip(event)

    def _incoming(self, trunk: str) -> int:
        return 0 if self._reception is None else self._reception.incoming_by(trunk)

    def _at_home(self, flow: Flow) -> str | None:
        return None if self.phones is None else self.phones.at(flow)

    def _door(self, users: Mapping[str, str]) -> FrontDoor:
        given = self._settings
        authenticator = None
        if users:
            authenticator = DigestAuthenticator(
                given.sip.realm, users, secrets.token_bytes(32), algorithms=given.sip.digest
            )
        door = DoorSettings(
            allow=given.sip.allow,
            known_only=bool(given.trunks or given.phones.users),
            phones=given.phones.users,
            retry_after_s=given.sip.retry_after_s,
        )
        return FrontDoor(door, self.trunks, authenticator, self._at_home, self._incoming, self.guard.failed)

    def _passwords(self, faults: list[str]) -> dict[str, str]:
        """Who may prove to be somebody, by digest."""
        given = self._settings
        found = {name: self._secret(each, f"sip.users.{name}", faults) for name, each in given.sip.users.items()}
        for name, phone in given.phones.users.items():
            found[name] = self._secret(phone.password, f"phones.users.{name}.password", faults)
        for trunk in self.trunks.values():
            if trunk.settings.inbound_user is not None and trunk.inbound_password is not None:
                found[trunk.settings.inbound_user] = trunk.inbound_password
        return found

    def _secret(self, given: SecretStr, field: str, faults: list[str]) -> str:
        try:
            return self._secrets.resolve(given, field)
        except SecretError as error:
            faults += error.faults
            return ""

    def _trunk(self, name: str, settings: TrunkSettings, usual: Capabilities, faults: list[str]) -> Trunk:
        def secret(given: SecretStr | None, field: str) -> str | None:
            return None if given is None else self._secret(given, f"trunks.{name}.{field}", faults)

        try:
            capabilities = parts.capabilities_of(name, settings, self._settings, usual)
        except ConfigurationError as error:
            faults += error.faults
            capabilities = usual
        return Trunk(
            name,
            settings,
            capabilities,
            secret(settings.password, "password"),
            secret(settings.inbound_password, "inbound_password"),
        )
