"""Lines of the benchmark that call as a browser does, and cost next to nothing while they talk.

What is sent is Opus made beforehand, with the header extensions and the reports of a browser, sealed packet by packet.
What comes is noted as it is, still sealed: its headers can be read, and what was in it is opened and decoded when the
call is over.
"""

import asyncio
import os
import random
import secrets
import socket
import struct
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from bench.browser_speech import silence
from mediacodecs.opus import OpusDecoder
from mediaserver.load.browser_caller import local_address
from mediaserver.load.browser_ice import Address, ControllingAgent
from mediaserver.load.browser_leg import BrowserLeg
from mediaserver.load.browser_port import bound
from mediaserver.load.browser_terms import Agreed, Terms
from mediaserver.load.ear import is_loud
from mediaserver.load.whip import Session, WhipClient
from mediaserver.rtp import rtcp
from mediaserver.rtp.packet import parse
from mediaserver.webrtc.identity import Identity

if TYPE_CHECKING:
    from bench.callers import Line

CONNECT_S, HANG_UP_S = 20.0, 5.0
REPORT_EVERY_S = 5.0
"""Between two receiver reports, as browsers send them of audio."""
SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@qq")
_HEADER = struct.Struct("!BBHII")
_EXTENDED = struct.Struct("!BBHIIHHBBBHBH")
_FRAME_CLOCK = 960
_LOUDNESS_OF_SPEECH = 30
"""-dBov, with the bit that says that there is a voice in it."""


