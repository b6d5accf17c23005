import asyncio
import ssl

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset, WindowUpdated

from mediaproviders.emulators.certificates import make


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make(tmp_path_factory.mktemp("tls"))


class Client:
    """A bare HTTP/2 client: sends what it is told, and keeps the events that come back."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.acknowledge = True
        self.events = []

    @classmethod
    async def connect(cls, port, certificates, alpn=("h2",)):
        context = certificates.client_context()
        context.set_alpn_protocols(list(alpn))
        client = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost"))
        client.flush()
        return client

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    def request(self, path="/x?y=1", **headers):
        number = self.h2.get_next_available_stream_id()
        pseudo = [(":method", "POST"), (":path", path), (":scheme", "https"), (":authority", "localhost")]
        self.h2.send_headers(number, pseudo + [(name.replace("_", "-"), value) for name, value in headers.items()])
        self.flush()
        return number

    def send(self, number, data, end=False):
        self.h2.send_data(number, data, end_stream=end)
        self.flush()

    async def until(self, kind, *, size=0):
        """The first event of a kind, or the one with which `size` bytes of bodies have come."""
        got = 0
        async with asyncio.timeout(5):
            while True:
                while self.events:
                    event = self.events.pop(0)
                    if isinstance(event, DataReceived):
                        got += len(event.data)
                    if isinstance(event, kind) and got >= size:
                        return event
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self.events += self.h2.receive_data(data)
                for event in self.events:
                    if isinstance(event, DataReceived) and self.acknowledge and event.flow_controlled_length:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self.flush()

    async def close(self):
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (OSError, ssl.SSLError):
            pass


KINDS = {
    "data": DataReceived,
    "end": StreamEnded,
    "goaway": ConnectionTerminated,
    "head": ResponseReceived,
    "reset": StreamReset,
    "room": WindowUpdated,
}


@pytest.fixture
def kinds():
    return KINDS


@pytest.fixture
async def connect(certificates):
    clients = []

    async def connected(port, alpn=("h2",)):
        clients.append(await Client.connect(port, certificates, alpn))
        return clients[-1]

    yield connected
    for client in clients:
        await client.close()
