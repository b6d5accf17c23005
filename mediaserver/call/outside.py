"""Requests of ours outside of calls, each awaited; and connections that are gone, told to whoever counts on them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from mediaserver.net.flows import SipShell
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Flow, Replied
from mediaserver.sip.uri import NameAddr, SipUri


class Outside(Protocol):
    """SIP for what is no call: registrations, and asking whether a trunk is there."""

    def now(self) -> float:
        """The clock, in seconds."""

    async def resolve(self, hop: SipUri, profile: str) -> list[Flow]:
        """Where to send, in the order to try; OSError says why nowhere."""

    async def ask(
        self,
        method: str,
        *,
        target: SipUri,
        flow: Flow,
        from_: NameAddr,
        to: NameAddr,
        call_id: str | None = None,
        cseq: int | None = None,
        contact: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        credentials: tuple[str, str] | None = None,
        routes: Sequence[str] = (),
    ) -> Replied:
        """Send a request and wait for its end; challenges are answered on the way."""

    def contact(self, flow: Flow, user: str) -> str:
        """Our Contact value as a peer of `flow` reaches us."""

    def keep_alive(self, flow: Flow, seconds: float, *, answered: bool) -> None:
        """Keep a flow open from now on by a word every so many seconds (RFC 5626 4.4)."""

    def let_go(self, flow: Flow) -> None:
        """Keep it open no more."""

    def seen_as(self, flow: Flow, address: tuple[str, int]) -> None:
        """Name `address` to the peer of a flow from now on: there it sees us, beyond a NAT."""

    def watch(self, flow: Flow, lost: Callable[[], None]) -> None:
        """Have `lost` told once when the flow is gone."""

    def unwatch(self, flow: Flow, lost: Callable[[], None]) -> None:
        """Not any more."""


class SipOutside:
    """The endpoint and its shell, as `Outside`."""

    def __init__(self, endpoint: SipEndpoint, shell: SipShell) -> None:
        self._endpoint = endpoint
        self._shell = shell
        self._asked: dict[int, asyncio.Future[Replied]] = {}
        self._watching: dict[Flow, list[Callable[[], None]]] = {}

    def now(self) -> float:
        """The shell's clock."""
        return self._shell.now()

    async def resolve(self, hop: SipUri, profile: str) -> list[Flow]:
        """Where to send (RFC 3263)."""
        return await self._shell.resolve(hop, profile=profile)

    async def ask(
        self,
        method: str,
        *,
        target: SipUri,
        flow: Flow,
        from_: NameAddr,
        to: NameAddr,
        call_id: str | None = None,
        cseq: int | None = None,
        contact: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        credentials: tuple[str, str] | None = None,
        routes: Sequence[str] = (),
    ) -> Replied:
        """Send a request and wait for its end."""
        number = self._endpoint.outside.request(
            method,
            target=target,
            flow=flow,
            from_=from_,
            to=to,
            now=self.now(),
            call_id=call_id,
            cseq=cseq,
            contact=contact,
            headers=headers,
            credentials=credentials,
            routes=routes,
        )
        # Before the pump, which may bring the end at once.
        reply: asyncio.Future[Replied] = asyncio.get_running_loop().create_future()
        self._asked[number] = reply
        self._shell.pump()
        try:
            return await reply
        finally:
            self._asked.pop(number, None)

    def replied(self, event: Replied) -> None:
        """The end of a request has come."""
        reply = self._asked.get(event.request)
        if reply is not None and not reply.done():
            reply.set_result(event)

    def flow_closed(self, flow: Flow, error: str | None) -> None:
        """A connection is gone, or a flow is dead."""
        for lost in self._watching.pop(flow, ()):
            lost()

    def contact(self, flow: Flow, user: str) -> str:
        """Our Contact."""
        return self._endpoint.outside.contact(flow, user)

    def keep_alive(self, flow: Flow, seconds: float, *, answered: bool) -> None:
        """Ping the flow."""
        self._shell.keep_alive(flow, seconds, answered=answered)

    def let_go(self, flow: Flow) -> None:
        """Ping it no more."""
        self._shell.let_go(flow)

    def seen_as(self, flow: Flow, address: tuple[str, int]) -> None:
        """Name it to the peer."""
        self._shell.seen_as(flow, address)

    def watch(self, flow: Flow, lost: Callable[[], None]) -> None:
        """Have `lost` told once when the flow is gone."""
        self._watching.setdefault(flow, []).append(lost)

    def unwatch(self, flow: Flow, lost: Callable[[], None]) -> None:
        """Not any more."""
        waiting = self._watching.get(flow, [])
        if lost in waiting:
            waiting.remove(lost)
        if not waiting:
            self._watching.pop(flow, None)
