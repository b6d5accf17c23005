"""Messages of the event stream format."""

from datetime import UTC, datetime

import pytest

from mediaproviders.emulators.aws import Decoder, FramingError, encode_error, encode_event, encode_exception
from mediaproviders.emulators.aws.framing import at, decode_one, encode, encode_timestamp


def test_events_in_pieces_of_any_length():
    framed = encode_event("chunk", b'{"a":1}') + encode_exception("throttlingException", "Slow down.", retry=3)
    framed += encode_error("Odd", "No idea.")
    for size in (1, 7, len(framed)):
        decoder, messages = Decoder(), []
        for start in range(0, len(framed), size):
            messages += decoder.feed(framed[start : start + size])
        event, exception, error = messages
        assert (event.headers[":event-type"], event.payload, event.size) == ("chunk", b'{"a":1}', 7)
        assert exception.headers[":exception-type"] == "throttlingException"
        assert exception.payload == b'{"message":"Slow down.","retry":3}'
        assert error.headers == {":message-type": "error", ":error-code": "Odd", ":error-message": "No idea."}
        assert decoder.pending == 0


@pytest.mark.parametrize("place", [0, 5, 9, 14, 30, -6, -1])
def test_a_flipped_bit_is_noticed(place):
    framed = bytearray(encode_event("chunk", b"payload"))
    framed[place] ^= 1
    with pytest.raises(FramingError):
        list(Decoder().feed(bytes(framed)))


def test_exactly_one():
    framed = encode_event("chunk", b"")
    for wrong in (framed * 2, framed[:-1]):
        with pytest.raises(FramingError):
            decode_one(wrong)


def test_the_date_as_it_is_signed():
    moment = datetime(2026, 3, 4, 5, 6, 7, 890_000, UTC)
    message = decode_one(encode({":date": moment}, b""))
    assert at(message.headers[":date"]) == moment
    assert encode_timestamp(message.headers[":date"]) in encode({":date": moment}, b"")
