"""A telephone: places one real SIP call, plays a script over RTP, and reports what it heard."""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mediaserver.errors import RemoteProtocolError
from mediaserver.load.echo import EchoPath
from mediaserver.load.line import MediaLine
from mediaserver.load.recording import play_by_timestamp
from mediaserver.load.reference import main_source, receive
from mediaserver.load.report import CallReport
from mediaserver.load.script import Leave, Performance, Step
from mediaserver.load.voice import decoders
from mediaserver.net.flows import SipShell
from mediaserver.net.rtp_port import PortRange
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sdp.security import OFFERED, Protection, SrtpPolicy
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Acknowledged, Answered, Ended, Event, Flow, Progress, Refused, Reinvited
from mediaserver.sip.uri import NameAddr, SipUri
from mediaserver.webrtc.identity import Identity

BYE_S = 3.0
"""How long the answer to a BYE or CANCEL is waited for."""

type Watch = Callable[[str], None]
"""Told `ringing`, `answered`, `ended` as they happen; `said` is told the label of each `Play` as it begins."""


@dataclass(frozen=True, slots=True)
class CallerSettings:
    """How the telephone presents itself."""

    host: str | None = None
    """Local address; None: the one that reaches the callee."""
    user: str = "caller"
    credentials: tuple[str, str] | None = None
    """Digest user and password, for when the callee asks."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    """What is offered, most wanted first."""
    ptime_ms: int = 20
    comfort_noise: bool = False
    """Offer comfort noise, which lets the callee leave silence out."""
    answer_timeout_s: float = 30.0
    rtp_ports: tuple[int, int] = (30000, 39998)
    srtp: SrtpPolicy = "never"
    """Offer encrypted media, beside plain ones ("optional") or alone ("required")."""
    suites: tuple[str, ...] = OFFERED
    """Which of them, most wanted first."""
    dtls: bool = False
    """Offer DTLS-SRTP alone, whatever `srtp` says."""
    echo: tuple[float, float] | None = None
    """What the telephone gives back of what it plays: level in dB, delay in ms. None: nothing."""


class Caller:
    """One telephone line; every call is a :meth:`place`."""

    def __init__(
        self,
        settings: CallerSettings | None = None,
        watch: Watch = lambda what: None,
        said: Watch = lambda label: None,
    ) -> None:
        self._settings = settings or CallerSettings()
        self._watch = watch
        self._said = said

    async def place(self, uri: str, steps: Sequence[Step], *, max_s: float = 3600.0) -> CallReport:
        """
        Call `uri` (`sip:user@host:port`, `;transport=tcp` for TCP), play the steps once answered, then hang up.

        The call ends earlier when the callee hangs up, and after `max_s` seconds at the latest. A call that is refused
        or not answered is a report too. Raises RemoteProtocolError for a URI that is none,
        LocalProtocolError for a transport we do not speak, OSError for a host unknown.
        """
        target = SipUri.parse(uri)
        host = self._settings.host
        if host is None:
            host = await asyncio.to_thread(_local_address, target)
        return await _Call(self._settings, self._watch, self._said, uri, host).run(target, steps, max_s)


class _Call:
    """One call from INVITE to the end."""

    def __init__(self, settings: CallerSettings, watch: Watch, said: Watch, uri: str, host: str) -> None:
        self._settings, self._watch, self._said, self._host = settings, watch, said, host
        self._loop = asyncio.get_running_loop()
        self._endpoint = SipEndpoint(token=lambda: secrets.token_hex(8))
        self._shell = SipShell()
        self._ports = PortRange(host, *_span(settings.rtp_ports))
        self._port = self._ports.take(self._loop)
        identity = Identity() if settings.dtls else None
        self._line = MediaLine(self._loop, self._port, identity)
        if settings.echo is not None:
            self._line.echo = EchoPath(*settings.echo)
        capabilities = Capabilities(
            codecs=settings.codecs,
            comfort_noise=settings.comfort_noise,
            offer_comfort_noise=settings.comfort_noise,
            default_ptime=settings.ptime_ms,
        )
        policy, fingerprint = settings.srtp, None
        if identity is not None:
            policy, fingerprint = "required", identity.fingerprint
        protection = Protection(policy, secrets.token_bytes, fingerprint, browser=settings.dtls, suites=settings.suites)
        path = MediaPath(protection)
        self._negotiation = Negotiation(capabilities, (host, self._port.number), secrets.randbits(31), path)
        self._plan: MediaPlan | None = None
        self._final: asyncio.Future[bytes | None] = self._loop.create_future()
        self._over = asyncio.Event()
        self._leaving: Leave | None = None
        self._report = CallReport(uri)

    async def run(self, target: SipUri, steps: Sequence[Step], max_s: float) -> CallReport:
        report = self._report
        performance: Performance | None = None
        await self._shell.start(self._endpoint, udp=(self._host, 0), tcp=None, on_event=self._event)
        try:
            leg = self._invite(target, (await self._shell.resolve(target))[0])
            if await self._answered(leg):
                assert self._plan is not None
                performance = Performance(steps, self._line.ear, self._plan.ptime_ms, ends=True, said=self._said)
                self._line.start(self._plan, performance, self._leave)
                await self._talk(leg, max_s)
        finally:
            self._line.stop()
            self._ports.give_back(self._port)
            await self._shell.close()
        if performance is not None:
            report.spoken = performance.spoken
            report.timed_out = [type(step).__name__ for step in performance.timed_out]
        self._evaluate()
        return report

    def _invite(self, target: SipUri, flow: Flow) -> int:
        self._report.placed_at = now = time.monotonic()
        leg = self._endpoint.invite(
            target=target,
            flow=flow,
            from_=NameAddr(None, SipUri("sip", self._settings.user, self._host)),
            now=now,
            sdp=self._negotiation.offer(),
            credentials=self._settings.credentials,
        )
        self._shell.pump()
        return leg

    async def _answered(self, leg: int) -> bool:
        try:
            async with asyncio.timeout(self._settings.answer_timeout_s):
                body = await asyncio.shield(self._final)
        except TimeoutError:
            self._report.status, self._report.reason = 408, "not answered"
            await self._end(leg)
            return False
        if self._report.answered_at is None:
            return False
        try:
            self._plan = self._negotiation.accepted(body or b"")
        except RemoteProtocolError as error:
            self._report.reason = f"answer cannot be used: {error}"
            await self._end(leg)
            return False
        self._report.codec = self._plan.send.encoding
        return True

    async def _talk(self, leg: int, max_s: float) -> None:
        """Until the script or the peer ends the call."""
        try:
            async with asyncio.timeout(max_s):
                await self._over.wait()
        except TimeoutError:
            self._leave(Leave.HANG_UP)
        self._line.stop()
        if self._leaving is Leave.HANG_UP:
            self._report.ended_by = "caller"
            await self._end(leg)
        elif self._leaving is Leave.VANISH:
            self._report.ended_by = "vanished"
        else:
            self._report.ended_by = "agent"
        self._report.ended_at = self._report.ended_at or time.monotonic()
        self._watch("ended")

    async def _end(self, leg: int) -> None:
        """BYE, or CANCEL while it rings; and some time for the answer."""
        self._over.clear()
        self._endpoint.bye(leg, time.monotonic())
        self._shell.pump()
        try:
            async with asyncio.timeout(BYE_S):
                await self._over.wait()
        except TimeoutError:
            pass

    def _leave(self, how: Leave) -> None:
        if self._leaving is None:
            self._leaving = how
            self._report.ended_at = time.monotonic()
            self._line.stop()
            self._over.set()

    def _event(self, event: Event) -> None:
        report, now = self._report, time.monotonic()
        match event:
            case Progress(status=status) if status >= 180 and report.ringing_at is None:
                report.ringing_at = now
                self._watch("ringing")
            case Answered(body=body) if not self._final.done():
                report.answered_at, report.status = now, 200
                self._final.set_result(body)
                self._watch("answered")
            case Refused():
                if report.status is None:
                    report.status, report.reason = event.status, event.reason
                if not self._final.done():
                    self._final.set_result(None)
                self._over.set()
            case Ended():
                if event.by_peer and report.ended_at is None:
                    report.ended_at, report.reason = now, event.reason
                self._over.set()
            case Reinvited():
                self._renegotiate(event)
            case Acknowledged(answer=sdp):
                self._acknowledged(sdp)

    def _renegotiate(self, event: Reinvited) -> None:
        if event.offer is None:
            sdp = self._negotiation.offer()
        else:
            try:
                sdp = self._negotiation.answer(event.offer)
            except RemoteProtocolError as error:
                self._endpoint.reject_reinvite(event.leg, error.status or 488, time.monotonic())
                return
            self._follow()
        self._endpoint.answer_reinvite(event.leg, sdp, time.monotonic())

    def _acknowledged(self, answer: bytes | None) -> None:
        """The ACK to a 200 of ours: it answers what we offered there."""
        if answer is not None and self._negotiation.offering:
            try:
                self._negotiation.accepted(answer)
            except RemoteProtocolError:
                return
            self._follow()

    def _follow(self) -> None:
        self._plan = self._negotiation.plan
        if self._plan is not None:
            self._line.change(self._plan)

    def _evaluate(self) -> None:
        report = self._report
        report.srtp = self._line.suite
        report.arrivals = self._line.arrivals
        report.sent = self._line.said()
        if self._plan is not None:
            audio = main_source(self._line.heard())
            report.heard = play_by_timestamp(self._line.heard(), decoders(self._plan))
            report.reception = receive(audio)


def _local_address(target: SipUri) -> str:
    """The address of ours that datagrams to `target` leave from; nothing is sent to find out."""
    family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((target.host, target.port or 5060))
        return str(probe.getsockname()[0])


def _span(ports: tuple[int, int]) -> tuple[int, int]:
    """The range from a random even port on, so that callers on one machine seldom try the same port first."""
    first, last = ports
    return first + 2 * secrets.randbelow(max(1, (last - first) // 4)), last
