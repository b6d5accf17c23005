"""Frames by hand are the SDK's frames."""

import base64
import json

import pytest
from smithy_aws_event_stream.events import EventMessage
from smithy_aws_event_stream.exceptions import ChecksumMismatch, InvalidPayloadLength

from mediaproviders.nova_sonic.streams import MOST_BYTES, Receiver, frame

HEADERS = {":message-type": "event", ":event-type": "chunk", ":content-type": "application/json"}


def chunk(event, headers=HEADERS):
    payload = json.dumps({"bytes": base64.b64encode(event).decode(), "p": "abc"}).encode()
    return EventMessage(headers=headers, payload=payload).encode()


async def pieces(*data):
    for each in data:
        yield each


def general(framed):
    raise AssertionError("an ordinary event is read by hand")


async def test_events_in_pieces_of_any_length():
    framed = chunk(b"one") + chunk(b"two", dict(reversed(HEADERS.items()))) + chunk(b"x" * 40_000)
    for size in (1, 11, len(framed)):
        cut = [framed[start : start + size] for start in range(0, len(framed), size)]
        receiver = Receiver(pieces(*cut), general)
        assert [await receiver.receive() for _ in range(4)] == [b"one", b"two", b"x" * 40_000, None]


def test_a_frame_is_the_sdks():
    message = EventMessage(headers=HEADERS, payload=b"payload")
    assert frame(message._get_headers_bytes(), b"payload") == message.encode()


@pytest.mark.parametrize("place", [0, 8, 20, -1, -10])
async def test_flipped_bits(place):
    framed = bytearray(chunk(b"one"))
    framed[place] ^= 1
    with pytest.raises(ChecksumMismatch):
        await Receiver(pieces(bytes(framed)), general).receive()


async def test_lengths_that_cannot_be():
    import struct
    import zlib

    for size in (15, MOST_BYTES + 1):
        prelude = struct.pack("!II", size, 0)
        with pytest.raises(InvalidPayloadLength):
            await Receiver(pieces(prelude + struct.pack("!I", zlib.crc32(prelude)) + bytes(4)), general).receive()


async def test_what_is_no_json_is_handed_on():
    receiver = Receiver(pieces(EventMessage(headers=HEADERS, payload=b"nonsense").encode()), general)
    assert await receiver.receive() == b"nonsense"
