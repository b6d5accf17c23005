"""A SIP peer of raw datagrams: it sends what it is told, keeps every answer, and knows no manners beyond an ACK."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.message import Response, parse

type Address = tuple[str, int]

SDP_TYPE = "application/sdp"


def session(port: int, *, formats: str = "0", lines: tuple[str, ...] = (), address: str = "127.0.0.1") -> bytes:
    """A session description that offers `formats` at `port`."""
    assert ip_address(address)
    rows = (
        "v=0",
        f"o=- 1 1 IN IP4 {address}",
        "s=-",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {formats}",
    )
    return ("\r\n".join((*rows, *lines)) + "\r\n").encode()


class SipWire(asyncio.DatagramProtocol):
    """One UDP socket towards a server."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport
        self._finals: dict[str, asyncio.Future[Response]] = {}
        self._last = ("", "")
        self.received: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.received.append(data)
        try:
            response = parse(data)
        except RemoteProtocolError:  # the answer to a request that was broken as well
            return
        if not isinstance(response, Response) or response.status < 200:
            return
        waiting = self._finals.get(response.call_id) if response.cseq.method == "INVITE" else None
        if waiting is not None and not waiting.done():
            waiting.set_result(response)

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    def send(self, data: bytes) -> None:
        self._transport.sendto(data, self._server)

    def close(self) -> None:
        self._transport.close()

    async def invite(
        self,
        body: bytes | None,
        *,
        content_type: str = SDP_TYPE,
        timeout_s: float = 10.0,
        extra: tuple[str, ...] = (),
    ) -> Response:
        """The final response to an INVITE with this body, and `extra` header fields; a refusal is acknowledged."""
        call, branch = secrets.token_hex(6), f"z9hG4bK{secrets.token_hex(6)}"
        self._last = (call, branch)
        final = self._finals[call] = asyncio.get_running_loop().create_future()
        self.send(self._request("INVITE", call, branch, body or b"", content_type, extra=extra))
        async with asyncio.timeout(timeout_s):
            response = await final
        if response.status >= 300:
            self.send(self._request("ACK", call, branch, to=response.headers.get("To")))
        return response

    def acknowledge(self, ok: Response) -> None:
        """The ACK to a 2xx."""
        self.send(self._request("ACK", ok.call_id, f"z9hG4bK{secrets.token_hex(6)}", to=ok.headers.get("To")))

    def ask(self, method: str) -> str:
        """Send a request outside of calls; its Call-ID, which the response in `received` has."""
        call = secrets.token_hex(6)
        self.send(self._request(method, call, f"z9hG4bK{secrets.token_hex(6)}"))
        return call

    def cancel(self) -> None:
        """Give up the last INVITE."""
        self.send(self._request("CANCEL", *self._last))

    def _request(
        self,
        method: str,
        call: str,
        branch: str,
        body: bytes = b"",
        kind: str = "",
        to: str | None = None,
        extra: tuple[str, ...] = (),
    ) -> bytes:
        own, (host, port) = self.port, self._server
        lines = [
            f"{method} sip:agent@{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:wire@127.0.0.1>;tag={call}",
            f"To: {to or f'<sip:agent@{host}>'}",
            f"Call-ID: {call}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:wire@127.0.0.1:{own}>",
            *extra,
            *([f"Content-Type: {kind}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@asynccontextmanager
async def sip_wire(server: Address) -> AsyncIterator[SipWire]:
    """A raw peer of `server` on a socket of its own."""
    _, wire = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: SipWire(server), local_addr=("127.0.0.1", 0)
    )
    try:
        yield wire
    finally:
        wire.close()
