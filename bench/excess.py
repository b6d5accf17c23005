"""A caller that wants more calls than there is room for, and counts every answer on the wire, by UDP."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_STATUS = re.compile(rb"SIP/2\.0 ([0-9]{3})")
_CALL_ID = re.compile(rb"\r\nCall-ID: ([^\r\n]+)")
_TO = re.compile(rb"\r\nTo: ([^\r\n]+)")
_CSEQ = re.compile(rb"\r\nCSeq: [0-9]+ ([A-Z]+)")
_CONTACT = re.compile(rb"\r\nContact: <([^>]+)>")


@dataclass
class Wanted:
    """One call that was asked for."""

    call_id: str
    sent_at: float
    finals: list[int] = field(default_factory=list)
    """Status of every final response to the INVITE, repetitions included."""
    retry_after: bool = True
    """Every 503 had Retry-After."""
    final_after_s: float = 0.0
    contact: str = ""
    to: str = ""
    hung_up: bool = False
    """Our BYE was answered with 200."""


@dataclass
class Tally:
    """What became of them."""

    calls: list[Wanted]
    unasked: int
    """Requests of the server: it gave up a call that stood."""
    rtp: int
    """Packets of media that came for the calls that were let in."""
    rtp_missing: int
    worst_gap_ms: float
    """Longest time between two packets of one call."""

    @property
    def admitted(self) -> list[Wanted]:
        """Calls that were answered."""
        return [call for call in self.calls if 200 in call.finals]

    @property
    def finals(self) -> Counter[tuple[int, ...]]:
        """How many calls got which final responses."""
        return Counter(tuple(call.finals) for call in self.calls)


class _Media(asyncio.DatagramProtocol):
    """Takes the RTP of all calls: they are told apart by SSRC."""

    def __init__(self) -> None:
        self.packets = 0
        self.missing = 0
        self.worst_gap_s = 0.0
        self._last: dict[bytes, tuple[int, float]] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One packet."""
        if len(data) < 12 or data[1] & 0x7F in range(72, 77):
            return
        now, number, ssrc = time.monotonic(), int.from_bytes(data[2:4]), data[8:12]
        self.packets += 1
        if (last := self._last.get(ssrc)) is not None:
            self.missing += (number - last[0] - 1) % 65536
            self.worst_gap_s = max(self.worst_gap_s, now - last[1])
        self._last[ssrc] = number, now


class Excess(asyncio.DatagramProtocol):
    """Places calls at a server of `host` and `port`; those that are answered stand until `hang_up`."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._transport: asyncio.DatagramTransport | None = None
        self._media = _Media()
        self._media_transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, Wanted] = {}
        self._changed = asyncio.Event()
        self._unasked = 0
        self._name = f"{time.monotonic_ns():x}"

    async def __aenter__(self) -> "Excess":
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._media_transport, _ = await loop.create_datagram_endpoint(lambda: self._media, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        for transport in (self._transport, self._media_transport):
            if transport is not None:
                transport.close()

    async def place(self, count: int, per_s: float, timeout_s: float = 20.0) -> None:
        """Place calls, evenly; until each has a final response."""
        began = time.monotonic()
        for number in range(count):
            if (wait := began + number / per_s - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._invite(f"{self._name}-{len(self._calls)}")
        await self._until(lambda: all(call.finals for call in self._calls.values()), timeout_s)

    async def hang_up(self, timeout_s: float = 20.0) -> None:
        """End every call that stands; until each BYE is answered."""
        standing = [call for call in self._calls.values() if 200 in call.finals and not call.hung_up]
        for call in standing:
            self._send(self._request(call.contact, call, "BYE", 2, "bye"))
        await self._until(lambda: all(call.hung_up for call in standing), timeout_s)

    def tally(self) -> Tally:
        """What has come so far."""
        media = self._media
        return Tally(list(self._calls.values()), self._unasked, media.packets, media.missing, media.worst_gap_s * 1000)

    # Within

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A response, or a request that nobody asked for."""
        status, call_id, cseq = _STATUS.match(data), _CALL_ID.search(data), _CSEQ.search(data)
        call = self._calls.get(call_id[1].decode()) if call_id is not None else None
        if status is None or call is None or cseq is None:
            self._unasked += 1
            return
        code = int(status[1])
        if cseq[1] == b"BYE":
            call.hung_up |= code == 200
        elif cseq[1] == b"INVITE" and code >= 200:
            self._final(call, code, data)
        self._changed.set()

    def _final(self, call: Wanted, code: int, data: bytes) -> None:
        to, contact = _TO.search(data), _CONTACT.search(data)
        call.to = to[1].decode() if to is not None else ""
        if not call.finals:
            call.final_after_s = time.monotonic() - call.sent_at
        call.finals.append(code)
        if code == 503:
            call.retry_after &= b"\r\nRetry-After: " in data
            self._send(self._request(self._target, call, "ACK", 1, "invite"))
        elif contact is not None:
            call.contact = contact[1].decode()
            self._send(self._request(call.contact, call, "ACK", 1, "ack"))

    @property
    def _target(self) -> str:
        return f"sip:agent@{self._server[0]}:{self._server[1]}"

    def _invite(self, call_id: str) -> None:
        assert self._media_transport is not None
        call = self._calls[call_id] = Wanted(call_id, time.monotonic(), to=f"<{self._target}>")
        port = self._media_transport.get_extra_info("sockname")[1]
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        self._send(self._request(self._target, call, "INVITE", 1, "invite", sdp))

    def _request(self, uri: str, call: Wanted, method: str, number: int, branch: str, body: str = "") -> bytes:
        assert self._transport is not None
        port = self._transport.get_extra_info("sockname")[1]
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{branch}{call.call_id};rport",
            "Max-Forwards: 70",
            f"From: <sip:many@127.0.0.1:{port}>;tag=f{call.call_id}",
            f"To: {call.to}",
            f"Call-ID: {call.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:many@127.0.0.1:{port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def _send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data, self._server)

    async def _until(self, true: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not true():
                self._changed.clear()
                await self._changed.wait()
