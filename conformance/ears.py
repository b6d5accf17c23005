"""Ports of media that only listen: what the server sends there is counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from xml.etree.ElementTree import Element


class Ear(asyncio.DatagramProtocol):
    """One port. `packets` are what came."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port."""
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep it."""
        self.packets.append(data)

    def count(self, payload_type: int | None = None) -> int:
        """How many RTP packets came, of this payload type if one is given."""
        rtp = [packet for packet in self.packets if len(packet) >= 12 and packet[0] >> 6 == 2]
        return sum(payload_type is None or packet[1] & 0x7F == payload_type for packet in rtp)


@asynccontextmanager
async def ears(elements: Sequence[Element]) -> AsyncIterator[dict[str, Ear]]:
    """One for each `<ear name="first"/>`; its port is `[first]` in a scenario and `{first}` in settings."""
    loop = asyncio.get_running_loop()
    opened: dict[str, Ear] = {}
    transports = []
    for element in elements:
        transport, ear = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
        opened[element.attrib["name"]] = ear
        transports.append(transport)
    try:
        yield opened
    finally:
        for each in transports:
            each.close()
