"""The shell of the SIP endpoint: sockets, the clock, name lookups; all decisions are the endpoint's."""

import asyncio
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address

import structlog

from mediaserver.errors import LocalProtocolError
from mediaserver.net.sip_tcp import TcpConnections, TcpLimits
from mediaserver.net.sip_udp import Address, LocalAddress, SipDatagrams
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Effect, Event, Flow, Send
from mediaserver.sip.uri import SipUri

_SIP_PORT = 5060


class SipShell:
    """Runs one `SipEndpoint` on a UDP socket, a TCP port, or both.

    After any command given to the endpoint call `pump`. Events go to `on_event`, which may itself give commands;
    the times given with commands are `SipShell.now()`.
    """

    def __init__(self, limits: TcpLimits | None = None) -> None:
        self._limits = limits or TcpLimits()
        self._endpoint: SipEndpoint | None = None
        self._on_event: Callable[[Event], None] = lambda event: None
        self._udp: SipDatagrams | None = None
        self._udp_local: LocalAddress | None = None
        self._tcp: TcpConnections | None = None
        self._server: asyncio.Server | None = None
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._log = structlog.get_logger()
        self.udp_address: Address | None = None
        """Where the UDP socket is bound; None without one."""
        self.tcp_address: Address | None = None
        """Where TCP connections are accepted; None when they are not."""

    @staticmethod
    def now() -> float:
        """The endpoint's clock in seconds: not the loop's, which uvloop rounds to milliseconds."""
        return time.monotonic()

    async def start(
        self,
        endpoint: SipEndpoint,
        *,
        udp: Address | None = None,
        tcp: Address | None = None,
        on_event: Callable[[Event], None],
    ) -> None:
        """Bind the sockets and run; port 0 lets the system choose. OSError if an address cannot be had."""
        self._endpoint = endpoint
        self._on_event = on_event
        loop = asyncio.get_running_loop()
        if udp is not None:
            transport, self._udp = await loop.create_datagram_endpoint(
                lambda: SipDatagrams(self._datagram), local_addr=udp
            )
            self.udp_address = _address(transport.get_extra_info("sockname"))
            self._udp_local = LocalAddress(self.udp_address)
        # Without a port of our own, connections we open still carry our other address as Contact.
        local = LocalAddress(self.udp_address or ("0.0.0.0", _SIP_PORT))
        try:
            if tcp is not None:
                # The port is known only once bound, and connections are told it: none is accepted in between.
                self._server = await loop.create_server(self._accept, *tcp, start_serving=False)
                self.tcp_address = _address(self._server.sockets[0].getsockname())
                local = LocalAddress(self.tcp_address)
            self._tcp = TcpConnections(self, self._limits, local)
            if self._server is not None:
                await self._server.start_serving()
        except OSError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close all sockets, which takes as long as `TcpLimits.linger_s` at most; calls that stand are not told."""
        self._endpoint = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._server is not None:
            self._server.close()
        if self._tcp is not None:
            await self._tcp.close()
        if self._udp is not None:
            self._udp.close()

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
                self._arm(endpoint.next_deadline())

    async def resolve(self, target: SipUri) -> Flow:
        """The flow to call `target` by: its transport parameter, its address, port 5060 by default.

        OSError if the name has no address of our family; LocalProtocolError if we do not speak the transport.
        """
        transport = (target.parameters.get("transport") or "udp").lower()
        if target.scheme != "sip" or transport not in ("udp", "tcp"):
            raise LocalProtocolError(f"cannot call {target}: only sip over udp and tcp")
        if transport == "udp":
            if self._udp_local is None:
                raise LocalProtocolError("no UDP socket to call from")
            remote = await self._lookup(target.host, target.port or _SIP_PORT)
            return Flow("udp", remote, self._udp_local.towards(remote[0]))
        remote = await self._lookup(target.host, target.port or _SIP_PORT)
        assert self._tcp is not None
        return self._tcp.flow_to(remote)

    # What the connections tell (FlowUser)

    def received(self, data: bytes, flow: Flow) -> None:
        """A message came by a connection."""
        if self._endpoint is not None:
            try:
                self._endpoint.receive(data, flow, self.now())
            except Exception as fault:
                self._report("received", fault)  # a bug of ours must not cost the socket all calls share
            self.pump()

    def closed(self, flow: Flow, error: str | None) -> None:
        """A connection is gone or could not be opened."""
        if self._endpoint is not None:
            try:
                self._endpoint.flow_closed(flow, error, self.now())
            except Exception as fault:
                self._report("closed", fault)
            self.pump()

    def needs(self, flow: Flow) -> bool:
        """Whether a call counts on the connection."""
        return self._endpoint is not None and self._endpoint.needs(flow)

    # Within

    def _accept(self) -> asyncio.Protocol:
        assert self._tcp is not None
        return self._tcp.accept()

    def _datagram(self, data: bytes, source: Address) -> None:
        assert self._udp_local is not None
        self.received(data, Flow("udp", source, self._udp_local.towards(source[0])))

    def _send(self, send: Send) -> None:
        if send.flow.transport == "udp":
            if self._udp is not None:
                self._udp.send(send.data, send.flow.remote)
        elif self._tcp is not None:
            self._tcp.send(send.flow, send.data)

    def _carry_out(self, effect: Effect) -> None:
        try:
            if isinstance(effect, Send):
                self._send(effect)
            else:
                self._on_event(effect)
        except Exception as fault:  # the other effects are other calls' as well
            self._report(type(effect).__name__, fault)

    def _arm(self, deadline: float | None) -> None:
        if deadline is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        if self._timer is not None:
            if self._armed_for <= deadline:
                return  # it fires early and is set anew then: cheaper than moving it with every message
            self._timer.cancel()
        self._armed_for = deadline
        delay = max(0.0, deadline - self.now())
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._endpoint is not None:
            try:
                self._endpoint.handle_timer(self.now())
            except Exception as fault:
                self._report("timer", fault)
            self.pump()

    def _report(self, at: str, fault: Exception) -> None:
        self._log.error("sip.failed", at=at, exc_info=fault)

    async def _lookup(self, host: str, port: int) -> Address:
        try:
            return str(ip_address(host)), port
        except ValueError:
            pass
        bound = self.udp_address or self.tcp_address or ("0.0.0.0", 0)
        family = socket.AF_INET6 if ":" in bound[0] else socket.AF_INET
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
        return str(found[0][4][0]), port


def _address(sockname: tuple[str | int, ...]) -> Address:
    return str(sockname[0]), int(sockname[1])
