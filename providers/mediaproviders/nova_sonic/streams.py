"""The two directions of the SDK's stream, without the parts of it that cost most.

The SDK turns each event from an object into JSON and base64 by a general serialiser, and back. Here a frame is written
and read by hand; requests, signatures, the transport and everything rare remain the SDK's.
"""

import base64
import struct
from binascii import crc32
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol, cast

import orjson
from smithy_aws_core.aio.protocols import RestJsonClientProtocol
from smithy_aws_event_stream.aio import AWSEventReceiver, SigningConfig
from smithy_aws_event_stream.events import EventHeaderDecoder, EventHeaderEncoder, EventMessage
from smithy_aws_event_stream.exceptions import ChecksumMismatch, InvalidPayloadLength, UnmodeledEventError
from smithy_core.aio.types import AsyncBytesReader

_PRELUDE: Final = struct.Struct("!II")
_WORD: Final = struct.Struct("!I")
_LEAST_BYTES: Final = 16
MOST_BYTES: Final = 16 * 1024 * 1024
"""The longest frame taken."""


def _headers(**values: str) -> bytes:
    encoder = EventHeaderEncoder()
    encoder.encode_headers({f":{name.replace('_', '-')}": value for name, value in values.items()})
    return encoder.get_result()


_CHUNK: Final = _headers(message_type="event", event_type="chunk", content_type="application/json")


def frame(headers: bytes, payload: bytes) -> bytes:
    """A message of the event stream format, its headers encoded already."""
    prelude = _PRELUDE.pack(len(headers) + len(payload) + _LEAST_BYTES, len(headers))
    checksum = crc32(prelude)
    rest = b"".join((_WORD.pack(checksum), headers, payload))
    return b"".join((prelude, rest, _WORD.pack(crc32(rest, checksum))))


class _Encoded(EventMessage):
    """An event whose frame is made: the SDK's signer asks for nothing else of it."""

    def __init__(self, framed: bytes) -> None:
        super().__init__()
        self._framed = framed

    def encode(self) -> bytes:
        return self._framed


class Body(Protocol):
    """The body of a request that is still being written."""

    async def write(self, data: bytes) -> None:
        """Add a piece; waits while too many are not sent."""

    async def close(self) -> None:
        """Nothing more comes."""


class Publisher:
    """What goes to the service, signed by the SDK."""

    def __init__(self, body: Body, signing: SigningConfig) -> None:
        self._body, self._signing = body, signing

    async def send(self, event: bytes) -> None:
        """Send one event, JSON. Waits while the service does not read."""
        message = _Encoded(frame(_CHUNK, b'{"bytes":"%s"}' % base64.b64encode(event)))
        signing = self._signing
        await signing.signer.sign(
            event=message,
            identity=await signing.identity_resolver.get_identity(properties=signing.identity_properties),
            properties=signing.signing_properties,
        )
        # The signer leaves a date, a signature and what they are over.
        await self._body.write(EventMessage(headers=message.headers, payload=message.payload).encode())

    async def close(self) -> None:
        """Send the signed end of the stream."""
        signing = self._signing
        end = await signing.signer.sign_empty(
            event=EventMessage(),
            identity=await signing.identity_resolver.get_identity(properties=signing.identity_properties),
            properties=signing.signing_properties,
        )
        await self._body.write(end.encode())
        await self._body.close()


class Receiver:
    """What comes from the service. `general` reads a frame that is no ordinary event."""

    def __init__(self, body: AsyncIterator[bytes], general: Callable[[bytes], AWSEventReceiver[Any]]) -> None:
        self._body, self._general = body, general
        self._buffer = bytearray()
        self._known: dict[bytes, bool] = {}

    async def receive(self) -> bytes | None:
        """The next event's JSON, or None at the end; unknown kinds of frames are passed over.

        Raises the SDK's exceptions.
        """
        while True:
            framed = self._cut()
            if framed is None:
                piece = await anext(self._body, None)
                if piece is None:
                    return None
                self._buffer += piece
            elif self._ordinary(framed):
                return self._opened(framed)
            else:
                await self._rare(framed)

    async def _rare(self, framed: bytes) -> None:
        try:
            await self._general(framed).receive()
        except KeyError as unknown:
            # The SDK has no words for exceptions that are not in its model.
            raise UnmodeledEventError(str(unknown.args[0]), "an exception the SDK does not know") from unknown

    def _cut(self) -> bytes | None:
        """The first frame that is complete, its checksums verified."""
        buffer = self._buffer
        if len(buffer) < _LEAST_BYTES:
            return None
        size, _ = _PRELUDE.unpack_from(buffer)
        (checksum,) = _WORD.unpack_from(buffer, 8)
        _verify(checksum, crc32(memoryview(buffer)[:8]))
        if not _LEAST_BYTES <= size <= MOST_BYTES:
            raise InvalidPayloadLength(size)
        if len(buffer) < size:
            return None
        framed = bytes(buffer[:size])
        del buffer[:size]
        _verify(_WORD.unpack_from(framed, size - 4)[0], crc32(memoryview(framed)[8:-4], checksum))
        return framed

    def _ordinary(self, framed: bytes) -> bool:
        headers = framed[12 : 12 + _PRELUDE.unpack_from(framed)[1]]
        ordinary = self._known.get(headers)
        if ordinary is None:
            decoded = EventHeaderDecoder(headers).decode_headers()
            ordinary = decoded.get(":message-type") == "event" and decoded.get(":event-type") == "chunk"
            # The headers of events are always the same few.
            if len(self._known) < 16:
                self._known[headers] = ordinary
        return ordinary

    def _opened(self, framed: bytes) -> bytes:
        payload = framed[12 + _PRELUDE.unpack_from(framed)[1] : -4]
        try:
            return base64.b64decode(orjson.loads(payload)["bytes"])
        except (ValueError, KeyError, TypeError):
            # Whoever reads it will not make sense of it either, and say so.
            return payload


def _verify(expected: int, calculated: int) -> None:
    if expected != calculated:
        raise ChecksumMismatch(expected, calculated)


class StreamProtocol(RestJsonClientProtocol):
    """The service's protocol, with these two directions."""

    def create_event_publisher(self, *, request: Any, context: Any, auth_scheme: Any = None, **_: Any) -> Any:
        """The direction to the service."""
        signing = SigningConfig(
            signer=auth_scheme.event_signer(request=request),
            signing_properties=auth_scheme.signer_properties(context=context),
            identity_resolver=auth_scheme.identity_resolver(context=context),
            identity_properties=auth_scheme.identity_properties(context=context),
        )
        return Publisher(cast(Body, request.body), signing)

    def create_event_receiver(self, *, response: Any, event_deserializer: Any, **_: Any) -> Any:
        """The direction from the service."""

        def general(framed: bytes) -> AWSEventReceiver[Any]:
            return AWSEventReceiver(self.payload_codec, AsyncBytesReader(framed), event_deserializer)

        return Receiver(aiter(response.body), general)
