"""A carrier on loopback: a registrar with accounts, and somebody who answers whatever number is called by it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from mediaserver.net.flows import SipShell
from mediaserver.net.listener import Listener
from mediaserver.net.tls import TlsSettings
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.binding import Binding
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Answered, Event, IncomingCall, Refused
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Request
from mediaserver.sip.registrar import Registrar
from mediaserver.sip.uri import NameAddr
from support.sipp import free_port


class Carrier:
    """What it was asked for is in `invites`; `refuses` are numbers it answers with this status."""

    def __init__(self, users: Mapping[str, str], *, algorithm: str = "MD5") -> None:
        self.registrar = Registrar()
        self.endpoint = SipEndpoint(
            token=lambda: secrets.token_hex(8),
            settings=EndpointSettings(),
            door=DigestDoor(authenticator=DigestAuthenticator("carrier", users, b"s" * 32, algorithms=(algorithm,))),
            registrar=self.registrar,
        )
        self.shell = SipShell()
        self.invites: list[Request] = []
        self.refuses: dict[str, int] = {}
        self.port = 0
        self._finals: dict[int, int] = {}
        self._changed = asyncio.Event()

    async def call(self, user: str, number: str) -> int:
        """Call an account by the flow it is registered by, as carriers do: its Contact, with the number in To.

        The status of the final response; an answered call is ended at once.
        """
        binding = self.binding(user)
        assert binding is not None
        media = Negotiation(Capabilities(), ("127.0.0.1", free_port()), 1)
        leg = self.endpoint.invite(
            target=binding.uri,
            flow=binding.flow,
            from_=NameAddr.parse("<sip:+4940777@carrier.example>"),
            to=NameAddr.parse(f"<sip:{number}@carrier.example>"),
            now=self.shell.now(),
            sdp=media.offer(),
            routes=binding.path,
        )
        self.shell.pump()
        await self.until(lambda: leg in self._finals)
        self.endpoint.bye(leg, self.shell.now())
        self.shell.pump()
        return self._finals[leg]

    async def until(self, true: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait for what an event of SIP brings about."""
        async with asyncio.timeout(timeout_s):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    def binding(self, user: str) -> Binding | None:
        """Where an account is reached."""
        return next(iter(self.registrar.contacts(user)), None)

    def _event(self, event: Event) -> None:
        match event:
            case IncomingCall():
                self._called(event)
            case Answered(leg=leg):
                self._finals[leg] = 200
            case Refused(leg=leg, status=status):
                self._finals[leg] = status
        self._changed.set()

    def _called(self, call: IncomingCall) -> None:
        self.invites.append(call.request)
        status = self.refuses.get(call.request.uri.user or "")
        if status is not None:
            self.endpoint.reject(call.leg, status, self.shell.now())
            return
        assert call.offer is not None
        media = Negotiation(Capabilities(), ("127.0.0.1", free_port()), 1)
        self.endpoint.provisional(call.leg, 180, self.shell.now())
        self.endpoint.answer(call.leg, media.answer(call.offer), self.shell.now())


@asynccontextmanager
async def carrier(
    users: Mapping[str, str], *, algorithm: str = "MD5", tls: TlsSettings | None = None
) -> AsyncIterator[Carrier]:
    """Serve on a free port of loopback: the same by UDP, and by TCP or TLS."""
    given = Carrier(users, algorithm=algorithm)
    given.port = free_port()
    at = ("127.0.0.1", given.port)
    listeners = [Listener("udp", at), Listener("tcp" if tls is None else "tls", at, tls=tls)]
    await given.shell.start(given.endpoint, listeners=listeners, on_event=given._event)
    try:
        yield given
    finally:
        await given.shell.close()
