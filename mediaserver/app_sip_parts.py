"""What the SIP side is made of, as the settings say: each function makes the settings of one part."""

import ipaddress
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from mediacodecs import registry
from mediaserver.config import Settings, split_host
from mediaserver.config.cross import unknown
from mediaserver.config.network import Networks
from mediaserver.config.trunks import TrunkSettings
from mediaserver.errors import ConfigurationError
from mediaserver.net.dns import DnsSettings
from mediaserver.net.flows import ShellSettings
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.listener import Listener
from mediaserver.net.sockets import SocketSettings
from mediaserver.net.tls import TlsClient, TlsIdentity, TlsServer, TlsSettings
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sip.events import Transport
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.registrar import RegistrarSettings

_TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp", "tls", "ws", "wss")
_MODERATE_USERS = 1000
_TIMER_C_S = 185.0
"""More than three minutes (RFC 3261 16.6)."""


def capabilities_of(name: str, trunk: TrunkSettings, settings: Settings, usual: Capabilities) -> Capabilities:
    """What calls by a trunk negotiate. Raises ConfigurationError."""
    codecs, faults = registry.usable(trunk.codecs) if trunk.codecs else (usual.codecs, [])
    if not codecs:
        raise ConfigurationError([f"trunks.{name}.codecs: {fault}" for fault in faults])
    # A list of its own is there for its order, too.
    own_order = usual.own_order or bool(trunk.codecs)
    return replace(usual, codecs=codecs, own_order=own_order, default_ptime=trunk.ptime_ms or settings.rtp.ptime_ms)


def agent_faults(settings: Settings, agents: Collection[str]) -> list[str]:
    """Agents that are routed to and do not exist."""
    named = [(f"routing.{index}.agent", rule.agent) for index, rule in enumerate(settings.routing)]
    for name, trunk in settings.trunks.items():
        named += [(f"trunks.{name}.agent", trunk.agent or "")]
        named += [(f"trunks.{name}.numbers.{pattern}", agent) for pattern, agent in trunk.numbers.items()]
    named += [(f"phones.users.{name}.agent", phone.agent or "") for name, phone in settings.phones.users.items()]
    return [
        f"{field} is {agent!r}: {unknown('agent', agent, agents)}"
        for field, agent in named
        if agent and agent not in agents
    ]


def tls_faults(settings: Settings) -> list[str]:
    """Every certificate, key and authority that cannot be used."""
    found = []
    for name, each in tls_profiles(settings).items():
        found += _faults_of(partial(TlsClient, each, place_of(name)))
    if settings.sip.tls or settings.sip.wss:
        found += _faults_of(partial(TlsServer, server_tls(settings), "sip.certificates"))
    return found


def _faults_of(made: Callable[[], object]) -> list[str]:
    try:
        made()
    except ConfigurationError as error:
        return error.faults
    return []


def tls_profiles(settings: Settings) -> dict[str, TlsSettings]:
    """The TLS of the connections we open, "" for those of no trunk."""
    usual = settings.sip.certificates
    found = {"": TlsSettings(ca=_file(usual.ca))} if usual.ca is not None else {}
    for name, trunk in settings.trunks.items():
        if trunk.strict_x509 and trunk.ca is None and trunk.certificate is None:
            continue
        found[name] = TlsSettings(
            certificate=_file(trunk.certificate),
            key=_file(trunk.key),
            ca=_file(trunk.ca or usual.ca),
            strict_x509=trunk.strict_x509,
        )
    return found


def place_of(profile: str) -> str:
    """Where the settings of a TLS profile stand."""
    return f"trunks.{profile}" if profile else "sip.certificates"


def server_tls(settings: Settings) -> TlsSettings:
    """The TLS of our listeners."""
    given = settings.sip.certificates
    return TlsSettings(
        certificate=_file(given.certificate),
        key=_file(given.key),
        identities=tuple(TlsIdentity(str(each.certificate), _file(each.key)) for each in given.identities),
        client_ca=_file(given.client_ca),
        require_client_certificate=given.require_client_certificate,
    )


def _file(path: object) -> str | None:
    return None if path is None else str(path)


def listeners(settings: Settings) -> list[Listener]:
    """Where we listen."""
    sip = settings.sip
    tls = server_tls(settings) if sip.tls or sip.wss else None
    advertised = Networks(sip.advertise).at if sip.advertise else None
    return [
        Listener(
            transport,
            split_host(address),
            tls=tls if transport in ("tls", "wss") else None,
            advertised_to=advertised,
            origins=sip.ws_origins or None if transport in ("ws", "wss") else None,
        )
        for transport in _TRANSPORTS
        for address in sip.addresses[transport]
    ]


def shell_settings(settings: Settings) -> ShellSettings:
    """How the network is used."""
    sip, given = settings.sip, settings.sip.connections
    return ShellSettings(
        limits=ConnectionLimits(
            connections=given.total,
            per_source=given.per_source,
            handshakes=given.handshakes,
            handshake_s=given.handshake_s,
            message_s=given.message_s,
            idle_s=given.idle_s,
            ping_s=given.ping_s,
            connect_s=given.connect_s,
        ),
        sockets=SocketSettings(dscp=sip.dscp, reuse_port=sip.reuse_port),
        dns=DnsSettings(servers=sip.dns.addresses, timeout_s=sip.dns.timeout_s),
        profiles=tls_profiles(settings),
        versions=sip.dns.versions,
    )


def endpoint_settings(
    settings: Settings, datagrams_only: Callable[[str], bool] = lambda address: False
) -> EndpointSettings:
    """How SIP behaves. `datagrams_only` says of which addresses it is known that they take no TCP."""
    sip = settings.sip
    return EndpointSettings(
        reliable=sip.prack,
        session_timer=sip.session_timers,
        session_expires=sip.session_expires_s,
        min_se=sip.min_se_s,
        retry_after=sip.retry_after_s,
        # Whoever may ring longer than a proxy would wait is not cut off before his time.
        timer_c=max(_TIMER_C_S, settings.outbound.ring_timeout_s + 5.0),
        max_datagram=sip.max_datagram,
        datagrams_only=datagrams_only,
    )


def registrar_settings(settings: Settings) -> RegistrarSettings:
    """How long phones are registered."""
    phones = settings.phones
    return RegistrarSettings(
        expires=phones.expires_s,
        least_expires=phones.min_expires_s,
        most_expires=phones.max_expires_s,
        bindings_per_user=phones.max_bindings,
        bindings=max(_MODERATE_USERS, len(phones.users)) * phones.max_bindings,
        flow_timer=round(settings.sip.keepalive_s) or None,
    )


def own_domain(settings: Settings) -> str:
    """What stands behind the @ of calls to phones: the address we advertise or listen at, where it is one."""
    listening = [split_host(each)[0] for at in settings.sip.addresses.values() for each in at]
    usable = [host for host in (*settings.sip.advertise.values(), *listening) if not _is_wildcard(host)]
    return usable[0] if usable else "mediaserver.invalid"


def _is_wildcard(host: str) -> bool:
    return ipaddress.ip_address(host).is_unspecified


def is_public(address: str) -> bool:
    """Whether others than this machine reach an address."""
    return not ipaddress.ip_address(split_host(address)[0]).is_loopback
