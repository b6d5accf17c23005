"""Ports of media beside SIPp's own: what the server sends there is counted, and one may say something too."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import cast
from xml.etree.ElementTree import Element

from conformance import speech

_PACKET, _PACKET_S = 160, 0.02


class Ear(asyncio.DatagramProtocol):
    """One port. `packets` are what came; it `says` this A-law to whom it first hears."""

    def __init__(self, says: bytes = b"") -> None:
        self.packets: list[bytes] = []
        self.port = 0
        self._says = says
        self._socket: asyncio.DatagramTransport | None = None
        self._speaking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port."""
        self._socket = cast(asyncio.DatagramTransport, transport)  # uvloop's own is none by inheritance
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep it."""
        self.packets.append(data)
        if self._says and self._speaking is None:
            self._speaking = asyncio.get_running_loop().create_task(self._speak(addr))

    async def _speak(self, addr: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number, at in enumerate(range(0, len(self._says), _PACKET)):
            await asyncio.sleep(begun + number * _PACKET_S - loop.time())
            header = struct.pack("!BBHII", 0x80, 8, 100 + number, 8000 + at, 0x5EED5EED)
            assert self._socket is not None
            self._socket.sendto(header + self._says[at : at + _PACKET], addr)

    def close(self) -> None:
        """Close the port."""
        if self._speaking is not None:
            self._speaking.cancel()
        if self._socket is not None:
            self._socket.close()

    def count(self, payload_type: int | None = None) -> int:
        """How many RTP packets came, of this payload type if one is given."""
        return len(self._rtp(payload_type))

    def ends(self, payload_type: int) -> int:
        """How many of them are the end of a telephone event (RFC 4733 2.3.2)."""
        return sum(len(packet) >= 16 and packet[13] & 0x80 > 0 for packet in self._rtp(payload_type))

    def _rtp(self, payload_type: int | None) -> list[bytes]:
        rtp = [packet for packet in self.packets if len(packet) >= 12 and packet[0] >> 6 == 2]
        return [packet for packet in rtp if payload_type in (None, packet[1] & 0x7F)]


@asynccontextmanager
async def ears(elements: Sequence[Element]) -> AsyncIterator[dict[str, Ear]]:
    """One for each `<ear name="first"/>`; its port is `[first]` in a scenario and `{first}` in settings."""
    loop = asyncio.get_running_loop()
    opened: dict[str, Ear] = {}
    for element in elements:
        says = speech.speech() if element.get("says") else b""
        _, ear = await loop.create_datagram_endpoint(partial(Ear, says), local_addr=("127.0.0.1", 0))
        opened[element.attrib["name"]] = ear
    try:
        yield opened
    finally:
        for each in opened.values():
            each.close()
