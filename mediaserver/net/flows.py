"""The shell of the SIP endpoint: sockets, the clock, name lookups; all decisions are the endpoint's."""

import asyncio
import os
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from mediaserver.errors import ConfigurationError
from mediaserver.net import stun
from mediaserver.net.alarm import Alarm
from mediaserver.net.bounced import Bounced
from mediaserver.net.connections import Connections
from mediaserver.net.dns import DnsSettings
from mediaserver.net.keepalive import Failed, KeepAlives
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.listener import Bound, Listener
from mediaserver.net.local_address import Address, LocalAddresses
from mediaserver.net.ports import ListeningPorts
from mediaserver.net.profiles import Profiles
from mediaserver.net.sip_udp import SipDatagrams
from mediaserver.net.sockets import SocketSettings
from mediaserver.net.tls import TlsSettings
from mediaserver.net.ways import Ways
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Effect, Event, Flow, Resolve, Send, Transport
from mediaserver.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class ShellSettings:
    """How the network is used. `profiles` is the TLS of the connections we open, "" the usual one.

    `versions` are the IP versions in which names are called, the preferred one first.
    """

    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    sockets: SocketSettings = field(default_factory=SocketSettings)
    dns: DnsSettings = field(default_factory=DnsSettings)
    profiles: Mapping[str, TlsSettings] = field(default_factory=dict)
    versions: tuple[int, ...] = (4, 6)


class Witness(Protocol):
    """Sees the messages."""

    def received(self, message: bytes, flow: Flow, now: float) -> None:
        """A message came."""

    def sent(self, message: bytes, flow: Flow, now: float) -> None:
        """A message was sent."""


