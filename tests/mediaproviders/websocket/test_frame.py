"""Frames made by hand, read by the library."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from mediaproviders.websocket import frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 1800, 65535, 65536, 100_000])
def test_the_library_reads_the_message_at_every_length(length):
    message = (b"abcdefg" * (length // 7 + 1))[:length]
    server = Protocol(Side.SERVER, state=State.OPEN)
    server.receive_data(frame.text(message) + frame.text(b"next"))
    assert server.events_received() == [Frame(Opcode.TEXT, message), Frame(Opcode.TEXT, b"next")]
    assert server.parser_exc is None


def test_every_frame_has_a_mask_of_its_own():
    frames = {frame.text(b"\x00" * 8) for _ in range(50)}
    assert len(frames) == 50
    assert all(each[2:6] * 2 == each[6:] for each in frames), "zeros masked are the mask"
