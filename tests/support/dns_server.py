"""A name server on loopback, over UDP: the records of a test, and the ways a name server can fail."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """`records` are lines such as `example.com. 60 IN A 192.0.2.1`. Set `silent` or `broken` to have it fail."""

    def __init__(self, *records: str) -> None:
        self.records = list(records)
        self.asked: Counter[tuple[str, str]] = Counter()
        self.silent = False
        self.broken = False
        self.address = ("", 0)
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name.rstrip("."), kind] += 1
        if self.silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA | dns.flags.AA
        if self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            names = {record.split()[0].lower() for record in self.records}
            found = [record for record in self.records if record.split()[0].lower() == name]
            # One rrset of all that are of the kind; a name without any record does not exist.
            values = [record.split(maxsplit=4) for record in found if record.split()[3] == kind]
            if values:
                texts = [value[4] for value in values]
                response.answer.append(dns.rrset.from_text(question.name, int(values[0][1]), "IN", kind, *texts))
            elif name not in names:
                response.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(response.to_wire(), addr)


@contextlib.asynccontextmanager
async def name_server(*records: str) -> AsyncIterator[NameServer]:
    """A name server that serves these records."""
    server = NameServer(*records)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