class SipShell:
    """Runs one `SipEndpoint` on any number of listeners.

    After any command given to the endpoint call `pump`. Events go to `on_event`, which may itself give commands;
    the times given with commands are `SipShell.now()`.
    """

    def __init__(self, settings: ShellSettings | None = None) -> None:
        """Raises ConfigurationError for a certificate of a profile that cannot be used."""
        settings = settings or ShellSettings()
        self._endpoint: SipEndpoint | None = None
        self._on_event: Callable[[Event], None] = lambda event: None
        self._on_flow_closed: Callable[[Flow, str | None], None] = lambda flow, error: None
        self._witness: Witness | None = None
        self._profiles = Profiles(settings.profiles)
        self._addresses = LocalAddresses()
        self._ports = ListeningPorts(self._addresses, settings.sockets)
        self._connections = Connections(self, settings.limits, self._addresses, self._profiles, settings.sockets)
        self._ways = Ways(settings.dns, settings.versions, self._ports, self._addresses, self._connections)
        self._kept = KeepAlives(random.random, lambda: secrets.token_bytes(12))
        self._looking: set[asyncio.Task[None]] = set()
        self._pumping = False
        self._alarm = Alarm(self._tick)
        self._log = structlog.get_logger()

    @staticmethod
    def now() -> float:
        """The endpoint's clock in seconds: not the loop's, which uvloop rounds to milliseconds."""
        return time.monotonic()

    @property
    def bound(self) -> Sequence[Bound]:
        """Where we listen, in the order of the listeners."""
        return self._ports.bound

    @property
    def udp_address(self) -> Address | None:
        """Where the first UDP socket is bound; None without one."""
        return self.address_of("udp")

    @property
    def tcp_address(self) -> Address | None:
        """Where TCP connections are accepted; None when they are not."""
        return self.address_of("tcp")

    def address_of(self, transport: Transport) -> Address | None:
        """Where the first listener of a transport is bound."""
        return next((each.address for each in self._ports.bound if each.transport == transport), None)

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    async def start(
        self,
        endpoint: SipEndpoint,
        *,
        udp: Address | None = None,
        tcp: Address | None = None,
        listeners: Sequence[Listener] = (),
        on_event: Callable[[Event], None],
        on_flow_closed: Callable[[Flow, str | None], None] = lambda flow, error: None,
        witness: Witness | None = None,
    ) -> None:
        """Open the listeners and run; port 0 lets the system choose. `udp` and `tcp` are short for two of them.

        `on_flow_closed` is told of every connection that is gone and of every flow that is not alive any more, after
        the endpoint. `witness` sees every message that is taken or sent. Raises OSError if an address cannot be had,
        ConfigurationError for a certificate.
        """
        self._endpoint = endpoint
        self._on_event, self._on_flow_closed = on_event, on_flow_closed
        self._witness = witness
        short = [Listener("udp", udp)] if udp is not None else []
        short += [Listener("tcp", tcp)] if tcp is not None else []
        try:
            await self._ports.open([*short, *listeners], self._datagram, self._bounced, self._connections)
        except BaseException:
            self._endpoint = None
            raise

    async def close(self) -> None:
        """Close all sockets, which takes as long as the limit `linger_s` at most; calls that stand are not told."""
        self._endpoint = None
        self._alarm.stop()
        self._ports.close()
        for looking in tuple(self._looking):
            looking.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        await self._connections.close()

    def reload(self) -> list[str]:
        """Read every certificate anew, for connections to come. What cannot be read stays as it was and is told."""
        faults: list[str] = []
        for each in (*self._ports.identities(), *self._profiles):
            try:
                each.reload()
            except ConfigurationError as error:
                faults += error.faults
        return faults

    def pump(self) -> None:
        """Send what is to be sent, tell what is to be told, and set the timer anew."""
        endpoint = self._endpoint
        if endpoint is None or self._pumping:
            return  # whoever is pumping takes the new effects too, in their order
        self._pumping = True
        try:
            while effects := endpoint.effects():
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._pumping = False
            if self._endpoint is not None:
                self._alarm.set(_earlier(endpoint.next_deadline(), self._kept.next()))

    async def resolve(self, target: SipUri, *, profile: str = "") -> list[Flow]:
        """The flows to call `target` by, in the order to try, never none (RFC 3263). OSError with the sentence if so.

        `profile` is the trunk whose TLS is to be used. What failed before and is avoided comes last.
        """
        return await self._ways.to(target, profile, self.now())

    def avoid(self, flow: Flow, seconds: float) -> None:
        """Have `resolve` name this target last for a while: it failed, or asked for patience (Retry-After)."""
        self._ways.avoid(flow, seconds, self.now())

    def keep_alive(self, flow: Flow, every_s: float, *, answered: bool = False) -> None:
        """Ping a flow from now on, until it fails or `let_go`: a registration depends on it (RFC 5626 4.4).

        `answered`: the peer has promised to answer (its Via has `keep`, or it requires outbound); one that has once
        answered is taken to promise it too. A flow that fails is told as a closed one.
        """
        self._kept.keep(flow, every_s, self.now(), answered=answered)
        self.pump()

    def let_go(self, flow: Flow) -> None:
        """Ping a flow no more."""
        self._kept.stop(flow)

    def seen_as(self, flow: Flow, address: Address) -> None:
        """The peer of a flow sees us at `address`, for a NAT stands between: name that to it from now on."""
        self._addresses.seen_as(flow.transport, flow.remote[0], address)

    def seen_by(self, peer: str) -> str | None:
        """The host that a peer sees us at, if it has told."""
        return self._addresses.seen_by(peer)

    # What the connections tell (FlowUser)

    def received(self, data: bytes, flow: Flow) -> None:
        """A message came."""
        if self._endpoint is not None:
            try:
                now = self.now()
                if self._endpoint.receive(data, flow, now) and self._witness is not None:
                    self._witness.received(data, flow, now)
            except Exception as fault:
                self._report("received", fault)  # a bug of ours must not cost the socket all calls share
            self.pump()

    def closed(self, flow: Flow, error: str | None) -> None:
        """A connection is gone or could not be opened, or a flow is dead."""
        if self._endpoint is not None:
            self._kept.stop(flow)
            try:
                self._endpoint.flow_closed(flow, error, self.now())
                self._on_flow_closed(flow, error)
            except Exception as fault:
                self._report("closed", fault)
            self.pump()

    def needs(self, flow: Flow) -> bool:
        """Whether a call counts on the connection."""
        return self._endpoint is not None and self._endpoint.needs(flow)

    def pong(self, flow: Flow) -> None:
        """The peer has answered a ping."""
        self._kept.pong(flow)

    # Within

    def _datagram(self, data: bytes, source: Address, by: SipDatagrams) -> None:
        if stun.is_stun(data):
            self._stun(data, source, by)
        else:
            self.received(data, Flow("udp", source, by.local.towards(source[0])))

    def _bounced(self, bounced: Bounced) -> None:
        if self._endpoint is not None:
            self._endpoint.undelivered(bounced.quoted, os.strerror(bounced.error).lower(), self.now())
            self.pump()

    def _stun(self, data: bytes, source: Address, by: SipDatagrams) -> None:
        if (response := stun.answer(data, source)) is not None:
            by.send(response, source)
        elif (bound := stun.mapped(data)) is not None and (failed := self._kept.bound(source, *bound)) is not None:
            self.closed(failed.flow, failed.why)

    def _send(self, flow: Flow, data: bytes) -> None:
        if flow.reliable:
            self._connections.send(flow, data)
        elif (by := self._ports.datagrams_for(flow)) is not None:
            by.send(data, flow.remote)

    def _carry_out(self, effect: Effect) -> None:
        try:
            if isinstance(effect, Send):
                self._send(effect.flow, effect.data)
                if self._witness is not None:
                    self._witness.sent(effect.data, effect.flow, self.now())
            elif isinstance(effect, Resolve):
                looking = asyncio.get_running_loop().create_task(self._look_up(effect))
                self._looking.add(looking)
                looking.add_done_callback(self._looking.discard)
            else:
                self._on_event(effect)
        except Exception as fault:  # the other effects are other calls' as well
            self._report(type(effect).__name__, fault)

    async def _look_up(self, wanted: Resolve) -> None:
        try:
            ways = await self.resolve(wanted.uri, profile=wanted.profile)
        except OSError:
            return  # it stays where it was heard
        if self._endpoint is not None:
            self._endpoint.resolved(wanted.leg, ways, self.now())
            self.pump()

    def _tick(self) -> None:
        if self._endpoint is not None:
            try:
                self._endpoint.handle_timer(self.now())
                self._ping()
            except Exception as fault:
                self._report("timer", fault)
            self.pump()

    def _ping(self) -> None:
        for act in self._kept.due(self.now()):
            if isinstance(act, Failed):
                self._connections.abort(act.flow, act.why)
                if not act.flow.reliable:
                    self.closed(act.flow, act.why)
            elif not act.flow.reliable:
                self._send(act.flow, act.data)
            elif not self._connections.ping(act.flow):
                self.closed(act.flow, "the connection is gone")

    def _report(self, at: str, fault: Exception) -> None:
        self._log.error("sip.failed", at=at, exc_info=fault)


def _earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
