"""Composition root: the one place that knows every concrete class of a complete server in one process."""

import asyncio
import gc
import ipaddress
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from functools import lru_cache

import structlog

from mediacodecs import registry
from mediacodecs.signal.vad import DetectorPool, DetectorUnavailableError, SileroBatch
from mediaproviders.continuity import ContinuitySettings
from mediaserver.agents import source
from mediaserver.agents.file import Loaded
from mediaserver.agents.provision import Provision
from mediaserver.agents.ready import ReadyAgent
from mediaserver.call.reception import Reception
from mediaserver.call.routing import Routing
from mediaserver.call.settings import CallSettings
from mediaserver.call.sip_face import SipFace
from mediaserver.config import Settings, network, split_host
from mediaserver.errors import ConfigurationError
from mediaserver.net.flows import SipShell
from mediaserver.net.rtp_port import PortRange
from mediaserver.rtp.plan import MediaSettings
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.identity import EndpointSettings
from mediaserver.talk.conversation import TalkSettings
from mediaserver.talk.engine import Engine, EngineSettings

_DRAIN_S = 3.0


class Server:
    """A complete media server. Building it checks everything settings name; raises ConfigurationError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._loaded = source.of(settings)
        except ConfigurationError as error:
            raise ConfigurationError(error.faults + _further_faults(settings, error.usable)) from None
        self._roster = self._loaded.roster
        self._provision = provision(settings, self._loaded)
        self._agents = source.ready(self._loaded, self._provision)
        sip = settings.sip
        users = {name: password.get_secret_value() for name, password in sip.users.items()}
        local = any(each.definition.interruption == "local" for each in self._agents.values())
        self._detectors = _detectors() if local else None
        self._endpoint = SipEndpoint(
            token=lambda: secrets.token_hex(8),
            settings=EndpointSettings(advertised_host=next(iter(sip.advertise.values()), None)),
            door=DigestDoor(
                admits=_Admission(sip.allow),
                authenticator=DigestAuthenticator(sip.realm, users, secrets.token_bytes(32), algorithms=sip.digest)
                if users
                else None,
            ),
        )
        self._log = structlog.get_logger()

    @property
    def agents(self) -> Mapping[str, ReadyAgent]:
        """Who can be called, by name."""
        return self._agents

    def warnings(self) -> list[str]:
        """What is allowed and yet likely not meant, one sentence each."""
        sip, found = self._settings.sip, list(self._loaded.warnings)
        if not sip.allow and not sip.users and any(map(_is_public, (*sip.udp, *sip.tcp))):
            found.append("anyone who reaches the SIP port can call and cost you model time: set sip.allow or sip.users")
        return found

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM. Raises OSError when an address cannot be used, ProviderError."""
        settings, loop = self._settings, asyncio.get_running_loop()
        shell = SipShell()
        first, last = (int(number) for number in settings.rtp.ports.split("-"))
        engine = Engine(
            loop,
            PortRange(settings.rtp.address, first, last),
            lambda agent: self._agents[agent.name].provider,
            lambda report: reception.media(report),
            _engine_settings(settings),
            self._detectors,
        )
        reception = Reception(
            _call_settings(settings),
            Routing({name: ready.agent for name, ready in self._agents.items()}, self._roster.default),
            settings.limits.max_calls,
            SipFace(self._endpoint, shell),
            engine,
            self._address_towards,
        )
        await self._provision.start()
        await shell.start(
            self._endpoint,
            udp=split_host(settings.sip.udp[0]) if settings.sip.udp else None,
            tcp=split_host(settings.sip.tcp[0]) if settings.sip.tcp else None,
            on_event=reception.sip,
        )
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        # What start-up made lives for ever: the collector need not look at it again in the middle of a call.
        gc.collect()
        gc.freeze()
        for warning in self.warnings():
            self._log.warning("settings", message=warning)
        self._log.info(
            "ready",
            sip_udp=_shown(shell.udp_address),
            sip_tcp=_shown(shell.tcp_address),
            agent=self._roster.default,
            model=self._agents[self._roster.default].definition.model,
            agents=len(self._agents),
        )
        try:
            await stop.wait()
        finally:
            await self._stop(reception, engine, shell)

    async def _stop(self, reception: Reception, engine: Engine, shell: SipShell) -> None:
        self._log.info(
            "stopping",
            calls=len(reception),
            calls_refused=reception.refused,
            sip_refused=self._endpoint.refused,
            sip_malformed=self._endpoint.malformed,
        )
        reception.drain()
        reception.drop_all()
        deadline = time.monotonic() + _DRAIN_S
        # A BYE deserves its answer, or some repetitions, before the socket is gone.
        while self._endpoint.legs and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # the endpoint is a pure core: it has no event to wait for
        await engine.close()
        await shell.close()
        await self._provision.close()

    def _address_towards(self, peer: str) -> str:
        if (advertised := network.of(peer, self._settings.sip.advertise)) is not None:
            return advertised
        own = self._settings.rtp.address
        return own if own not in ("0.0.0.0", "::") else _source_address(peer)