class BrowserLine:
    """One browser's line, on one socket."""

    def __init__(self, number: int, offset: int, address: str, identity: Identity) -> None:
        self.number = number
        self.offset = offset
        self.socket = bound(address)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.log: list[tuple[float, bytes]] = []
        self.marks: list[tuple[str, float]] = []
        self.session: Session | None = None
        self.strange = 0
        """Packets that could not be opened."""
        self._address = address
        self._identity = identity
        self._loop = asyncio.get_running_loop()
        self._sequence = secrets.randbits(15)
        self._next_look = float("inf")
        self._to: Address = ("", 0)
        self._next_report = 0.0

    async def call(self, whip: WhipClient, url: str) -> None:
        """Until media go both ways. Raises WhipError, RuntimeError."""
        port = self.socket.getsockname()[1]
        terms = Terms(("OPUS",), (self._address, port), self._identity.fingerprint)
        self.session = await whip.post(url, terms.offer())
        agreed = terms.accepted(self.session.answer)
        self._prepare(agreed)
        self._loop.add_reader(self.socket, self._receive)
        self.look(time.monotonic())
        async with asyncio.timeout(CONNECT_S):
            while not self.leg.ready:
                if self.leg.failure is not None:
                    raise RuntimeError(self.leg.failure)
                await asyncio.sleep(0.002)
                self.look(time.monotonic())
        assert self.leg.ice.selected is not None
        self._to = self.leg.ice.selected

    def send(self, payload: bytes, mark: str | None) -> None:
        """Send one frame; note when, if it is one that latency is measured from."""
        self._sequence = sequence = self._sequence + 1
        number, timestamp = sequence & 0xFFFF, sequence * _FRAME_CLOCK & 0xFFFFFFFF
        if self._extended:
            header = _EXTENDED.pack(
                0x90, self._type, number, timestamp, self._ssrc,
                0xBEDE, 2, self._level, 0x80 | _LOUDNESS_OF_SPEECH, self._number, number, 0, 0,
            )  # fmt: skip
        else:
            header = _HEADER.pack(0x80, self._type, number, timestamp, self._ssrc)
        packet = header + payload
        if mark is not None:
            self.marks.append((mark, time.monotonic()))
        sealed = self.leg.keys.seal_rtp(packet)
        if sealed is not None:
            self._send(sealed, self._to)

    def heard(self) -> list[tuple[float, bytes, bool]]:
        """Every RTP packet that came, opened now."""
        decoder, found = OpusDecoder(8000), []
        for at, sealed in self.log:
            opened = None if 192 <= sealed[1] <= 223 else self.leg.keys.open_rtp(sealed, 0.0)
            packet = None if opened is None else parse(opened)
            if opened is None or packet is None:
                self.strange += not 192 <= sealed[1] <= 223
                continue
            voiced = packet.payload_type == self._type and is_loud(decoder.decode(packet.payload))
            found.append((at, opened, voiced))
        return found

    def close(self) -> None:
        """Close the socket."""
        if self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket)
            self.socket.close()

    def look(self, now: float) -> None:
        """Checks, repetitions of the handshake, and reports, when they are due."""
        if now >= self._next_look:
            self.leg.handle_timer(now)
            self._next_look = self._due(now)
        if now >= self._next_report and self._to[1]:
            self._next_report = now + REPORT_EVERY_S
            self._report()

    # --- within -------------------------------------------------------------------------------------------------------

    def _prepare(self, agreed: Agreed) -> None:
        source = agreed.plan.source
        assert source is not None
        self._ssrc, self._cname = source.ssrc, source.cname
        self._type = agreed.plan.send.payload_type
        self._extended = agreed.audio_level is not None and agreed.transport_sequence is not None
        self._level = (agreed.audio_level or 0) << 4
        self._number = (agreed.transport_sequence or 0) << 4 | 1
        ice = ControllingAgent(
            agreed.credentials, agreed.candidates, tie_breaker=secrets.randbits(64),
            transaction=lambda: os.urandom(12), spread=random.random,
        )  # fmt: skip
        self.leg = BrowserLeg(self._identity, ice, agreed.dtls, self._send)
        self._next_look = 0.0

    def _due(self, now: float) -> float:
        due = self.leg.deadline(now)
        return float("inf") if due is None else due

    def _report(self) -> None:
        newest = next((packet for _, packet in reversed(self.log) if not 192 <= packet[1] <= 223), None)
        blocks: tuple[rtcp.ReportBlock, ...] = ()
        if newest is not None:
            ssrc, sequence = int.from_bytes(newest[8:12]), int.from_bytes(newest[2:4])
            blocks = (rtcp.ReportBlock(ssrc, 0, 0, sequence, 0, 0, 0),)
        sealed = self.leg.keys.seal_rtcp(
            rtcp.build(rtcp.ReceiverReport(self._ssrc, blocks), rtcp.SourceDescription(self._ssrc, self._cname))
        )
        if sealed is not None:
            self._send(sealed, self._to)

    def _send(self, datagram: bytes, to: Address) -> None:
        try:
            self.socket.sendto(datagram, to)
        except OSError:
            pass

    def _receive(self) -> None:
        try:
            datagram, ancillary, _, source = self.socket.recvmsg(2048, 64)
        except OSError:
            return
        if len(datagram) > 12 and 128 <= datagram[0] <= 191:
            seconds, nanoseconds = _STAMP.unpack(ancillary[0][2])
            self.log.append((seconds + nanoseconds * 1e-9, datagram))
            return
        now = time.monotonic()
        self.leg.control(datagram, source[:2], now)
        self._next_look = self._due(now)


class Browsers:
    """Callers by WHIP, at an agent's endpoint `url`; `key` is the server's for issuing tokens."""

    def __init__(self, url: str, key: str) -> None:
        self.silence = silence()
        self.clock_rate = 48000
        self._url = url
        self._issuing = WhipClient(key)
        self._identity = Identity()
        self._address = local_address(url)
        self._clients: dict[BrowserLine, WhipClient] = {}

    async def place(self, number: int, offset: int) -> BrowserLine:
        """Call."""
        agent = self._url.rstrip("/").rpartition("/")[2]
        token = await self._issuing.issue(urljoin(self._url, "/api/tokens"), {"agent": agent})
        line = BrowserLine(number, offset, self._address, self._identity)
        self._clients[line] = whip = WhipClient(token)
        await line.call(whip, self._url)
        return line

    async def end(self, line: "Line") -> None:
        """DELETE."""
        assert isinstance(line, BrowserLine) and line.session is not None
        whip = self._clients.pop(line)
        async with asyncio.timeout(HANG_UP_S):
            await whip.delete(line.session)
            await whip.close()

    def look_after(self, lines: "list[Line]", now: float) -> None:
        """Checks and reports."""
        for line in lines:
            if isinstance(line, BrowserLine):
                line.look(now)
