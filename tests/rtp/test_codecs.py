"""The media core with every codec: what a peer says is heard in time and in its whole band, and the other way round."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacodecs import registry
from mediacodecs.opus import OpusEncoder
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMU, AudioFormat
from mediaserver.rtp import packet, rtcp
from mediaserver.rtp.events import Digit
from mediaserver.rtp.form import converted, form_of, uplink_format
from mediaserver.rtp.packet import RtpPacket, parse
from mediaserver.rtp.plan import StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from support.rtp import PEER, Uplink, plan
from support.sound import aligned, share, tone, voice

CODECS = tuple(registry.SPECS)
WIDE = ("G722", "OPUS", "L16/16000")


def stream(codec: str, **changes: object) -> StreamPlan:
    fields: dict[str, object] = {"receive": {96: codec}, "send_payload_type": 97, "send_encoding": codec}
    return plan(**(fields | changes))


def opened(stream: StreamPlan, *, source: AudioFormat = PCM16_24K, wanted_rate: int | None = None) -> MediaSession:
    return MediaSession(
        stream, ssrc=1, cname="a@b", first_sequence=65_530, first_timestamp=4_294_967_000, now=0.0,
        playout=Playout(encoding=stream.send_encoding, ptime_ms=stream.ptime_ms, source=source),
        wanted_rate=wanted_rate,
    )  # fmt: skip


class Phone:
    """A peer that speaks one codec, and hears by timestamp what we send."""

    def __init__(self, codec: str, *, fmtp: str | None = None, ms: int = 20, kind: int = 96, loss: int = 0) -> None:
        self.spec = registry.spec(codec)
        self.ms, self.kind = ms, kind
        self._encoder = registry.encoder(codec, registry.Sending(fmtp))
        if isinstance(self._encoder, OpusEncoder):
            self._encoder.expect_loss(loss)
        self._decoder = registry.decoder(codec, self.spec.sample_rate)
        self.sequence, self.timestamp = 65_500, 4_294_960_000
        self.got: list[RtpPacket] = []

    def frames(self, pcm: Pcm) -> list[Pcm]:
        size = self.spec.sample_rate * self.ms // 1000
        return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]

    def send(self, frame: Pcm) -> bytes:
        payload = self._encoder.encode(frame)
        made = packet.build(self.kind, self.sequence, self.timestamp, 0xCAFE, payload)
        self.sequence += 1
        self.pause()
        return made

    def pause(self) -> None:
        self.timestamp += self.spec.clock_rate * self.ms // 1000

    def __call__(self, data: bytes) -> None:
        got = parse(data)
        assert got is not None
        self.got.append(got)

    def heard(self) -> Pcm:
        return np.concatenate([self._decoder.decode(got.payload).copy() for got in self.got])


def conversation(phone: Phone, subject: MediaSession, pcm: Pcm, lost: Callable[[int], bool] = lambda n: False) -> Pcm:
    """The peer says it, frame by frame, and we tick; what comes up."""
    uplink = Uplink(subject)
    for number, frame in enumerate(phone.frames(pcm)):
        now = number * phone.ms / 1000
        data = phone.send(frame)
        subject.tick(now, phone)
        uplink.overdue(now)
        if not lost(number):
            uplink.receive(data, now + 0.001)
    return form_of(subject.uplink_format).decode(b"".join(uplink.payloads))


def narrowed(phone: Phone) -> Pcm:
    source = form_of(AudioFormat("pcm16", phone.spec.sample_rate))
    return from_bytes(converted(to_bytes(phone.heard()), source, form_of(PCM16_8K)))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("ms", [10, 20, 40])
def test_what_is_said_comes_up_in_time(codec: str, ms: int) -> None:
    phone, subject = Phone(codec, ms=ms), opened(stream(codec, ptime_ms=ms))
    said = voice(phone.spec.sample_rate, 2.0)
    heard = conversation(phone, subject, said)
    rate = subject.uplink_format.rate
    assert rate == phone.spec.sample_rate
    assert len(heard) == len(said), "neither more nor less"
    assert aligned(said[rate // 5 :], heard[rate // 5 :], rate // 60)[1] > 0.85
    counted = subject.counters()
    assert (counted.lost, counted.concealed_ms, counted.comfort_ms, counted.trimmed_ms) == (0, 0, 0, 0)
    assert counted.jitter_ms < 1


@pytest.mark.parametrize("codec", WIDE)
def test_the_upper_band_comes_up(codec: str) -> None:
    phone, subject = Phone(codec), opened(stream(codec))
    rate = phone.spec.sample_rate
    heard = conversation(phone, subject, (voice(rate, 2.0) // 2 + tone(rate, 2.0, 6000, 3000)).astype(np.int16))
    assert share(heard[rate // 2 :], rate, 5800, 6200) > 0.1


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("source", [PCM16_24K, PCM16_16K], ids=["24 kHz", "16 kHz"])
def test_what_is_played_goes_down_in_its_whole_band(codec: str, source: AudioFormat) -> None:
    phone, subject = Phone(codec), opened(stream(codec), source=source)
    said = (voice(source.rate, 2.0) // 2 + tone(source.rate, 2.0, 6000, 3000)).astype(np.int16)
    subject.playout.push("a", to_bytes(said))
    subject.playout.finish("a")
    for turn in range(100):
        subject.playout.work()
        subject.tick(turn * 0.02, phone)
    rate = phone.spec.sample_rate
    heard = phone.heard()
    assert len(heard) == 2 * rate
    assert share(heard[rate // 2 :], rate, 5800, 6200) > 0.1
    reference = (voice(rate, 2.0) // 2 + tone(rate, 2.0, 6000, 3000)).astype(np.int16)
    assert aligned(reference[rate // 5 :], heard[rate // 5 :], rate // 50)[1] > 0.75
    steps = {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(phone.got)}
    assert steps == {phone.spec.clock_rate // 50}
    assert subject.playout.played_ms("a") == pytest.approx(2000, abs=1)


def test_opus_is_decoded_to_what_the_model_hears() -> None:
    assert uplink_format("OPUS", 16000) == PCM16_16K
    assert uplink_format("OPUS", 8000) == PCM16_8K
    assert uplink_format("OPUS") == uplink_format("OPUS", 44100) == PCM16_24K
    assert uplink_format("G722", 24000) == PCM16_16K
    assert uplink_format("PCMU", 24000) == PCMU
    phone, subject = Phone("OPUS"), opened(stream("OPUS"), wanted_rate=16000)
    heard = conversation(phone, subject, voice(24000, 1.0))
    assert len(heard) == 16000


@pytest.mark.parametrize("codec", CODECS)
def test_a_hole_is_filled_to_the_sample(codec: str) -> None:
    phone, subject = Phone(codec), opened(stream(codec))
    said = voice(phone.spec.sample_rate, 2.0)
    heard = conversation(phone, subject, said, lost=lambda number: number in (30, 31, 60))
    counted = subject.counters()
    assert counted.lost == 3
    assert counted.concealed_ms == 60
    assert len(heard) == len(said)
    rate = subject.uplink_format.rate
    hole = heard[int(0.6 * rate) : int(0.62 * rate)].astype(float)
    before = heard[int(0.58 * rate) : int(0.6 * rate)].astype(float)
    assert np.sqrt(np.mean(hole**2)) > 0.2 * np.sqrt(np.mean(before**2)), "not a gap of silence"
    assert aligned(said[rate:], heard[rate:], rate // 60)[1] > 0.85, "and what follows is in its place"


def test_a_lost_packet_of_opus_is_taken_out_of_the_next_one() -> None:
    """One in ten is lost, and the peer knows: with second copies what is heard is nearer to what was said."""
    fits = []
    for fmtp in ("useinbandfec=1", None):
        phone, subject = Phone("OPUS", fmtp=fmtp, loss=10), opened(stream("OPUS"))
        said = voice(24000, 4.0)
        heard = conversation(phone, subject, said, lost=lambda number: number % 10 == 5)
        holes = [slice((n * 480) + 155, (n + 1) * 480 + 155) for n in range(15, 195, 10)]
        late = 155
        one = np.concatenate([said[hole.start - late : hole.stop - late] for hole in holes])
        fits.append(aligned(one, np.concatenate([heard[hole] for hole in holes]), 0)[1])
        assert subject.counters().concealed_ms == 20 * 20
    assert fits[0] > fits[1] + 0.05, fits


def test_a_pause_of_opus_is_no_loss() -> None:
    """The peer leaves silence out (RFC 7587 3.1.3): its time is filled, and nothing is counted as lost."""
    phone, subject = Phone("OPUS"), opened(stream("OPUS"))
    uplink, frames, now = Uplink(subject), phone.frames(voice(24000, 1.0)), 0.0
    for number in range(150):
        now = number * 0.02
        if 50 <= number < 100:
            phone.pause()
        else:
            uplink.receive(phone.send(frames[number % 50]), now)
        uplink.overdue(now + 0.001)
    counted = subject.counters()
    assert counted.lost == 0 and counted.concealed_ms == 0
    assert counted.comfort_ms == pytest.approx(1000, abs=20)
    assert uplink.samples / 48000 == pytest.approx(3.0, abs=0.021)


@pytest.mark.parametrize(("first", "then"), [("PCMU", "OPUS"), ("OPUS", "PCMU"), ("G722", "PCMA"), ("PCMA", "G722")])
def test_another_codec_is_agreed_in_the_middle(first: str, then: str) -> None:
    """Timestamps go on, by the new clock; the uplink keeps its form and its time, the playout what it has."""
    one, other = Phone(first), Phone(then, kind=98)
    subject = opened(stream(first))
    form = subject.uplink_format
    uplink, said = Uplink(subject), voice(24000, 4.0)
    subject.playout.push("a", to_bytes(said))
    subject.playout.finish("a")
    phone = one
    frames = {
        one: one.frames(voice(one.spec.sample_rate, 4.0)),
        other: other.frames(voice(other.spec.sample_rate, 4.0)),
    }
    for number in range(200):
        now = number * 0.02
        if number == 100:
            change = stream(then, receive={98: then}, send_payload_type=99)
            subject.update(change, now)
            phone, other.sequence = other, one.sequence
        subject.playout.work()
        subject.tick(now, phone)
        uplink.receive(phone.send(frames[phone][number]), now + 0.001)
        uplink.overdue(now + 0.002)
    assert subject.uplink_format == form
    heard = form_of(form).decode(b"".join(uplink.payloads))
    assert len(heard) / form.rate == pytest.approx(4.0, abs=0.021)
    reference = voice(form.rate, 4.0)
    half = 2 * form.rate
    assert aligned(reference[half + 2000 :], heard[half + 2000 :], form.rate // 40)[1] > 0.8
    played = np.concatenate([narrowed(phone) for phone in (one, other)])
    assert aligned(voice(8000, 4.0)[20000:], played[20000:], 400)[1] > 0.75
    assert subject.playout.played_ms("a") == pytest.approx(4000, abs=25)
    assert {got.payload_type for got in one.got} == {97} and {got.payload_type for got in other.got} == {99}
    jump = (other.got[0].timestamp - one.got[-1].timestamp) % 2**32
    assert jump == one.spec.clock_rate // 50


def test_the_peer_goes_over_to_another_codec_it_has() -> None:
    """Both were agreed: no description tells of it, and their clocks differ (RFC 7160)."""
    subject = opened(stream("OPUS", receive={96: "OPUS", 0: "PCMU"}))
    wide, narrow = Phone("OPUS"), Phone("PCMU", kind=0)
    uplink, phone = Uplink(subject), wide
    for number in range(150):
        if number in (50, 100):
            other = narrow if phone is wide else wide
            other.sequence, other.timestamp = phone.sequence, phone.timestamp
            phone = other
        frame = phone.frames(voice(phone.spec.sample_rate, 3.0))[number]
        uplink.receive(phone.send(frame), number * 0.02)
        uplink.overdue(number * 0.02 + 0.001)
    heard = from_bytes(b"".join(uplink.payloads))
    assert len(heard) / 24000 == pytest.approx(3.0, abs=0.021)
    counted = subject.counters()
    assert counted.lost == counted.concealed_ms == 0
    assert counted.jitter_ms < 2


def test_silence_of_opus_is_left_out_where_the_peer_wants_it() -> None:
    phone, subject = Phone("OPUS"), opened(stream("OPUS", send_fmtp="usedtx=1"), source=PCM16_24K)
    said = to_bytes(voice(24000, 0.5))
    for turn in range(250):
        now = turn * 0.02
        if turn in (10, 150):
            subject.playout.push(str(turn), said)
            subject.playout.finish(str(turn))
            subject.speak_now(now, phone, now)
        subject.playout.work()
        subject.tick(now, phone)
    assert len(phone.got) < 110, "two talkspurts of 25, what leads out of them, and a packet now and then"
    origin = phone.got[0].timestamp
    moments = [((got.timestamp - origin) % 2**32) / 48000 for got in phone.got]
    assert max(b - a for a, b in pairwise(moments)) == pytest.approx(0.4, abs=0.021)
    talkspurts = [round(at, 3) for at, got in zip(moments, phone.got, strict=True) if got.marker]
    assert talkspurts == [0.2, 3.0]
    assert [got.sequence for got in phone.got] == [(65_530 + n) % 65536 for n in range(len(phone.got))]


@pytest.mark.parametrize("codec", WIDE)
def test_silence_is_sent_and_is_silent(codec: str) -> None:
    """After 200 ms the same payload stands for it: the peer hears nothing of that, nor when the agent speaks again."""
    phone, subject = Phone(codec), opened(stream(codec))
    said = voice(24000, 1.0)
    for turn in range(200):
        if turn in (0, 125):
            subject.playout.push(str(turn), to_bytes(said))
            subject.playout.finish(str(turn))
        subject.playout.work()
        subject.tick(turn * 0.02, phone)
    rate, heard = phone.spec.sample_rate, phone.heard()
    assert len(phone.got) == 200
    assert np.abs(heard[int(1.3 * rate) : int(2.5 * rate)].astype(int)).max() < 40
    again = heard[int(2.5 * rate) :]
    assert aligned(voice(rate, 1.0)[rate // 10 :], again[rate // 10 :], rate // 50)[1] > 0.85


@pytest.mark.parametrize("codec", WIDE)
def test_a_duck_and_the_return_from_it_are_true_to_the_sample(codec: str) -> None:
    subject = opened(
        stream(codec, comfort_noise_send=13), source=AudioFormat("pcm16", registry.spec(codec).sample_rate)
    )
    rate = registry.spec(codec).sample_rate
    said = np.arange(rate, dtype=np.int16) % 20_000 + 5_000
    playout = subject.playout
    playout.push("a", to_bytes(said))
    playout.finish("a")
    frames = [playout.pop() for _ in range(10)]
    playout.duck()
    ducked = [playout.pop() for _ in range(4)]
    assert playout.held and ducked[2:] == [None, None]
    playout.resume()
    while (frame := playout.pop()) is not None:
        frames.append(frame)
    assert from_bytes(b"".join(frame for frame in frames[:10] if frame)).tolist() == said[: rate // 5].tolist()
    softened = from_bytes(b"".join(frame for frame in ducked if frame)).astype(float)
    assert len(softened) == rate * 40 // 1000
    assert softened[-1] < 0.1 * said[rate // 5 + len(softened) - 1]
    tail = from_bytes(b"".join(frame for frame in frames[12:] if frame))
    assert tail.tolist() == said[-len(tail) :].tolist(), "not a sample is left out or said twice"
    assert playout.played_ms("a") == 1000


@pytest.mark.parametrize("codec", WIDE)
def test_a_cut_knows_what_was_played(codec: str) -> None:
    phone, subject = Phone(codec), opened(stream(codec))
    subject.playout.push("a", to_bytes(voice(24000, 1.0)))
    for turn in range(13):
        subject.tick(turn * 0.02, phone)
    (cut,) = subject.playout.flush()
    assert (cut.played_ms, cut.received_ms) == (260, 1000)


@pytest.mark.parametrize("codec", ["OPUS", "G722"])
def test_events_run_by_their_own_clock(codec: str) -> None:
    """Many phones speak Opus and know events by 8000 Hz alone; others by 48000 Hz as RFC 4733 2.3 wants it."""
    for clock in (8000, 48000):
        subject = opened(stream(codec, event_send=110, event_receive=111, event_clock_rate=clock))
        phone = Phone(codec)
        subject.send_digits("5")
        for turn in range(15):
            subject.tick(turn * 0.02, phone)
        events = [got for got in phone.got if got.payload_type == 110]
        assert max(int.from_bytes(got.payload[2:], "big") for got in events) == clock // 10
        assert len({got.timestamp for got in events}) == 1
        after = next(got for got in phone.got[::-1] if got.payload_type == 97)
        behind = (after.timestamp - events[0].timestamp) % 2**32
        assert behind == phone.spec.clock_rate // 50 * (14 - phone.got.index(events[0]))
        for end in (False, True):
            body = bytes((7, 0x8A if end else 0x0A)) + (clock // 10).to_bytes(2, "big")
            subject.rtp_received(packet.build(111, phone.sequence, phone.timestamp, 0xCAFE, body), PEER, 1.0)
            phone.sequence += 1
        assert subject.events()[-1] == Digit("7", 100.0)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(CODECS),
    st.sampled_from((8000, 16000, 24000)),
    st.lists(st.sampled_from(("send", "lose", "late", "pause", "garbage")), min_size=5, max_size=60),
)
def test_the_uplink_keeps_time_whatever_comes(codec: str, wanted: int, doings: list[str]) -> None:
    phone, subject = Phone(codec), opened(stream(codec), wanted_rate=wanted)
    uplink, held = Uplink(subject), list[bytes]()
    frames = phone.frames(voice(phone.spec.sample_rate, 1.2))
    uplink.overdue(0.0)
    for number, doing in enumerate(doings):
        now = number * 0.02
        match doing:
            case "pause":
                phone.pause()
            case "garbage":
                phone.sequence += 1
                data = packet.build(96, phone.sequence - 1, phone.timestamp, 0xCAFE, bytes(range(number, number + 9)))
                uplink.receive(data, now)
                phone.pause()
            case _:
                data = phone.send(frames[number])
                held += [data] if doing == "late" else []
                for one in (*held[:-1], *([data] if doing == "send" else ())):
                    uplink.receive(one, now)
                held = held[-1:] if doing == "late" else []
        uplink.overdue(now + 0.001)
    end = len(doings) * 0.02 + 0.3
    for turn in range(20):
        uplink.overdue(len(doings) * 0.02 + turn * 0.02)
    per_s = form_of(subject.uplink_format).octets_per_s
    assert uplink.samples % (1 if subject.uplink_format == PCMU else 2) in (0, 1)
    assert end - 0.15 <= uplink.samples / per_s <= end + 0.35
    if subject.uplink_format.encoding == "pcm16":
        assert all(len(payload) % 2 == 0 for payload in uplink.payloads)


def test_reported_loss_brings_second_copies() -> None:
    """What is lost of our packets is known by the peer's reports; from then on the next packet has it, too."""
    fits = []
    for loss in (0, 64):
        phone, subject = Phone("OPUS"), opened(stream("OPUS", send_fmtp="useinbandfec=1"))
        said = voice(24000, 2.0)
        subject.playout.push("a", to_bytes(said))
        block = rtcp.ReportBlock(1, loss, 0, 0, 0, 0, 0)
        subject.rtcp_received(rtcp.build(rtcp.ReceiverReport(0xCAFE, (block,))), (PEER[0], PEER[1] + 1), 0.0)
        for turn in range(100):
            subject.tick(turn * 0.02, phone)
        decoder, whole = registry.decoder("OPUS", 24000), phone.heard()
        lost = range(15, 95, 10)
        copies = []
        for number, got in enumerate(phone.got[:-1]):
            if number in lost:
                copies.append(decoder.recover(phone.got[number + 1].payload, 480))
            else:
                decoder.decode(got.payload)
        sent = np.concatenate([whole[number * 480 : (number + 1) * 480] for number in lost])
        fits.append(aligned(sent, np.concatenate([copy for copy in copies if copy is not None]), 0)[1])
    assert fits[1] > fits[0] + 0.05, fits


def test_what_a_codec_can_make_nothing_of_is_counted() -> None:
    phone, subject = Phone("OPUS"), opened(stream("OPUS"))
    assert subject.rtp_received(packet.build(96, 1, 1, 0xCAFE, b"\xff" * 20), PEER, 0.0) is None
    assert subject.counters().malformed == 1
    phone.sequence = 2
    assert subject.rtp_received(phone.send(voice(24000, 0.02)), PEER, 0.02) is not None or subject.backlog


def test_who_stops_speaking_opus_leaves_no_empty_piece() -> None:
    phone, uplink = Phone("OPUS"), Uplink(opened(stream("OPUS")))
    for number, frame in enumerate(phone.frames(voice(24000, 0.2))):
        uplink.receive(phone.send(frame), number * 0.02)
    for turn in range(10, 100):
        uplink.overdue(turn * 0.02)
    assert all(uplink.payloads)
    assert uplink.samples / 48000 == pytest.approx(2.0, abs=0.05)
