"""SIP by string work, for callers that must cost next to nothing: loopback UDP, no retransmission."""

import asyncio
import socket
import uuid
from dataclasses import dataclass, field


@dataclass(slots=True)
class Leg:
    """One dialog."""

    call_id: str
    local_tag: str
    answer: asyncio.Future[str]
    to: str = ""
    target: str = ""
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Dialler:
    """Places and ends calls to one address from one socket."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((server[0], 0))
        self._own = f"{server[0]}:{self._socket.getsockname()[1]}"
        self._legs: dict[str, Leg] = {}
        self._loop.add_reader(self._socket, self._receive)

    async def place(self, rtp_port: int, comfort_noise: bool, timeout_s: float = 20.0) -> tuple[Leg, tuple[str, int]]:
        """Call; gives the leg and where its media goes. Raises RuntimeError if refused, TimeoutError if ignored."""
        leg = Leg(uuid.uuid4().hex, uuid.uuid4().hex[:10], self._loop.create_future())
        self._legs[leg.call_id] = leg
        host = self._server[0]
        types = "0 13 101" if comfort_noise else "0 101"
        noise = "a=rtpmap:13 CN/8000\r\n" if comfort_noise else ""
        body = (
            f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {rtp_port} RTP/AVP {types}\r\n"
            f"a=rtpmap:0 PCMU/8000\r\n{noise}a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
            "a=ptime:20\r\na=sendrecv\r\n"
        )
        self._send("INVITE", leg, 1, body)
        answer = await asyncio.wait_for(leg.answer, timeout_s)
        connection = _line(answer, "c=").split()[-1]
        port = int(_line(answer, "m=audio").split()[1])
        return leg, (connection, port)

    async def end(self, leg: Leg, timeout_s: float = 5.0) -> None:
        """Send BYE and wait for its answer."""
        self._send("BYE", leg, 2)
        await asyncio.wait_for(leg.gone.wait(), timeout_s)

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _send(self, method: str, leg: Leg, number: int, body: str = "") -> None:
        uri = leg.target or f"sip:bench@{self._server[0]}:{self._server[1]}"
        # ACK to a 2xx and BYE are transactions of their own: every request gets a new branch (RFC 3261 8.1.1.7).
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._own};branch=z9hG4bK{uuid.uuid4().hex};rport",
            "Max-Forwards: 70",
            f"From: <sip:caller@{self._own}>;tag={leg.local_tag}",
            leg.to or f"To: <sip:bench@{self._server[0]}>",
            f"Call-ID: {leg.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:caller@{self._own}>",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        self._socket.sendto("\r\n".join(lines).encode(), self._server)

    def _receive(self) -> None:
        message = self._socket.recv(65535).decode()
        leg = self._legs.get(_line(message, "call-id:").split(":", 1)[1].strip())
        if leg is None:
            return
        if message.startswith("BYE "):
            self._confirm(message)
            leg.gone.set()
        elif message.startswith("SIP/2.0 "):
            self._answered(message, leg)

    def _answered(self, message: str, leg: Leg) -> None:
        status = int(message.split(" ", 2)[1])
        method = _line(message, "cseq:").split()[-1]
        if status < 200:
            return
        if method == "BYE":
            leg.gone.set()
        elif method == "INVITE" and status < 300:
            leg.to = _line(message, "to:")
            leg.target = _line(message, "contact:").split("<", 1)[1].split(">", 1)[0]
            self._send("ACK", leg, 1)
            if not leg.answer.done():
                leg.answer.set_result(message)
        elif method == "INVITE" and not leg.answer.done():
            leg.answer.set_exception(RuntimeError(f"refused: {message.split(chr(13), 1)[0]}"))

    def _confirm(self, request: str) -> None:
        lines = ["SIP/2.0 200 OK"]
        wanted = ("via:", "from:", "to:", "call-id:", "cseq:")
        lines += [line for line in request.split("\r\n") if line.lower().startswith(wanted)]
        self._socket.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), self._server)


def _line(message: str, name: str) -> str:
    return next((line for line in message.split("\r\n") if line.lower().startswith(name)), f"{name} ")
