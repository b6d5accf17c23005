"""What waits for a socket, and what is dropped."""

from mediaproviders.contract import PCM16_16K, PCMU
from mediaproviders.websocket import Uplink, is_loopback


class Socket:
    def __init__(self, room=10**6):
        self.sent = []
        self.room = room

    @property
    def ready(self):
        return self.room > 0

    def write(self, message):
        self.room -= 1
        self.sent.append(message)


def uplink(form=PCMU, uplink_ms=20, queue_ms=100):
    return Uplink(form, lambda chunk: b"a:" + chunk, uplink_ms=uplink_ms, queue_ms=queue_ms)


def test_audio_leaves_in_chunks():
    line, socket = uplink(), Socket()
    line.attach(socket)
    line.add_audio(b"x" * 160)
    line.add_audio(b"y" * 100)
    line.add_audio(b"")
    line.add_audio(b"z" * 250)
    assert socket.sent == [b"a:" + b"x" * 160, b"a:" + b"y" * 100 + b"z" * 60, b"a:" + b"z" * 160]
    assert line.queued_ms == 30 / 8


def test_a_chunk_can_be_ended_early():
    line, socket = uplink(PCM16_16K), Socket()
    line.attach(socket)
    line.end_chunk()
    line.add_audio(b"x" * 100)
    line.end_chunk()
    line.add_command(b"end")
    assert socket.sent == [b"a:" + b"x" * 100, b"end"]
    assert line.queued_ms == 0


def test_commands_keep_their_place_among_the_audio():
    line = uplink()
    for name in (b"1", b"2"):
        line.add_audio(name * 160)
        line.add_command(name)
    socket = Socket()
    line.attach(socket)
    assert socket.sent == [b"a:" + b"1" * 160, b"1", b"a:" + b"2" * 160, b"2"]


def test_the_oldest_audio_is_dropped_and_no_command():
    line, socket = uplink(), Socket(room=0)
    line.attach(socket)
    for number in range(8):
        line.add_audio(bytes([number]) * 160)
        line.add_command(b"c%d" % number)
    assert line.dropped_ms == 60
    socket.room = 100
    line.flush()
    assert [each for each in socket.sent if each.startswith(b"c")] == [b"c%d" % number for number in range(8)]
    assert [each[2] for each in socket.sent if each.startswith(b"a:")] == [3, 4, 5, 6, 7]


def test_it_stops_when_the_socket_is_congested_again():
    line, socket = uplink(), Socket(room=0)
    line.attach(socket)
    for _ in range(4):
        line.add_audio(b"x" * 160)
    socket.room = 2
    line.flush()
    assert len(socket.sent) == 2
    line.detach()
    socket.room = 2
    line.flush()
    assert len(socket.sent) == 2


def test_what_is_discarded_counts_as_dropped():
    line = uplink()
    line.add_audio(b"x" * 200)
    line.add_command(b"c")
    line.discard()
    assert line.dropped_ms == 25
    socket = Socket()
    line.attach(socket)
    assert not socket.sent


def test_addresses_of_this_machine():
    assert all(map(is_loopback, ("https://localhost:1", "wss://127.0.0.1/x", "http://[::1]/", "http://a.localhost")))
    assert not any(map(is_loopback, ("https://example.com", "https://10.0.0.1", "nothing")))
