"""The relay on real sockets."""

import asyncio

from conformance import relay
from conformance.wire import Fault, Wire
from support.sip_party import party
from support.sipp import free_port


async def test_a_connection_is_carried_on_message_by_message() -> None:
    wire, near = Wire([Fault("peer", "OPTIONS#1", find="^Max-Forwards: 70", put="Max-Forwards: 7")]), free_port()
    async with party("s") as server, relay.stream(wire, near, ("127.0.0.1", server.port("tcp"))):
        reader, writer = await asyncio.open_connection("127.0.0.1", near)
        request = (
            b"OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"
            b"From: <sip:a@h>;tag=f\r\nTo: <sip:a@h>\r\nCall-ID: c\r\nCSeq: %d OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        writer.write(request % (1, 1) + b"\r\n\r\n" + request % (2, 2))
        for _ in range(2):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert b" 200 " in head
        writer.close()
    assert [(each.side, each.label, each.ordinal) for each in wire.passed if each.side == "peer"] == [
        ("peer", "OPTIONS", 1),
        ("peer", "OPTIONS", 2),
    ]
    assert list(wire.hits.values()) == [1]


async def test_datagrams_go_there_and_back_with_the_addresses_of_the_detour() -> None:
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[bytes] = asyncio.Queue()

    class Phone(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            came.put_nowait(data)

    wire, near, far, own = Wire(), free_port(), free_port(), free_port()
    transport, _ = await loop.create_datagram_endpoint(Phone, local_addr=("127.0.0.1", own))
    async with party("s") as server:
        at = ("127.0.0.1", server.port("udp"))
        async with relay.datagrams(wire, near, far, ("127.0.0.1", own), at):
            invite = (
                f"INVITE sip:a@127.0.0.1:{near} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK1;rport\r\n"
                f"From: <sip:a@127.0.0.1:{own}>;tag=f\r\nTo: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
                f"Contact: <sip:a@127.0.0.1:{own}>\r\nContent-Length: 0\r\n\r\n"
            )
            server.answer_all()
            transport.sendto(invite.encode(), ("127.0.0.1", near))
            async with asyncio.timeout(5):
                while b" 200 " not in (answer := await came.get()):
                    pass
        assert f"Contact: <sip:a@127.0.0.1:{near}>".encode() in answer
        assert f"Via: SIP/2.0/UDP 127.0.0.1:{own}".encode() in answer
    transport.close()
