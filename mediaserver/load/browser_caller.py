"""A browser's call without the browser: offer by WHIP, ICE, DTLS and SRTP on one socket, a script played in Opus."""

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import httpx2

from mediaserver.errors import RemoteProtocolError
from mediaserver.load.browser_ice import ControllingAgent
from mediaserver.load.browser_leg import BrowserLeg
from mediaserver.load.browser_port import CallerPort
from mediaserver.load.browser_terms import Agreed, Terms, fragment, restarted
from mediaserver.load.line import MediaLine
from mediaserver.load.phrasebook import Phrasebook
from mediaserver.load.recording import play_by_timestamp
from mediaserver.load.reference import main_source, receive
from mediaserver.load.report import CallReport
from mediaserver.load.script import Leave, Performance, Step
from mediaserver.load.voice import decoders
from mediaserver.load.whip import Session, WhipClient, WhipError
from mediaserver.webrtc.identity import Identity

GOODBYE_S = 3.0
"""How long the answer to DELETE is waited for."""


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """How the caller presents itself, and how much it looks at what it hears."""

    codecs: tuple[str, ...] = ("OPUS",)
    ptime_ms: int = 20
    origin: str | None = None
    """The page it says to come from."""
    verify: bool = True
    """The server's certificate has to be good."""
    answer_timeout_s: float = 30.0
    connect_timeout_s: float = 15.0
    quiet: bool = False
    """Ask for nothing to be sent in silence."""
    listen_every: int = 1
    """One packet of so many is decoded on arrival, to hear whether the agent speaks."""
    recorded: bool = True
    """In the end all that came is decoded, for the report."""


