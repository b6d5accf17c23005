"""Composition root: the one place that knows every concrete class of a complete server in one process."""

import asyncio
import gc
import ipaddress
import secrets
import signal
import socket
import time
from collections.abc import Sequence
from functools import lru_cache

import structlog

from mediacodecs.signal.vad import DetectorPool, DetectorUnavailableError, SileroBatch
from mediaproviders import catalog
from mediaproviders.contract import Provider, ProviderError
from mediaserver.call.call import CallSettings
from mediaserver.call.reception import Reception
from mediaserver.call.routing import Routing
from mediaserver.config import Settings, split_host
from mediaserver.errors import ConfigurationError
from mediaserver.net.flows import SipShell
from mediaserver.net.rtp_port import PortRange
from mediaserver.rtp.plan import MediaSettings
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sip.digest import DigestAuthenticator
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.identity import EndpointSettings
from mediaserver.talk import fault_audio
from mediaserver.talk.conversation import TalkSettings
from mediaserver.talk.engine import Engine, EngineSettings
from mediaserver.talk.orders import Agent
from mediaserver.talk.tools import Toolbox

OPENAI_URL = "https://api.openai.com/v1"
_DRAIN_S = 3.0


class SipFace:
    """What calls need of SIP: every command is followed by a pump, which sends what it produced."""

    def __init__(self, endpoint: SipEndpoint, shell: SipShell) -> None:
        self._endpoint = endpoint
        self._shell = shell

    def provisional(self, leg: int, status: int) -> None:
        """Send a 1xx."""
        self._endpoint.provisional(leg, status, time.monotonic())
        self._shell.pump()

    def answer(self, leg: int, sdp: bytes) -> None:
        """Send the 200."""
        self._endpoint.answer(leg, sdp, time.monotonic())
        self._shell.pump()

    def reject(self, leg: int, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send a final refusal."""
        self._endpoint.reject(leg, status, time.monotonic(), headers=headers)
        self._shell.pump()

    def answer_reinvite(self, leg: int, sdp: bytes) -> None:
        """Send the 200 to a re-INVITE."""
        self._endpoint.answer_reinvite(leg, sdp, time.monotonic())
        self._shell.pump()

    def reject_reinvite(self, leg: int, status: int) -> None:
        """Refuse a re-INVITE."""
        self._endpoint.reject_reinvite(leg, status, time.monotonic())
        self._shell.pump()

    def bye(self, leg: int, reason: str) -> None:
        """End the dialog."""
        self._endpoint.bye(leg, time.monotonic(), reason=reason)
        self._shell.pump()


class Server:
    """A complete media server. Building it checks everything settings name; raises ConfigurationError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._agent = _agent(settings)
        self._provider = _checked(settings, self._agent)
        if self._agent.interruption == "local" and not self._provider.traits.reversible_interrupt:
            raise ConfigurationError(
                [f"agent.interruption is 'local': {self._agent.model} decides interruptions itself; use 'provider'"]
            )
        sip = settings.sip
        users = {name: password.get_secret_value() for name, password in sip.users.items()}
        self._detectors = _detectors() if self._agent.interruption == "local" else None
        self._endpoint = SipEndpoint(
            token=lambda: secrets.token_hex(8),
            settings=EndpointSettings(advertised_host=sip.advertise),
            authenticator=DigestAuthenticator(sip.realm, users, secrets.token_bytes(32), algorithms=sip.digest)
            if users
            else None,
            admit=_Admission(sip.allow),
        )
        self._log = structlog.get_logger()

    def warnings(self) -> list[str]:
        """What is allowed and yet likely not meant, one sentence each."""
        sip, found = self._settings.sip, []
        deprecated = catalog.find(self._settings.agent.model).deprecated
        if deprecated is not None:
            found.append(f"agent.model {self._settings.agent.model!r} {deprecated}")
        if not sip.allow and not sip.users and any(map(_is_public, filter(None, (sip.udp, sip.tcp)))):
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
            lambda agent: self._provider,
            lambda report: reception.media(report),
            _engine_settings(settings),
            self._detectors,
        )
        reception = Reception(
            _call_settings(settings),
            Routing({self._agent.name: lambda known: self._agent}, self._agent.name),
            settings.limits.max_calls,
            SipFace(self._endpoint, shell),
            engine,
            self._address_towards,
        )
        await self._provider.start()
        await shell.start(
            self._endpoint,
            udp=split_host(settings.sip.udp) if settings.sip.udp else None,
            tcp=split_host(settings.sip.tcp) if settings.sip.tcp else None,
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
            agent=self._agent.name,
            model=self._agent.model,
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
        await self._provider.close()

    def _address_towards(self, peer: str) -> str:
        if self._settings.sip.advertise is not None:
            return self._settings.sip.advertise
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


def _agent(settings: Settings) -> Agent:
    given = settings.agent
    try:
        model = catalog.find(given.model)
    except ValueError as error:
        raise ConfigurationError([f"agent.model: {error}"]) from None
    return Agent(
        name=given.name,
        model=model.provider_model,
        prompt=given.prompt,
        greeting=given.greeting,
        voice=given.voice,
        interruption=given.interruption,
        max_output_tokens=given.max_output_tokens,
        tools=given.tools,
        tool_timeout_s=given.tool_timeout_s,
        stall_timeout_s=given.stall_timeout_s,
        fault_audio=str(given.fault_audio) if given.fault_audio else None,
        advanced={"openai_realtime": given.openai_realtime} if given.openai_realtime else {},
    )


def _checked(settings: Settings, agent: Agent) -> Provider:
    """The agent's provider, when everything the agent names is there. Raises ConfigurationError with all faults."""
    faults: list[str] = []
    provider: Provider | None = None
    try:
        provider = _provider(settings)
    except ConfigurationError as error:
        faults += error.faults
    for check in (lambda: Toolbox(agent.tools), lambda: fault_audio.load(agent.fault_audio)):
        try:
            check()
        except ConfigurationError as error:
            faults += error.faults
    if provider is None or faults:
        raise ConfigurationError(faults)
    return provider


def _provider(settings: Settings) -> Provider:
    """The agent's provider, with the access the settings give. Raises ConfigurationError."""
    name = settings.agent.model
    openai, local = settings.providers.openai, settings.providers.local
    access: dict[str, object]
    if catalog.find(name).provider == "openai":
        from mediaproviders.openai_realtime.configuration import validate  # not loaded for a model of another's

        faults = validate({"openai_realtime": settings.agent.openai_realtime})
        if openai.api_key is None:
            faults.append(f"providers.openai.api_key: model {name!r} needs one; set it there or as OPENAI_API_KEY")
        if faults or openai.api_key is None:
            raise ConfigurationError(faults)
        key = openai.api_key.get_secret_value()
        access = {"api_key": key, "base_url": openai.base_url or OPENAI_URL, "uplink_ms": openai.uplink_ms}
    else:
        access = {"script": local.script, "voice": settings.agent.voice, "workers": local.workers}
    try:
        return catalog.build(name, access)
    except (ValueError, ProviderError) as error:
        raise ConfigurationError([f"agent.model is {name!r}: {error}"]) from None


def _detectors() -> DetectorPool:
    """The detector of our own, loaded before the first call. Raises ConfigurationError."""
    try:
        return DetectorPool(SileroBatch())
    except DetectorUnavailableError as error:
        raise ConfigurationError([f"agent.interruption is 'local': {error}"]) from None


def _engine_settings(settings: Settings) -> EngineSettings:
    return EngineSettings(
        media=MediaSettings(media_lost_after_s=settings.rtp.silence_timeout_s),
        talk=TalkSettings(
            receiver_buffer_ms=settings.rtp.receiver_buffer_ms,
        ),
    )


def _call_settings(settings: Settings) -> CallSettings:
    return CallSettings(
        capabilities=Capabilities(
            codecs=settings.rtp.codecs,
            comfort_noise=settings.rtp.comfort_noise,
            default_ptime=settings.rtp.ptime_ms,
        ),
        answer_deadline_s=settings.sip.answer_deadline_s,
        max_call_s=settings.limits.max_call_s,
        retry_after_s=settings.sip.retry_after_s,
    )
