"""Opus where packets are missing: lost in a burst, left out on purpose, or not sent by us."""

from itertools import pairwise

import numpy as np

from mediacodecs.opus import OpusDecoder, OpusEncoder, OpusWishes
from mediacodecs.pcm import Pcm, from_bytes, silence, to_bytes
from mediaproviders.contract import PCM16_24K
from mediaserver.rtp import packet, rtcp
from mediaserver.rtp.packet import RtpPacket, parse
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from support.rtp import PEER, Uplink, plan
from support.sound import voice

FRAME = 480


def opened(**changes: object) -> MediaSession:
    fields: dict[str, object] = {"receive": {96: "OPUS"}, "send_payload_type": 96, "send_encoding": "OPUS"}
    return MediaSession(
        plan(**(fields | changes)), ssrc=1, cname="a@b", first_sequence=1, first_timestamp=1, now=0.0,
        playout=Playout(encoding="OPUS", ptime_ms=20, source=PCM16_24K),
    )  # fmt: skip


def encoded(pcm: Pcm, encoder: OpusEncoder | None = None) -> list[bytes]:
    encoder = encoder or OpusEncoder()
    return [encoder.encode(pcm[at : at + FRAME]) for at in range(0, len(pcm) - FRAME + 1, FRAME)]


def heard(subject: MediaSession, payloads: list[bytes | None], *, lost: bool) -> Pcm:
    """What comes up; None: a packet that does not come, because it is `lost` or because nothing was sent."""
    uplink, sequence = Uplink(subject), 100
    for number, payload in enumerate(payloads):
        now = number * 0.02
        if payload is not None:
            uplink.receive(packet.build(96, sequence, number * 960, 0xCAFE, payload), now)
        sequence += payload is not None or lost
        uplink.overdue(now + 0.007)
    return from_bytes(b"".join(uplink.payloads))


def level(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))


def test_the_voice_goes_on_over_a_burst_of_loss_and_fades() -> None:
    subject = opened()
    payloads: list[bytes | None] = [*encoded(voice(24000, 3.0))]
    payloads[60:75] = [None] * 15
    pcm = heard(subject, payloads, lost=True)
    frames = [level(pcm[at : at + FRAME]) for at in range(0, len(pcm) - FRAME + 1, FRAME)]
    assert min(frames[60:62]) > 0.2 * frames[59], "it does not stop dead"
    assert max(frames[66:74]) < 0.1 * frames[59], "and is not made up for long"
    counted = subject.counters()
    assert counted.lost == 15
    assert counted.concealed_ms >= 100
    assert 300 <= counted.concealed_ms + counted.comfort_ms <= 320
    assert 0 <= len(pcm) - len(payloads) * FRAME <= FRAME


def test_two_lost_in_a_row_are_made_up_and_not_filled_with_silence() -> None:
    """The packet behind them waits for them longer than silence takes to stand in."""
    subject = opened()
    payloads: list[bytes | None] = [*encoded(voice(24000, 2.0))]
    for number in range(30, 90, 10):
        payloads[number : number + 2] = [None, None]
    heard(subject, payloads, lost=True)
    counted = subject.counters()
    assert counted.lost == 12
    assert (counted.concealed_ms, counted.comfort_ms) == (240, 0)


def test_a_pause_that_is_announced_is_silence_at_once() -> None:
    """A packet without a frame says that nothing follows (RFC 7587 3.1.3): no voice is made up, nothing is lost."""
    subject = opened()
    encoder = OpusEncoder(OpusWishes(dtx=True))
    said = np.concatenate([voice(24000, 1.0), silence(24000), voice(24000, 1.0)])
    payloads: list[bytes | None] = []
    before = b""
    for payload in encoded(said, encoder):  # as browsers do: the first such packet is sent, those after it are not
        payloads.append(None if len(payload) <= 2 and len(before) <= 2 and payloads else payload)
        before = payload
    left_out = payloads.count(None)
    assert left_out > 20
    pcm = heard(subject, payloads, lost=False)
    counted = subject.counters()
    assert counted.lost == counted.concealed_ms == 0
    assert counted.comfort_ms >= 20 * (left_out - 2)
    quiet = pcm[int(1.4 * 24000) : int(1.9 * 24000)]
    assert level(quiet) < 40
    assert level(pcm[int(2.2 * 24000) : int(2.8 * 24000)]) > 1000
    assert abs(len(pcm) - len(said)) <= 2 * FRAME


def test_our_own_pauses_are_announced_and_refreshed() -> None:
    """The peer's decoder is told of each pause by a packet without a frame: it makes up silence and not the voice."""
    subject, got = opened(send_fmtp="usedtx=1"), list[RtpPacket]()

    def take(data: bytes) -> None:
        read = parse(data)
        assert read is not None
        got.append(read)

    subject.playout.push("a", to_bytes(voice(24000, 1.0)))
    subject.playout.finish("a")
    for turn in range(200):
        subject.playout.work()
        subject.tick(turn * 0.02, take)
    assert len(got) < 80
    for one, following in pairwise(got):
        pause = (following.timestamp - one.timestamp) % 2**32 > 960
        assert (len(one.payload) == 1) is pause
    decoder = OpusDecoder()
    pieces = [decoder.decode(each.payload).copy() for each in got]
    assert {len(piece) for piece in pieces} == {FRAME}
    assert level(np.concatenate(pieces[-6:])) < 40


def test_feedback_we_have_no_use_for_is_no_fault() -> None:
    """NACK, PLI, REMB, extended reports: alone, as RFC 5506 allows, or behind a report."""
    subject = opened(rtcp_mux=True)
    alone = {
        "nack": "81cd0003000000010000cafe00010000",
        "pli": "81ce0002000000010000cafe",
        "remb": "8fce00050000000100000000524d4220011927100000cafe",
        "xr": "80cf00010000cafe",
    }
    for octets in map(bytes.fromhex, alone.values()):
        assert rtcp.is_foreign(octets)
        subject.rtp_received(octets, PEER, 0.0)
        subject.rtp_received(rtcp.build(rtcp.ReceiverReport(5)) + octets, PEER, 0.0)
        subject.rtcp_received(octets[:-4], PEER, 0.0)
    assert subject.counters().malformed == len(alone), "those cut short"


def test_reports_do_not_go_where_only_feedback_came_from() -> None:
    subject, stranger = opened(), (PEER[0], 4711)
    described = subject.rtcp_destination
    for octets in ("81ce0002000000010000cafe", "9fcb000100000000", "80cc000000"):
        subject.rtcp_received(bytes.fromhex(octets), stranger, 0.0)
        assert subject.rtcp_destination == described
