"""One connection of SIP: TCP, on it TLS or not, on that a stream of messages or a WebSocket (RFC 3261 18, RFC 7118)."""

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

from mediaserver.net.framing import Framing
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.local_address import SCOPES, Address, LocalAddress
from mediaserver.net.tls_layer import TlsError, TlsLayer
from mediaserver.sip.events import Flow, Transport


@dataclass(slots=True)
class Stack:
    """What a connection is made of, from the bottom up; `local` is the listener's that accepted it."""

    transport: Transport
    framing: Framing
    tls: TlsLayer | None = None
    local: LocalAddress | None = None


class ConnectionOwner(Protocol):
    """Who keeps the connections."""

    @property
    def limits(self) -> ConnectionLimits:
        """What a connection may cost."""

    def admit(self, connection: "SipConnection") -> bool:
        """Whether one more may begin."""

    def opened(self, connection: "SipConnection") -> None:
        """Messages may pass now."""

    def received(self, connection: "SipConnection", message: bytes) -> None:
        """Take one message."""

    def pong(self, connection: "SipConnection") -> None:
        """The peer has answered a ping."""

    def needs(self, connection: "SipConnection") -> bool:
        """Whether a call still counts on the connection, however silent it is."""

    def retire(self, connection: "SipConnection", error: str | None) -> None:
        """Nothing can be sent or heard by the connection any more, though its last words may be under way."""

    def forget(self, connection: "SipConnection") -> None:
        """The connection is gone."""


class SipConnection(asyncio.Protocol):
    """One connection. `flows` are the names it goes by; one we open has its flow, with key 0, from the beginning."""

    def __init__(self, owner: ConnectionOwner, stack: Stack, flow: Flow | None = None) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._pinger: asyncio.TimerHandle | None = None
        self._why: str | None = None
        self._heard_at = self._loop.time()
        self.retired = False
        """The owner has been told that it is over."""
        self.stack = stack
        self.open = False
        """Every handshake is over."""
        self.peer: Address = ("", 0)
        self.flows: list[Flow] = [] if flow is None else [flow]

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, or end it at once when there are too many or the peer has gone already."""
        # Not an isinstance check: uvloop has transport classes of its own.
        self._transport = cast(asyncio.Transport, transport)
        peer = _peer(transport)
        if peer is None:
            self._transport.abort()
            return
        self.peer = peer
        if not self._owner.admit(self):
            self._transport.abort()
            return
        self._watch(self._owner.limits.idle_s)
        self._expect(self._owner.limits.handshake_s, "the handshake took too long")
        try:
            if self.stack.tls is not None:
                self.stack.tls.begin()
        except TlsError as error:
            self._fail(str(error))
        self._go_on()

    def data_received(self, data: bytes) -> None:
        """Cut the bytes into messages, answer pings, close what cannot be followed."""
        tls, framing = self.stack.tls, self.stack.framing
        if self._linger is not None:
            return  # what comes after our goodbye is nobody's
        try:
            plain = data if tls is None else tls.receive(data)
        except TlsError as error:
            self._fail(str(error))
            return
        heard, pongs = framing.heard, framing.pongs
        messages = framing.receive(plain) if plain else []
        self._go_on()
        if framing.heard != heard:
            # Bytes that complete nothing keep no connection alive.
            self._heard_at = self._loop.time()
        for message in messages:
            self._owner.received(self, message)
        if framing.pongs != pongs:
            self._owner.pong(self)
        if self.open:
            self._mind_the_rest(bool(messages))
        if framing.ended or (tls is not None and tls.ended):
            self._fail(framing.fault)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever used the connection."""
        for timer in (self._idle, self._linger, self._deadline, self._pinger):
            if timer is not None:
                timer.cancel()
        self._owner.retire(self, self._why or (None if exc is None else str(exc) or type(exc).__name__))
        self._owner.forget(self)

    # What the owner wants

    def send(self, message: bytes) -> None:
        """Send a message; a peer that does not read loses the connection."""
        if self.open:
            self.stack.framing.send(message)
            self._flush()

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        if self.open:
            self.stack.framing.ping()
            self._flush()

    def close(self) -> None:
        """Close after what was written; a peer that does not read it in time loses it."""
        if self._transport is None or self._linger is not None:
            return
        for timer in (self._idle, self._deadline, self._pinger):
            if timer is not None:
                timer.cancel()
        if self.open:
            self.stack.framing.end()
            self._flush()
            if self.stack.tls is not None:
                self.stack.tls.end()
        self._flush()
        # Not at once even when idle: on uvloop what was written this very moment is still in the buffer.
        self._linger = self._loop.call_later(self._owner.limits.linger_s, self._transport.abort)
        self._transport.close()
        self._owner.retire(self, self._why)

    def abort(self, why: str | None = None) -> None:
        """Close now; what was written and not read is lost."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()

    # Within

    def _go_on(self) -> None:
        """Send what the layers have to say, and open the connection once the last of them is ready."""
        tls, framing = self.stack.tls, self.stack.framing
        self._flush()
        if not self.open and framing.ready and (tls is None or tls.established) and self._linger is None:
            self.open = True
            self._expect(None)
            if self.stack.transport in ("ws", "wss"):
                self._pinger = self._loop.call_later(self._owner.limits.ping_s, self._ping_again)
            self._owner.opened(self)

    def _flush(self) -> None:
        transport, tls = self._transport, self.stack.tls
        if transport is None or transport.is_closing():
            return
        data = b""
        if tls is None or tls.established:
            data = self.stack.framing.outgoing()
        if tls is not None:
            if data:
                tls.send(data)
            data = tls.outgoing()
        if data:
            transport.write(data)
            if transport.get_write_buffer_size() > self._owner.limits.buffered:
                self.abort("the peer does not read")

    def _fail(self, why: str | None) -> None:
        self._why = self._why or why
        self.close()

    def _mind_the_rest(self, progressed: bool) -> None:
        """What has begun has to be complete in time, or a sender of single octets would hold us for ever."""
        if not self.stack.framing.partial:
            if self._deadline is not None:
                self._expect(None)
        elif progressed or self._deadline is None:
            self._expect(self._owner.limits.message_s, "a message was not completed in time")

    def _expect(self, within: float | None, why: str = "") -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if within is None else self._loop.call_later(within, self.abort, why)

    def _watch(self, delay: float) -> None:
        self._idle = self._loop.call_later(delay, self._check_idle)

    def _check_idle(self) -> None:
        limit = self._owner.limits.idle_s
        silent = self._loop.time() - self._heard_at
        if silent < limit:
            self._watch(limit - silent)
        elif self._owner.needs(self):
            self._watch(limit)
        else:
            self.close()

    def _ping_again(self) -> None:
        every = self._owner.limits.ping_s
        if self._loop.time() - self._heard_at > 2.5 * every:
            self.abort("no answer to pings")
            return
        self.ping()
        self._pinger = self._loop.call_later(every, self._ping_again)


def _peer(transport: asyncio.BaseTransport) -> Address | None:
    """The far end; None if it broke the connection before we took it."""
    try:
        name = transport.get_extra_info("peername")
    except OSError:
        return None
    if not name:
        return None
    host = str(name[0]).partition("%")[0]
    if len(name) > 3:
        SCOPES.learn(host, int(name[3]))
    return host, int(name[1])