@lru_cache(1024)
def _source_address(peer: str) -> str:
    """The local address the kernel would send from; connecting a datagram socket sends nothing."""
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"


def _is_public(address: str) -> bool:
    return not ipaddress.ip_address(split_host(address)[0]).is_loopback


def _shown(address: tuple[str, int] | None) -> str | None:
    return f"{address[0]}:{address[1]}" if address else None


class _Admission:
    """Who may speak SIP to us."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]

    def __call__(self, host: str) -> bool:
        if not self._networks:
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # a socket for both families shows IPv4 peers so
        return any(address in network for network in self._networks)


def provision(settings: Settings, loaded: Loaded) -> Provision:
    """What makes the agents of these settings ready."""
    given = settings.continuity
    return Provision(
        settings.providers,
        models=loaded.roster.models,
        continuity=ContinuitySettings(
            lead_s=given.lead_s,
            connection_s=given.session_s,
            delays_s=given.reconnect_delays_s,
            total_s=given.reconnect_total_s,
            # So that the caller is told why, and not only that it took too long.
            open_s=min(10.0, 0.9 * settings.sip.answer_deadline_s),
        ),
    )


def _further_faults(settings: Settings, rest: object) -> list[str]:
    """What an agent lacks, besides what is wrong with its definition: a key, a tool, a recording."""
    if isinstance(rest, Loaded):
        try:
            source.ready(rest, provision(settings, rest))
        except ConfigurationError as error:
            return error.faults
    return []


def _detectors() -> DetectorPool:
    """The detector of our own, loaded before the first call. Raises ConfigurationError."""
    try:
        return DetectorPool(SileroBatch())
    except DetectorUnavailableError as error:
        raise ConfigurationError([f"agent.interruption is 'local': {error}"]) from None


def _engine_settings(settings: Settings) -> EngineSettings:
    return EngineSettings(
        media=MediaSettings(
            media_lost_after_s=settings.rtp.silence_timeout_s,
            opus_complexity=settings.rtp.opus_complexity,
            opus_bitrate=settings.rtp.opus_bitrate,
        ),
        talk=TalkSettings(
            receiver_buffer_ms=settings.rtp.receiver_buffer_ms,
        ),
    )


def _codecs(settings: Settings) -> tuple[str, ...]:
    """Those of the configuration that this machine can be had to speak. Raises ConfigurationError if it is none."""
    usable, faults = registry.usable(settings.rtp.codecs)
    if not usable:
        raise ConfigurationError([f"rtp.codecs: {fault}" for fault in faults])
    for fault in faults:
        structlog.get_logger().warning("codec.unavailable", reason=fault)
    return usable


def _call_settings(settings: Settings) -> CallSettings:
    return CallSettings(
        capabilities=Capabilities(
            codecs=_codecs(settings),
            comfort_noise=settings.rtp.comfort_noise,
            default_ptime=settings.rtp.ptime_ms,
        ),
        answer_deadline_s=settings.sip.answer_deadline_s,
        max_call_s=settings.limits.max_call_s,
        retry_after_s=settings.sip.retry_after_s,
    )