class BrowserCaller:
    """One call. `async with` has it answered and connected, and ends it; :meth:`perform` plays a script in it.

    `identity`: a certificate to share among many callers, for it costs 1 ms to make one. `book`: the same of what
    they say. `watch` is told `posted`, `answered`, `connected`, `ended`; `said` the label of each `Play`.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        settings: BrowserSettings | None = None,
        *,
        identity: Identity | None = None,
        book: Phrasebook | None = None,
        watch: Callable[[str], None] = lambda what: None,
        said: Callable[[str], None] = lambda label: None,
    ) -> None:
        self._url = url
        self._settings = settings or BrowserSettings()
        self._identity = identity or Identity()
        self._book = book or Phrasebook()
        self._watch, self._said = watch, said
        self._whip = WhipClient(
            token, origin=self._settings.origin, verify=self._settings.verify, timeout_s=self._settings.answer_timeout_s
        )
        self._over = asyncio.Event()
        self._leaving: Leave | None = None
        self._port: CallerPort | None = None
        self.session: Session | None = None
        """As the server named it; None before the answer."""
        self.leg: BrowserLeg | None = None
        self.report = CallReport(url)

    async def __aenter__(self) -> "BrowserCaller":
        """Raises WhipError if refused, RemoteProtocolError for an answer of no use, ConnectionError without media."""
        try:
            await self._begin()
        except BaseException:
            await self._end(polite=True)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end(polite=self._leaving is not Leave.VANISH)

    async def perform(self, steps: Sequence[Step], *, max_s: float = 3600.0) -> CallReport:
        """Play the steps until they end, the server ends the call or `max_s` seconds are over. Once a call.

        After the last step the caller hangs up, on leaving `async with`.
        """
        assert self._port is not None
        plan = self._agreed.plan
        self._book.learn(steps, plan.send, plan.ptime_ms)
        line = MediaLine(
            asyncio.get_running_loop(), self._port,
            encoder=self._book.speaker, listen_every=self._settings.listen_every,
        )  # fmt: skip
        performance = Performance(steps, line.ear, plan.ptime_ms, ends=True, said=self._said)
        line.start(plan, performance, self._leave)
        try:
            async with asyncio.timeout(max_s):
                await self._over.wait()
        except TimeoutError:
            self._leave(Leave.HANG_UP)
        finally:
            line.stop()
            self._evaluate(line, performance)
        return self.report

    async def restart_ice(self) -> None:
        """Begin ICE anew, as a browser that is on another network now. Raises WhipError, RemoteProtocolError."""
        assert self.session is not None and self.leg is not None
        ours = secrets.token_hex(4), secrets.token_hex(12)
        answer = await self._whip.patch(self.session, fragment(*ours), restart=True)
        if answer is None:
            raise RemoteProtocolError("the server takes a restart of ICE for candidates that come later")
        self.leg.ice.restart(*restarted(answer, ours, self._agreed), time.monotonic())
        self.leg.handle_timer(time.monotonic())

    async def hang_up(self) -> None:
        """End the call now."""
        self._leave(Leave.HANG_UP)
        await self._end(polite=True)

    async def vanish(self) -> None:
        """Be gone without a word, as a browser whose machine lost its power."""
        self._leave(Leave.VANISH)
        await self._end(polite=False)

    # --- within -------------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        report, settings = self.report, self._settings
        address = await asyncio.to_thread(local_address, self._url)
        self._port = port = CallerPort(asyncio.get_running_loop(), address)
        terms = Terms(
            settings.codecs, (address, port.number), self._identity.fingerprint,
            ptime_ms=settings.ptime_ms, quiet=settings.quiet,
        )  # fmt: skip
        offer = terms.offer()
        report.placed_at = time.monotonic()
        self._watch("posted")
        self.session = await self._whip.post(self._url, offer)
        report.status, report.answered_at = 201, time.monotonic()
        self._watch("answered")
        self._agreed = agreed = terms.accepted(self.session.answer)
        report.codec = agreed.plan.send.encoding
        self.leg = leg = self._make_leg(agreed, port)
        port.lost = self._lost
        await port.connect(leg, settings.connect_timeout_s)
        report.ice_at, report.dtls_at = leg.milestones.found_at, leg.milestones.keyed_at
        report.srtp = leg.keys.suite
        self._watch("connected")

    def _make_leg(self, agreed: Agreed, port: CallerPort) -> BrowserLeg:
        ice = ControllingAgent(
            agreed.credentials,
            agreed.candidates,
            tie_breaker=secrets.randbits(64),
            transaction=lambda: os.urandom(12),
            spread=random.random,
        )
        return BrowserLeg(self._identity, ice, agreed.dtls, port.send)

    def _lost(self, why: str | None) -> None:
        report = self.report
        if report.ended_at is None:
            report.ended_at, report.reason = time.monotonic(), why or ""
            report.ended_by = "agent" if why is None else ""
        self._over.set()

    def _leave(self, how: Leave) -> None:
        if self._leaving is None and not self._over.is_set():
            self._leaving = how
            self.report.ended_at = time.monotonic()
            self._over.set()

    async def _end(self, *, polite: bool) -> None:
        """Release everything; the first time, tell the server if that is `polite`."""
        port, self._port = self._port, None
        session, report = self.session, self.report
        if port is not None and session is not None and report.answered:
            if not report.ended_by:
                report.ended_by = {Leave.VANISH: "vanished", None: ""}.get(self._leaving, "caller")
            report.ended_at = report.ended_at or time.monotonic()
            if polite:
                await self._say_goodbye(session)
                if self.leg is not None:
                    self.leg.close()
            self._watch("ended")
        if port is not None:
            port.close()
        await self._whip.close()

    async def _say_goodbye(self, session: Session) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._whip.delete(session)
        except TimeoutError:
            pass
        except WhipError as error:
            if error.status == 404 and self._leaving is not Leave.VANISH:
                self.report.ended_by = "agent"  # it was over already

    def _evaluate(self, line: MediaLine, performance: Performance) -> None:
        report, plan = self.report, self._agreed.plan
        report.spoken = performance.spoken
        report.timed_out = [type(step).__name__ for step in performance.timed_out]
        report.arrivals, report.sent = line.arrivals, line.said()
        heard = line.heard()
        report.reception = receive(main_source(heard))
        if self._settings.recorded:
            report.heard = play_by_timestamp(heard, decoders(plan))


async def place(
    url: str,
    token: str | None,
    steps: Sequence[Step],
    settings: BrowserSettings | None = None,
    *,
    max_s: float = 3600.0,
    watch: Callable[[str], None] = lambda what: None,
    said: Callable[[str], None] = lambda label: None,
) -> CallReport:
    """Call an agent's WHIP endpoint, play the steps, hang up. A call refused or not connected is a report, too."""
    caller = BrowserCaller(url, token, settings, watch=watch, said=said)
    try:
        async with caller:
            await caller.perform(steps, max_s=max_s)
    except WhipError as error:
        caller.report.status, caller.report.reason = error.status, str(error)
    except (RemoteProtocolError, ConnectionError) as error:
        caller.report.reason = str(error)
    return caller.report


def local_address(url: str) -> str:
    """The address of ours that datagrams to the host of `url` leave from; nothing is sent to find out.

    Raises OSError for a host unknown, WhipError for what is no HTTP URL.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise WhipError(None, f"{url}: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise WhipError(None, f"{url}: not an http or https URL")
    found = socket.getaddrinfo(parsed.host, parsed.port or 443, type=socket.SOCK_DGRAM)
    family, _, _, _, remote = found[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(remote)
        return str(probe.getsockname()[0])
