"""The sending side: the RTP clock against the wall, both downlink modes, digits, hold, reports."""

import random
from itertools import pairwise

import pytest

from mediaproviders.contract import PCMU
from mediaserver.errors import LocalProtocolError
from mediaserver.rtp import rtcp
from mediaserver.rtp.packet import RtpPacket, parse
from mediaserver.rtp.plan import MediaSettings
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from support.rtp import FRAME, PEER, Peer, plan, session, speech

FIRST = 4_294_900_000
DISCONTINUOUS = plan(comfort_noise_send=13, comfort_noise_receive=13)


class Wire:
    """Keeps what was sent, with the time it was."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, RtpPacket]] = []

    def __call__(self, data: bytes) -> None:
        packet = parse(data)
        assert packet is not None
        self.sent.append((self.now, packet))

    def tick(self, session: MediaSession, now: float) -> list[RtpPacket]:
        self.now, before = now, len(self.sent)
        session.tick(now, self)
        return [packet for _, packet in self.sent[before:]]

    def speak(self, session: MediaSession, now: float, scheduled: float | None = None) -> list[RtpPacket]:
        self.now, before = now, len(self.sent)
        assert session.speak_now(now, self, scheduled) == (len(self.sent) > before)
        return [packet for _, packet in self.sent[before:]]

    def clock_error(self, start: float) -> list[float]:
        """Seconds each timestamp is ahead of the wall."""
        errors, last = [], 0
        for now, packet in self.sent:
            elapsed = (packet.timestamp - FIRST - last + 2**31) % 2**32 - 2**31 + last
            last = elapsed
            errors.append(elapsed / 8000 - (now - start))
        return errors


def test_constant_mode_sends_a_frame_each_ptime_with_contiguous_numbers() -> None:
    subject, wire = session(first_sequence=65_530), Wire()
    payloads = speech(5)
    for turn in range(20):
        if turn == 5:
            subject.playout.push("a", b"".join(payloads))
            subject.playout.finish("a")
        assert len(wire.tick(subject, 0.02 * turn)) == 1
    packets = [packet for _, packet in wire.sent]
    assert [packet.sequence for packet in packets] == [(65_530 + turn) % 65536 for turn in range(20)]
    assert [packet.timestamp for packet in packets] == [(FIRST + 160 * turn) % 2**32 for turn in range(20)]
    assert [packet.payload for packet in packets] == [b"\xff" * FRAME] * 5 + payloads + [b"\xff" * FRAME] * 10
    assert [packet.marker for packet in packets] == [True] + [False] * 19
    assert {packet.payload_type for packet in packets} == {0}
    assert wire.speak(subject, 0.405) == []


def test_a_jittery_wheel_neither_skips_nor_doubles() -> None:
    subject, wire, chance = session(), Wire(), random.Random(3)
    for turn in range(5000):
        assert len(wire.tick(subject, 0.02 * turn + chance.uniform(0, 0.009))) == 1
    assert subject.counters().skipped_ms == 0


def test_late_ticks_catch_up_and_very_late_ones_skip_time_not_audio() -> None:
    subject, wire = session(), Wire()
    payloads = speech(20)
    subject.playout.push("a", b"".join(payloads))
    for turn in range(5):
        wire.tick(subject, 0.02 * turn)
    assert len(wire.tick(subject, 0.140)) == 3  # 100, 120 and 140
    late = wire.tick(subject, 1.161)
    assert [(packet.timestamp - FIRST) % 2**32 for packet in late] == [1120 * 8, 1140 * 8, 1160 * 8]
    assert [packet.marker for packet in late] == [True, False, False]
    assert [packet.payload for _, packet in wire.sent] == payloads[:11]
    assert subject.counters().skipped_ms == pytest.approx(48 * 20)


@pytest.mark.parametrize("stream", [plan(), DISCONTINUOUS])
def test_after_a_hundred_turns_the_rtp_clock_is_the_wall(stream: object) -> None:
    """Half an hour of bursts, interruptions, ducks and a wheel that is sometimes late."""
    subject, wire, chance = session(stream), Wire(), random.Random(11)  # type: ignore[arg-type]
    voice = b"".join(speech(400))
    now, start, slot = 1000.0, 1000.0, 0
    for turn in range(100):
        talk_at = slot + chance.randrange(50, 200)
        cut_at = talk_at + chance.randrange(20, 600)
        for _ in range(talk_at - slot + 700):
            slot += 1
            now = start + 0.02 * slot + max(0.0, chance.gauss(-0.02, 0.02)) + (0.09 if chance.random() < 0.001 else 0)
            if slot == talk_at:
                subject.playout.push(f"item {turn}", voice)
                subject.playout.finish(f"item {turn}")
                wire.speak(subject, now - 0.003)
            if slot == cut_at:
                subject.playout.duck()
            if slot == cut_at + 10:
                if turn % 2:
                    subject.playout.resume()
                else:
                    subject.playout.flush()
            wire.tick(subject, now)
    first = wire.sent[0][0]
    errors = wire.clock_error(first)
    # A frame is sent up to half a ptime before its deadline and, after a late tick, some frames behind it.
    assert max(errors) <= 0.0201
    assert min(errors) > -0.15
    assert abs(errors[-1]) <= 0.03
    numbers = [packet.sequence for _, packet in wire.sent]
    assert all((b - a) % 65536 == 1 for a, b in pairwise(numbers))
    stamps = [error + now for error, (now, _) in zip(errors, wire.sent, strict=True)]
    assert all(b > a for a, b in pairwise(stamps))


def test_discontinuous_mode_is_silent_but_for_comfort_noise() -> None:
    subject, wire = session(DISCONTINUOUS), Wire()
    for turn in range(100):
        wire.tick(subject, 0.02 * turn)
    assert [(round(now, 3), packet.payload_type, packet.payload) for now, packet in wire.sent] == [
        (0.0, 13, b"\x46"),
        (0.5, 13, b"\x46"),
        (1.0, 13, b"\x46"),
        (1.5, 13, b"\x46"),
    ]


def test_a_talkspurt_leaves_at_once_at_the_time_of_the_wall() -> None:
    subject, wire = session(DISCONTINUOUS), Wire()
    payloads = speech(10)
    for turn in range(10):
        wire.tick(subject, 0.02 * turn)
    assert wire.speak(subject, 0.187) == []  # nothing to say yet
    subject.playout.push("a", b"".join(payloads))
    subject.playout.finish("a")
    (first,) = wire.speak(subject, 0.187)
    assert wire.speak(subject, 0.188) == []
    assert first.marker
    assert (first.timestamp - FIRST) % 2**32 == 187 * 8
    for turn in range(10, 25):
        wire.tick(subject, 0.02 * turn)
    spurt = [packet for _, packet in wire.sent if packet.payload_type == 0]
    assert [packet.payload for packet in spurt] == payloads
    assert [packet.marker for packet in spurt] == [True] + [False] * 9
    assert [(packet.timestamp - FIRST) % 2**32 for packet in spurt] == [187 * 8 + 160 * turn for turn in range(10)]
    end = [packet for _, packet in wire.sent if packet.payload_type == 13][-1]
    assert (end.timestamp - FIRST) % 2**32 == 187 * 8 + 1600


def test_talk_before_the_first_tick() -> None:
    subject, wire = session(DISCONTINUOUS), Wire()
    subject.playout.push("a", speech(1)[0])
    assert [packet.payload_type for packet in wire.speak(subject, 5.0)] == [0]


def test_hold_freezes_the_agent_and_the_clock_goes_on() -> None:
    subject, wire = session(), Wire()
    payloads = speech(10)
    subject.playout.push("a", b"".join(payloads))
    for turn in range(30):
        if turn == 4:
            subject.update(plan(sends=False), 0.02 * turn)
        if turn == 24:
            subject.update(plan(), 0.02 * turn)
        wire.tick(subject, 0.02 * turn)
    assert [packet.payload for _, packet in wire.sent] == payloads
    assert [packet.marker for _, packet in wire.sent] == [turn in (0, 4) for turn in range(10)]
    assert (wire.sent[4][1].timestamp - FIRST) % 2**32 == 24 * 160
    assert subject.counters().skipped_ms == 0


def test_a_new_ptime_and_law() -> None:
    subject, wire = session(), Wire()
    subject.playout.push("a", b"\x00" * 160 * 6)
    for turn in range(3):
        wire.tick(subject, 0.02 * turn)
    subject.update(plan(ptime_ms=30, send_payload_type=8, send_encoding="PCMA"), 0.05)
    for turn in range(2):
        wire.tick(subject, 0.06 + 0.03 * turn)
    packets = [packet for _, packet in wire.sent[3:]]
    assert [packet.payload for packet in packets] == [b"\x2a" * 240] * 2
    assert {packet.payload_type for packet in packets} == {8}
    assert [(packet.timestamp - FIRST) % 2**32 for packet in packets] == [480, 720]


def test_keys_take_the_place_of_audio_and_hold_it_up() -> None:
    subject, wire = session(), Wire()
    payloads = speech(20)
    subject.playout.push("a", b"".join(payloads))
    wire.tick(subject, 0.0)
    subject.send_digits("5")
    for turn in range(1, 12):
        wire.tick(subject, 0.02 * turn)
    events = [packet for _, packet in wire.sent if packet.payload_type == 101]
    assert len(events) == 7
    assert {(packet.timestamp - FIRST) % 2**32 for packet in events} == {160}
    assert [packet.marker for packet in events] == [True] + [False] * 6
    audio = [packet for _, packet in wire.sent if packet.payload_type == 0]
    assert [packet.payload for packet in audio] == payloads[:5]
    assert (audio[1].timestamp - FIRST) % 2**32 == 8 * 160


def test_keys_need_a_keypad() -> None:
    with pytest.raises(LocalProtocolError, match="!"):
        session(plan(event_send=None)).send_digits("!")
    with pytest.raises(LocalProtocolError, match="hello"):
        session().send_digits("hello")


def test_reports() -> None:
    subject, wire, peer = session(), Wire(), Peer(sequence=10)
    assert subject.rtcp_due(2.4) is None
    for turn in range(100):
        wire.tick(subject, 0.02 * turn)
        if turn != 50:
            subject.rtp_received(peer.audio(b"\xff" * FRAME), PEER, 0.02 * turn)
            subject.take_backlog()
        else:
            peer.lose()
    subject.rtcp_received(
        rtcp.build(rtcp.SenderReport(peer.ssrc, 0x1111_2222_3333_4444, 0, 99, 9)), (PEER[0], 4001), 2.0
    )
    data = subject.rtcp_due(2.5)
    assert data is not None
    report, name = rtcp.parse(data)
    assert isinstance(report, rtcp.SenderReport)
    assert (report.ssrc, report.packets, report.octets) == (0x1234, 100, 16_000)
    assert report.timestamp == (FIRST + 2.5 * 8000) % 2**32
    assert report.ntp >> 32 == 2
    (block,) = report.blocks
    assert (block.ssrc, block.cumulative_lost, block.fraction_lost) == (0xCAFE, 1, 2)
    assert (block.highest_sequence, block.last_report, block.delay) == (109, 0x2222_3333, 32768)
    assert name == rtcp.SourceDescription(0x1234, "agent@example.net")
    assert subject.rtcp_due(7.4) is None
    again = subject.rtcp_due(7.5)
    assert again is not None
    assert isinstance(rtcp.parse(again)[0], rtcp.ReceiverReport)  # nothing was sent since


def test_round_trip_and_goodbye() -> None:
    subject, wire = session(settings=MediaSettings(wall_clock_offset_s=3_900_000_000.0)), Wire()
    wire.tick(subject, 0.0)
    data = subject.rtcp_due(10.0)
    assert data is not None
    report = rtcp.parse(data)[0]
    assert isinstance(report, rtcp.SenderReport)
    block = rtcp.ReportBlock(0x1234, 64, 0, 0, 0, rtcp.compact_ntp(report.ntp), 65536)
    subject.rtcp_received(rtcp.build(rtcp.ReceiverReport(9, (block,))), PEER, 11.150)
    assert subject.rtt_ms == pytest.approx(150, abs=0.1)
    assert subject.counters().remote_fraction_lost == 0.25
    assert subject.rtcp_destination == PEER
    assert rtcp.parse(subject.goodbye(12.0))[-1] == rtcp.Goodbye((0x1234,))


def test_the_interval_of_reports_is_spread() -> None:
    stream = plan()
    numbers = iter([0.0, 0.0, 0.999])
    subject = MediaSession(
        stream,
        ssrc=1,
        cname="c",
        first_sequence=0,
        first_timestamp=0,
        now=0.0,
        playout=Playout(encoding="PCMU", ptime_ms=20, source=PCMU),
        spread=lambda: next(numbers),
    )
    assert subject.rtcp_due(1.24) is None
    assert subject.rtcp_due(1.25) is not None
    assert subject.rtcp_due(3.74) is None
    assert subject.rtcp_due(3.75) is not None
    assert subject.rtcp_due(11.2) is None


def test_a_talkspurt_on_a_slot_of_the_wheel_is_late_by_its_first_packet_only() -> None:
    subject, wire = session(DISCONTINUOUS), Wire()
    wire.tick(subject, 0.0)
    subject.playout.push("a", b"".join(speech(6)))
    assert len(wire.speak(subject, 0.0337, scheduled=0.030)) == 1
    for turn in range(1, 6):
        assert len(wire.tick(subject, 0.030 + 0.020 * turn)) == 1
    ahead = wire.clock_error(0.0)[1:]
    assert ahead[0] == pytest.approx(-0.0037, abs=1e-4)
    assert ahead[1:] == pytest.approx([0.0] * 5, abs=1e-4)


@pytest.mark.parametrize("stall", [0.004, 0.0095, 0.0101, 0.013, 0.019])
def test_a_late_first_tick_makes_no_later_one_early(stall: float) -> None:
    """Ticks half a ptime before their time are passed over: a schedule begun late would bring every one near."""
    subject, wire, chance = session(), Wire(), random.Random(5)
    subject.start(0.0)
    wire.tick(subject, stall)
    for turn in range(1, 500):
        assert len(wire.tick(subject, 0.02 * turn + chance.uniform(0, 0.002))) == 1
    ahead = wire.clock_error(0.0)
    assert max(map(abs, ahead[1:])) < 0.0025


def test_ticks_that_move_take_the_rtp_clock_along() -> None:
    subject, wire = session(), Wire()
    subject.start(0.0)
    for turn in range(5):
        wire.tick(subject, 0.02 * turn)
    subject.start(0.115)
    for turn in range(5):
        assert len(wire.tick(subject, 0.115 + 0.02 * turn)) == 1
    assert wire.clock_error(0.0) == pytest.approx([0.0] * 10, abs=1e-4)
    assert [packet.marker for _, packet in wire.sent] == [True] + [False] * 4 + [True] + [False] * 4


def test_a_duck_in_discontinuous_mode_is_silence_and_its_end_a_new_talkspurt() -> None:
    subject, wire = session(DISCONTINUOUS), Wire()
    subject.playout.push("a", b"".join(speech(20)))
    for turn in range(20):
        if turn == 3:
            subject.playout.duck()
        wire.tick(subject, 0.02 * turn)
    kinds = [packet.payload_type for _, packet in wire.sent]
    assert kinds == [0] * 5 + [13]
    subject.playout.resume()
    (packet,) = wire.speak(subject, 0.391)
    assert packet.marker
    assert (packet.timestamp - FIRST) % 2**32 == 391 * 8
    assert subject.playout.played_ms("a") == 120.0
    assert subject.counters().underruns == 0


def test_a_talkspurt_does_not_overlap_the_one_before() -> None:
    """Ticks 5 ms early: the last frame reaches beyond the moment the next talkspurt begins."""
    subject, wire = session(DISCONTINUOUS), Wire()
    subject.playout.push("a", speech(1)[0])
    subject.playout.finish("a")
    wire.tick(subject, 0.0)
    wire.tick(subject, 0.011)  # comfort noise, at the end of the frame: 20 ms
    subject.playout.push("b", speech(1)[0])
    assert wire.speak(subject, 0.012) == []
    (packet,) = wire.tick(subject, 0.031)
    assert (packet.timestamp - FIRST) % 2**32 == 320
    assert packet.marker
