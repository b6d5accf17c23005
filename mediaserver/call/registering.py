"""The registration of one trunk, kept up: `sip.registration` decides, this looks up, sends and waits."""

import asyncio
import platform
from collections.abc import Callable
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

import structlog

from mediaserver.call.caller_id import escaped
from mediaserver.call.outside import Outside
from mediaserver.call.trunk import Trunk
from mediaserver.errors import MediaServerError, RemoteProtocolError
from mediaserver.sip.events import Flow, Replied
from mediaserver.sip.registration import Registration
from mediaserver.sip.registration_state import Register, RegistrationSettings, RegistrationState, Status
from mediaserver.sip.uri import NameAddr

_NOWHERE = 503
_MOST_CORRECTIONS = 3
"""A NAT that shows us at another address each time is none that we could be called through."""


class Registering:
    """Registers a trunk until told to leave. `token` and `chance` are as `Registration` wants them."""

    def __init__(
        self,
        trunk: Trunk,
        outside: Outside,
        keepalive_s: float,
        *,
        token: Callable[[], str],
        chance: Callable[[], float],
    ) -> None:
        account = NameAddr(None, trunk.uri(escaped(trunk.settings.user or "")))
        settings = RegistrationSettings(account, trunk.uri(None), trunk.settings.expires_s)
        if trunk.settings.outbound:
            settings = replace(settings, instance=_instance(account), reg_id=1)
        self._trunk = trunk
        self._outside = outside
        self._keepalive_s = keepalive_s
        self._registration = Registration(settings, token=token, chance=chance)
        self._flow: Flow | None = None
        """Where we are registered by: calls come by it, so it is kept open."""
        self._corrections = 0
        """How often our address was put right in one go."""
        self._woken = asyncio.Event()
        self._told: tuple[Status, str | None] | None = None
        self._log = structlog.get_logger().bind(trunk=trunk.name)

    @property
    def state(self) -> RegistrationState:
        """How it stands."""
        return self._registration.state

    async def run(self) -> None:
        """Register and refresh until `leave` is done."""
        self._registration.start(self._outside.now())
        while True:
            while actions := self._registration.actions():
                for register in actions:
                    await self._send(register)
                    self._tell()
            if self.state.status is Status.STOPPED:
                self._tell()
                self._let_go()
                return
            await self._wait()
            self._corrections = 0
            self._registration.handle_timer(self._outside.now())
            self._tell()

    def leave(self) -> None:
        """Undo the registration; `run` returns when that is done."""
        self._registration.stop(self._outside.now())
        self._woken.set()

    async def _wait(self) -> None:
        deadline = self._registration.next_deadline()
        pause = None if deadline is None else max(0.0, deadline - self._outside.now())
        try:
            async with asyncio.timeout(pause):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _send(self, register: Register) -> None:
        """By the first flow that leads anywhere; the one that worked last is tried first (RFC 3263 4.3)."""
        try:
            flows = await self._outside.resolve(self._trunk.hop, self._trunk.name)
        except (OSError, MediaServerError) as error:
            self._take(Replied(0, _NOWHERE, str(error), None), None)
            return
        self._trunk.addresses |= {flow.remote[0] for flow in flows}
        if self._flow in flows:
            flows = [self._flow, *(flow for flow in flows if flow != self._flow)]
        for place, flow in enumerate(flows, 1):
            reply = await self._ask(register, flow)
            if reply.response is not None or place == len(flows):
                self._take(reply, flow)
                return

    async def _ask(self, register: Register, flow: Flow) -> Replied:
        contact = None
        if register.contact:
            contact = self._registration.contact(self._outside.contact(flow, escaped(self._trunk.contact_user)))
        proxy = self._trunk.proxy
        return await self._outside.ask(
            "REGISTER",
            target=register.target,
            flow=flow,
            from_=register.from_,
            to=register.to,
            call_id=register.call_id,
            cseq=register.cseq,
            contact=contact,
            headers=register.headers,
            credentials=self._trunk.credentials,
            routes=[] if proxy is None else [str(proxy)],
        )

    def _take(self, reply: Replied, flow: Flow | None) -> None:
        self._registration.replied(reply.status, reply.reason, reply.response, self._outside.now())
        state = self._registration.state
        if state.status is Status.REGISTERED and state.failure is None and flow is not None:
            self._hold(flow, state)
            self._trunk.service_route = _readable(state.service_routes)
            if self._trunk.settings.behind_nat:
                self._correct(flow, state)

    def _correct(self, flow: Flow, state: RegistrationState) -> None:
        """Register by the address that the registrar sees us at, and name it to the trunk from now on."""
        host, port = state.seen_as or flow.local
        seen = host, port or flow.local[1]
        if seen != flow.local and self._corrections < _MOST_CORRECTIONS:
            self._corrections += 1
            self._outside.seen_as(flow, seen)
            self._registration.refresh(self._outside.now())

    def _hold(self, flow: Flow, state: RegistrationState) -> None:
        """Keep the flow open that calls come by, as often as the registrar wants it (RFC 5626 4.4.1)."""
        self._trunk.outbound = state.outbound
        if flow == self._flow:
            return
        self._let_go()
        self._flow = self._trunk.registered_by = flow
        self._outside.watch(flow, self._lost)
        every_s = 0.8 * state.flow_timer if state.flow_timer else self._keepalive_s
        if every_s > 0:
            self._outside.keep_alive(flow, every_s, answered=state.outbound)

    def _let_go(self) -> None:
        if self._flow is not None:
            self._outside.unwatch(self._flow, self._lost)
            self._outside.let_go(self._flow)
            self._forget()

    def _forget(self) -> None:
        self._flow = self._trunk.registered_by = None
        self._trunk.outbound = False

    def _lost(self) -> None:
        """The connection that calls come by is gone."""
        self._forget()
        self._registration.flow_failed(self._outside.now())
        self._woken.set()

    def _tell(self) -> None:
        """Log and count what has changed; the same failure is told once."""
        state = self._registration.state
        if state.status in (Status.TRYING, Status.LEAVING) or (state.status, state.failure) == self._told:
            return
        self._told = (state.status, state.failure)
        self._trunk.registration(state.status is Status.REGISTERED)
        if state.status is Status.STOPPED:
            self._log.info("trunk.unregistered")
        elif state.failure is None:
            seconds = None if state.until is None else round(state.until - self._outside.now())
            self._log.info("trunk.registered", account=str(self._trunk.uri(self._trunk.settings.user)), for_s=seconds)
        else:
            held = state.status is Status.REGISTERED
            self._log.warning("trunk.not_registered", why=state.failure, status=state.failed_status, still_held=held)


def _instance(account: NameAddr) -> str:
    """What names us to a registrar for ever (RFC 5626 4.1): the same after each start of this machine."""
    return uuid5(NAMESPACE_URL, f"{platform.node()}/{account.uri}").urn


def _readable(routes: tuple[str, ...]) -> tuple[NameAddr, ...]:
    found = []
    for route in routes:
        try:
            found.append(NameAddr.parse(route))
        except RemoteProtocolError:
            continue
    return tuple(found)
