"""Composition root: the one place that knows every concrete class of a complete server in one process."""

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache

import structlog

from mediaserver.agents import source
from mediaserver.agents.file import Loaded
from mediaserver.agents.ready import ReadyAgent
from mediaserver.api.standing import Standing
from mediaserver.app_browsers import Browsers
from mediaserver.app_parts import call_settings, detectors, engine_settings, provision
from mediaserver.app_sip import Telephony
from mediaserver.app_web import Web
from mediaserver.call.reception import Reception
from mediaserver.call.sip_face import SipFace
from mediaserver.config import Settings, network
from mediaserver.errors import ConfigurationError
from mediaserver.net.lag import LoopLag
from mediaserver.net.local_address import source_towards
from mediaserver.net.rtp_port import PortRange
from mediaserver.talk.engine import Engine
from mediaserver.webrtc.identity import Identity

_DRAIN_S = 3.0


class Server:
    """A complete media server. Building it checks everything settings name; raises ConfigurationError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._identity = Identity()
        try:
            self._loaded = source.of(settings)
        except ConfigurationError as error:
            raise ConfigurationError(error.faults + _further_faults(settings, error.usable)) from None
        self._roster = self._loaded.roster
        self._provision = provision(settings, self._loaded)
        faults: list[str] = []
        try:
            self._agents = source.ready(self._loaded, self._provision)
        except ConfigurationError as error:
            faults += error.faults
        try:
            self._browsers = Browsers(settings)
            self._calls = replace(
                call_settings(settings),
                fingerprint=self._identity.fingerprint,
                browser_hosts=self._browsers.hosts,
            )
            self._telephony = Telephony(settings, self._roster.agents, self._calls.capabilities)
        except ConfigurationError as error:
            faults += error.faults
        try:
            self._web = Web(settings.http)
        except ConfigurationError as error:
            faults += error.faults
        if faults:
            raise ConfigurationError(faults)
        local = any(each.definition.interruption == "local" for each in self._agents.values())
        self._detectors = detectors() if local else None
        self._log = structlog.get_logger()
        self.starting = "webrtc"
        """Whose addresses are being taken."""

    @property
    def agents(self) -> Mapping[str, ReadyAgent]:
        """Who can be called, by name."""
        return self._agents

    def warnings(self) -> list[str]:
        """What is allowed and yet likely not meant, one sentence each."""
        return [*self._loaded.warnings, *self._telephony.warnings(), *self._web.warnings()]

    @property
    def page(self) -> str | None:
        """Address of the page that calls an agent; None if there is none."""
        return self._web.page

    def addresses(self) -> dict[str, str]:
        """Where it listens, by `sip_udp` and the like."""
        return {**self._telephony.addresses(), **self._browsers.address(), **self._web.addresses()}

    async def run(self, up: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGINT or SIGTERM; `up` is called when it does.

        Raises ProviderError, and OSError when an address cannot be used: `starting` says whose.
        """
        loop, telephony = asyncio.get_running_loop(), self._telephony
        async with self.running():
            stop = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            loop.add_signal_handler(signal.SIGHUP, self._reload)
            # What start-up made lives for ever: the collector need not look at it again in the middle of a call.
            gc.collect()
            gc.freeze()
            for warning in self.warnings():
                self._log.warning("settings", message=warning)
            self._log.info(
                "ready",
                **self.addresses(),
                trunks=", ".join(telephony.trunks) or None,
                agent=self._roster.default,
                model=self._agents[self._roster.default].definition.model,
                agents=len(self._agents),
            )
            up()
            await stop.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Reception]:
        """Up and taking calls; in the end every call is ended and everything released. Raises as `run` does."""
        settings, telephony, lag = self._settings, self._telephony, LoopLag(asyncio.get_running_loop())
        first, last = (int(number) for number in settings.rtp.ports.split("-"))
        self._web.prepare(lambda: self._standing(reception, lag))
        port = self._browsers.open(asyncio.get_running_loop())
        self.starting = "sip"
        engine = Engine(
            asyncio.get_running_loop(),
            PortRange(settings.rtp.address, first, last, dscp=settings.rtp.dscp),
            lambda agent: self._agents[agent.name].provider,
            lambda report: reception.media(report),
            engine_settings(settings, self._browsers.patience),
            self._detectors,
            self._identity,
            port,
        )
        reception = Reception(
            self._calls,
            telephony.routing(self._agents, self._roster.default),
            settings.limits.max_calls,
            SipFace(telephony.endpoint, telephony.shell),
            engine,
            self._address_towards,
            telephony.routes,
            telephony.ladders,
            lambda: lag.seconds > settings.limits.max_lag_s,
            self._web.tally,
        )
        await self._provision.start()
        await telephony.start(reception)
        try:
            self.starting = "http"
            await self._web.start(reception, self._agents, self._roster.default)
            yield reception
        finally:
            lag.close()
            await self._stop(reception, engine)

    async def _stop(self, reception: Reception, engine: Engine) -> None:
        endpoint = self._telephony.endpoint
        self._log.info(
            "stopping",
            calls=len(reception),
            calls_refused=reception.refused,
            sip_refused=endpoint.refused,
            sip_malformed=endpoint.malformed,
            **{f"sip_{name}": count for name, count in self._telephony.guard.counters().items() if count},
            **self._browsers.counters(),
        )
        reception.drain()
        endpoint.draining = True
        reception.drop_all()
        leaving = asyncio.get_running_loop().create_task(self._telephony.leave())
        deadline = time.monotonic() + _DRAIN_S
        # A BYE deserves its answer, or some repetitions, before the socket is gone.
        while endpoint.legs and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # the endpoint is a pure core: it has no event to wait for
        await leaving
        # Not before: meanwhile whoever hands out calls hears from /ready that there are to be no more.
        await self._web.close()
        await engine.close()
        self._browsers.close()
        await self._telephony.shell.close()
        if self._telephony.ladders is not None:
            self._telephony.ladders.close()
        await self._provision.close()

    def _standing(self, reception: Reception, lag: LoopLag) -> Standing:
        """What health and metrics tell."""
        return Standing(
            reception.ways,
            self._settings.limits.max_calls,
            len(reception.web),
            lag.seconds,
            self._browsers.places,
            phones=len(self._telephony.phones or ()),
        )

    def _reload(self) -> None:
        """SIGHUP: certificates are read again, for connections to come."""
        faults = self._telephony.reload() + self._web.reload()
        for fault in faults:
            self._log.error("reload.failed", message=fault)
        self._log.info("reloaded", certificates="read again" if not faults else "as before where that failed")

    def _address_towards(self, peer: str) -> str:
        if (advertised := network.of(peer, self._settings.sip.advertise)) is not None:
            return advertised
        if (seen := self._telephony.shell.seen_by(peer)) is not None:
            return seen
        own = self._settings.rtp.address
        return own if own not in ("0.0.0.0", "::") else _source_address(peer)


@lru_cache(1024)
def _source_address(peer: str) -> str:
    return source_towards(peer) or "127.0.0.1"


def _further_faults(settings: Settings, rest: object) -> list[str]:
    """What else is wrong, besides the definition of an agent: a key, a tool or a recording it lacks, a trunk."""
    found: list[str] = []
    if not isinstance(rest, Loaded):
        return found
    try:
        source.ready(rest, provision(settings, rest))
    except ConfigurationError as error:
        found += error.faults
    try:
        Telephony(settings, rest.roster.agents, call_settings(settings).capabilities)
    except ConfigurationError as error:
        found += error.faults
    try:
        Web(settings.http)
    except ConfigurationError as error:
        found += error.faults
    return found
