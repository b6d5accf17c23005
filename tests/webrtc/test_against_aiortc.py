"""DTLS-SRTP with the transport of aiortc at the other end: keys of either side open what the other has sealed."""

import asyncio
from collections.abc import Iterable

import pytest
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from mediaserver.webrtc.dtls import Handshake
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.srtp import opener, sealer

PACKET = bytes.fromhex("80000001000000a0deadbeef") + bytes(range(160))


class Line:
    """What aiortc takes for its ICE transport."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.state = "completed"
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def _send(self, datagram: bytes) -> None:
        self.sent.put_nowait(datagram)

    async def _recv(self) -> bytes:
        return await self.arrived.get()

    def deliver(self, datagrams: Iterable[bytes]) -> None:
        for datagram in datagrams:
            self.arrived.put_nowait(datagram)


async def answer(handshake: Handshake, line: Line) -> None:
    """Be the other end of the line until there are keys."""
    while handshake.keys is None:
        line.deliver(handshake.received(await line.sent.get()))


@pytest.mark.parametrize("active", [True, False])
async def test_keys_are_the_same_at_both_ends(active: bool, ours: Identity) -> None:
    certificate = RTCCertificate.generateCertificate()
    prints = tuple((each.algorithm, each.value.upper()) for each in certificate.getFingerprints())
    handshake = Handshake(ours, active=active, fingerprints=tuple(sorted(prints, reverse=True)))
    line = Line("controlling" if active else "controlled")  # the controlling one is aiortc's server
    theirs = RTCDtlsTransport(line, [certificate])  # type: ignore[arg-type]
    function, _, digest = ours.fingerprint.partition(" ")
    expected = RTCDtlsParameters(fingerprints=[RTCDtlsFingerprint(algorithm=function, value=digest)])
    started = asyncio.create_task(theirs.start(expected))
    if active:
        line.deliver(handshake.start())
    answering = asyncio.create_task(answer(handshake, line))
    async with asyncio.timeout(10):
        await started
        await answering
    keys = handshake.keys
    assert keys is not None and theirs.state == "connected"
    assert opener(keys.suite, keys.theirs).rtp(theirs._tx_srtp.protect(PACKET)) == PACKET
    assert theirs._rx_srtp.unprotect(sealer(keys.suite, keys.ours).rtp(PACKET)) == PACKET
    await theirs.stop()
