import base64
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from mediaproviders.contract import PCM16_24K, PCMU
from mediaproviders.openai_realtime.commands import append_audio
from mediaproviders.websocket import Uplink


class Paper:
    """A writer that keeps what is written, and is ready for `room` messages."""

    def __init__(self, room=10**9):
        self.room = room
        self.written = []

    @property
    def ready(self):
        return self.room > 0

    def write(self, message):
        assert self.room > 0
        self.room -= 1
        self.written.append(json.loads(message))

    @property
    def audio(self):
        return [base64.b64decode(m["audio"]) for m in self.written if "audio" in m]


def command(name):
    return json.dumps({"type": name}).encode()


def make(room=10**9, uplink_ms=20, queue_ms=100, audio=PCMU):
    uplink, paper = Uplink(audio, append_audio, uplink_ms=uplink_ms, queue_ms=queue_ms), Paper(room)
    uplink.attach(paper)
    return uplink, paper


def test_a_frame_goes_straight_through():
    uplink, paper = make()
    uplink.add_audio(b"a" * 160)
    assert paper.written == [{"type": "input_audio_buffer.append", "audio": base64.b64encode(b"a" * 160).decode()}]


def test_frames_are_gathered_and_split():
    uplink, paper = make(uplink_ms=40)
    uplink.add_audio(b"a" * 160)
    assert paper.audio == []
    uplink.add_audio(b"b" * 160 + b"c" * 320 + b"d" * 10)
    assert paper.audio == [b"a" * 160 + b"b" * 160, b"c" * 320]
    uplink.add_audio(b"d" * 310)
    assert paper.audio[-1] == b"d" * 320


def test_wideband_chunks():
    uplink, paper = make(audio=PCM16_24K)
    uplink.add_audio(bytes(960))
    assert paper.audio == [bytes(960)]


def test_oldest_audio_is_dropped_and_counted():
    uplink, paper = make(room=0)
    for n in range(8):
        uplink.add_audio(bytes([n]) * 160)
    assert uplink.dropped_ms == 60
    assert uplink.queued_ms == 100
    paper.room = 100
    uplink.flush()
    assert [chunk[0] for chunk in paper.audio] == [3, 4, 5, 6, 7]


def test_commands_keep_their_place_and_are_never_dropped():
    uplink, paper = make(room=0)
    uplink.add_audio(b"a" * 160)
    uplink.add_command(command("x"))
    uplink.add_audio(b"b" * 160)
    uplink.add_command(command("y"))
    paper.room = 100
    uplink.flush()
    assert [m["type"] for m in paper.written] == ["input_audio_buffer.append", "x", "input_audio_buffer.append", "y"]
    paper.room = 0
    uplink.add_command(command("first"))
    for _ in range(50):
        uplink.add_audio(b"c" * 160)
    paper.room = 100
    uplink.flush()
    assert [m["type"] for m in paper.written[4:]] == ["first"] + ["input_audio_buffer.append"] * 5


def test_dropped_audio_lets_the_command_behind_it_go_first():
    uplink, paper = make(room=0)
    uplink.add_audio(b"a" * 160)
    uplink.add_command(command("x"))
    for _ in range(5):
        uplink.add_audio(b"b" * 160)
    paper.room = 100
    uplink.flush()
    assert [m["type"] for m in paper.written] == ["x"] + ["input_audio_buffer.append"] * 5


def test_audio_does_not_overtake_a_waiting_command():
    uplink, paper = make(room=0)
    uplink.add_command(command("x"))
    paper.room = 1
    uplink.add_audio(b"a" * 160)
    assert paper.written == []
    uplink.flush()
    assert [m["type"] for m in paper.written] == ["x"]


def test_detached_then_discarded():
    uplink, paper = make()
    uplink.detach()
    uplink.add_audio(b"a" * 400)
    uplink.add_command(command("stale"))
    uplink.discard()
    assert uplink.dropped_ms == 50
    uplink.attach(paper)
    assert paper.written == []
    uplink.add_audio(b"b" * 160)
    assert paper.audio == [b"b" * 160]


steps = st.lists(
    st.one_of(st.integers(1, 500), st.just("command"), st.just("flush"), st.tuples(st.integers(0, 6))), max_size=60
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_nothing_is_lost_unseen_and_order_holds(plan):
    uplink, paper = make(room=0)
    given_bytes, given_commands, clock = 0, [], 0
    for step in plan:
        if isinstance(step, int):
            uplink.add_audio(b"".join(bytes([(clock + n) % 251]) for n in range(step)))
            clock += step
            given_bytes += step
        elif step == "command":
            given_commands.append(f"c{len(given_commands)}")
            uplink.add_command(command(given_commands[-1]))
        elif step == "flush":
            uplink.flush()
        else:
            paper.room = step[0]
        assert uplink.queued_ms <= 120
    paper.room = 10**9
    uplink.flush()
    sent = sum(map(len, paper.audio))
    assert sent + uplink.dropped_ms * 8 + uplink.queued_ms * 8 == given_bytes
    assert [m["type"] for m in paper.written if "audio" not in m] == given_commands
