"""RTP, RTCP, SRTP and every codec: arbitrary datagrams, and sessions and paths that stand whatever comes."""

import random
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from fuzz import secure
from fuzz.choices import Choices, edited
from fuzz.rtp_scene import MOVED, PEER, SOURCES, SSRC, STRANGER, Scene, plan
from fuzz.target import Target
from mediacodecs import registry
from mediacodecs.signal.dtmf_detector import DtmfDetector
from mediacodecs.signal.tones import DTMF, dtmf
from mediaserver.errors import LocalProtocolError
from mediaserver.net import stun
from mediaserver.rtp import comfort_noise, packet, rtcp
from mediaserver.rtp.dtmf import EventReceiver
from mediaserver.rtp.plan import StreamPlan

CODECS = tuple(registry.SPECS)
_PLANS: tuple[StreamPlan, ...] = (
    *(plan((codec,)) for codec in CODECS),
    *(plan((codec, "PCMA", "OPUS", "L16/8000")) for codec in CODECS if codec != "PCMA"),
    plan(("PCMU", "G722"), comfort_noise_send=13, comfort_noise_receive=13),
    plan(("OPUS", "PCMU"), send_fmtp="usedtx=1;useinbandfec=1;maxaveragebitrate=6000", ptime_ms=40),
    plan(("L16/16000",), rtcp_mux=True, ptime_ms=10),
    plan(("PCMA", "G722"), event_send=None, event_receive=None, events_receive={}, ptime_ms=60),
    plan(("G722",), sends=False, receives=False),
    plan(("PCMU",), receives=False, remote_rtp=MOVED),
)
_TIMES = (0.0, 0.001, 0.02, 0.02, 0.06, 0.3, 1.0, 6.0)
_SOURCES = (PEER, PEER, PEER, MOVED, STRANGER, (PEER[0], PEER[1] + 1))
_KINDS = (96, 96, 96, 97, 98, 99, 101, 110, 13, 0, 90, 72)
_KEYS = "".join(DTMF)
_WORDS = [
    b"\x80", b"\x90\xbe\xde", b"\xa0", b"\x80\xc8", b"\x80\xc9", b"\x81\xca", b"\x80\xcb", b"\xff\xff", b"\0\0",
    b"\x12\x34", b"\x7f\xff", b"\x10\0\0\0", b"\x0a\x8a\x03\xc0", b"\xbe\xde\0\1\x10\xaa\0\0",
]  # fmt: skip


@cache
def _payloads(codec: str) -> tuple[bytes, ...]:
    """Sound payloads of several lengths."""
    spec = registry.spec(codec)
    noise = np.random.default_rng(7)
    made = []
    for ms in (10, 20, 40, 60):
        encoder = registry.encoder(codec, registry.Sending("useinbandfec=1"))
        for level in (3000, 20, 0):
            pcm = noise.integers(-level, level + 1, spec.sample_rate * ms // 1000).astype(np.int16)
            made.append(encoder.encode(pcm))
    return tuple(made)


# Steps


def _packet_comes(scene: Scene, choices: Choices) -> None:
    kind = choices.pick(_KINDS)
    scene.sequence += choices.pick((1, 1, 1, 2, 0, -1, 5, 120, -200, 3000, 40_000))
    scene.timestamp += choices.pick((160, 160, 960, 0, -160, 80, 8000, 2**31, 1))
    if choices.below(32) == 0:
        scene.ssrc += 1
    if kind in (101, 110):
        payload = bytes((choices.below(20), choices.pick((0x0A, 0x8A, 0xFF)))) + choices.octets(3)
    else:
        payload = choices.pick(_payloads(scene.stream.receive.get(kind, "PCMU")))
        if not choices.below(4):
            payload = edited(payload, choices, _WORDS)
    made = packet.build(kind, scene.sequence, scene.timestamp & 0xFFFF_FFFF, scene.ssrc, payload, choices.flag())
    scene.comes(made if choices.below(8) else edited(made, choices, _WORDS), choices.pick(_SOURCES))


def _talkspurt_comes(scene: Scene, choices: Choices) -> None:
    """Packets as they should be, for up to half a second."""
    kind = next(iter(scene.stream.receive))
    codec = scene.stream.receive[kind]
    payload = _payloads(codec)[3]
    for _ in range(choices.below(25)):
        scene.sequence += 1
        scene.timestamp += registry.spec(codec).clock_rate // 50
        made = packet.build(kind, scene.sequence, scene.timestamp & 0xFFFF_FFFF, scene.ssrc, payload)
        scene.comes(made, PEER)
        scene.pass_time(0.02)


def _anything_comes(scene: Scene, choices: Choices) -> None:
    scene.comes(choices.octets(300), choices.pick(_SOURCES))


def _report_comes(scene: Scene, choices: Choices) -> None:
    octets = choices.octets(24).ljust(24, b"\0")
    numbers = [int.from_bytes(octets[at : at + 4]) for at in range(0, 24, 4)]
    block = rtcp.ReportBlock(choices.pick((SSRC, scene.ssrc)), octets[0], -5, *numbers[:4])
    blocks = (block,) * choices.below(4)
    reports: tuple[rtcp.RtcpPacket, ...] = (
        rtcp.SenderReport(scene.ssrc, numbers[0] << 32 | numbers[1], numbers[2], numbers[3], numbers[4], blocks),
        rtcp.ReceiverReport(scene.ssrc, blocks),
        rtcp.Goodbye((scene.ssrc,), "so"),
    )
    one = choices.pick(reports)
    made = rtcp.build(one, rtcp.SourceDescription(scene.ssrc, "x"))
    made = made if choices.below(3) else edited(made, choices, _WORDS)
    if choices.flag():
        scene.reports(made, choices.pick(_SOURCES))
    else:
        scene.comes(made, choices.pick(_SOURCES))


def _time_passes(scene: Scene, choices: Choices) -> None:
    scene.pass_time(choices.pick(_TIMES))


def _description_changes(scene: Scene, choices: Choices) -> None:
    scene.update(choices.pick(_PLANS))


def _keys_are_pressed(scene: Scene, choices: Choices) -> None:
    try:
        scene.session.send_digits(
            choices.pick(("1", "*9#", "A,w2", "!", "x", "0W")), choices.pick((None, 40.0, 9000.0)), tones=choices.flag()
        )
    except LocalProtocolError:
        pass


def _agent_speaks(scene: Scene, choices: Choices) -> None:
    item = choices.pick(("a", "b", "c"))
    match choices.below(8):
        case 0:
            scene.playout.finish(item)
        case 1:
            scene.playout.flush()
        case 2:
            scene.playout.discard(item)
        case 3:
            scene.playout.duck()
        case 4:
            scene.playout.resume()
        case _:
            scene.playout.push(item, b"\x10\x20" * choices.pick((1, 80, 481, 12_000, 48_000)))
    _ = scene.playout.ready, scene.playout.queued_ms, scene.playout.held


def _schedule_moves(scene: Scene, choices: Choices) -> None:
    scene.session.start(scene.now + choices.pick((0.0, 0.005, 0.02)))


_STEPS: tuple[Callable[[Scene, Choices], None], ...] = (
    _packet_comes,
    _packet_comes,
    _packet_comes,
    _talkspurt_comes,
    _time_passes,
    _time_passes,
    _anything_comes,
    _report_comes,
    _description_changes,
    _keys_are_pressed,
    _agent_speaks,
    _schedule_moves,
)


def _session(choices: Choices) -> None:
    scene = Scene(choices.pick(_PLANS), choices.pick(SOURCES), choices.pick((None, 8000, 16000, 24000)))
    scene.session.overdue(scene.now)
    while choices.more():
        choices.pick(_STEPS)(scene, choices)
    scene.settle()


# Without a session


def _datagram(octets: bytes) -> None:
    """What reads a datagram by itself."""
    found = packet.parse(octets)
    if found is not None:
        size = sum(len(value) for _, value in packet.extension_elements(found))
        assert size + len(found.payload) <= len(octets)
        numbers = found.payload_type, found.sequence, found.timestamp, found.ssrc
        made = packet.build(*numbers, found.payload, found.marker)
        again = packet.parse(made)
        assert again is not None and again.payload == found.payload and again.marker == found.marker
    packet.is_rtcp(octets)
    reports = [one for one in rtcp.parse(octets) if isinstance(one, rtcp.SenderReport | rtcp.ReceiverReport)]
    assert rtcp.parse(rtcp.build(*reports)) == reports
    comfort_noise.parse_level(octets)


def _events(octets: bytes) -> None:
    """Telephone-events in any order: no more keys than packets, none longer than all of them."""
    receiver, digits = EventReceiver(), []
    packets = [octets[at : at + 6] for at in range(0, len(octets), 6)]
    for number, one in enumerate(packets):
        digits += receiver.received(int.from_bytes(one[:2]), one[2:], number * 0.02, marker=bool(number % 3))
    last = receiver.overdue(len(packets) * 0.02 + 1.0)
    digits += [] if last is None else [last]
    assert len(digits) <= len(packets) and not receiver.active
    assert all(0 <= digit.duration_ms <= 65_536 * (len(packets) + 1) / 8 for digit in digits)


def _codec(octets: bytes) -> None:
    """Payloads of any octets, and losses: samples of a bounded number."""
    codec = CODECS[octets[0] % len(CODECS)] if octets else "OPUS"
    for rate in (8000, 16000, 24000):
        decoder = registry.decoder(codec, rate)
        for at in range(1, len(octets), 40):
            payload = octets[at : at + 40]
            expected = decoder.samples(payload)
            assert 0 <= expected <= max(decoder.rate * 120 // 1000, 2 * len(payload))
            if payload[0] & 1:
                lost = decoder.recover(payload, expected or 160)
                assert lost is None or len(lost) == (expected or 160)
                made = decoder.conceal(expected or 160)
                assert made is None or len(made) == (expected or 160)
            assert len(decoder.decode(payload)) in (expected, 0)


def _tones(octets: bytes) -> None:
    """In-band keys, noise and both together: no more keys than tones could make."""
    detector, found, pressed = DtmfDetector(), 0, 1
    for at in range(0, min(len(octets), 60), 2):
        what, how = octets[at], octets[at + 1] if at + 1 < len(octets) else 0
        noise = np.random.default_rng(what).normal(0.0, 8.0 * (how & 63), 320)
        if what < 64:
            pressed += 1
            tone = dtmf(_KEYS[what & 15], 40 + (how & 31), 8000)[: 80 + 20 * how].astype(np.float64)
            noise = tone + np.resize(noise, len(tone))
        pcm = np.clip(noise, -32768, 32767).astype(np.int16)
        for start in range(0, len(pcm), 160):
            found += len(detector.push(pcm[start : start + 160]))
    assert found <= 2 * pressed and len(detector.down) <= 1


def _keep_alive(octets: bytes) -> None:
    """STUN on the SIP port."""
    stun.is_stun(octets)
    for datagram in (octets, octets[:2] + max(0, len(octets) - 20).to_bytes(2) + octets[4:]):
        answer = stun.answer(datagram, PEER)
        assert answer is None or stun.mapped(answer) == (datagram[8:20], PEER)
        stun.mapped(datagram)


_ALONE: tuple[Callable[[bytes], None], ...] = (_datagram, _events, _codec, _tones, _keep_alive)


def _examples() -> Sequence[bytes]:
    payloads = [_payloads(codec)[number] for codec in CODECS for number in (0, 3, 5)]
    packets = [packet.build(96, number, 7, 9, payload[:200], True) for number, payload in enumerate(payloads)]
    block = rtcp.ReportBlock(1, 2, -3, 4, 5, 6, 7)
    report = rtcp.SenderReport(1, 2, 3, 4, 5, (block,))
    reports = rtcp.build(report, rtcp.SourceDescription(1, "x"), rtcp.Goodbye((1,), "y"))
    extended = b"\x90\xe0\0\1\0\0\0\2\0\0\0\3\xbe\xde\0\1\x10\xaa\0\0payload"
    keys = b"".join(bytes((0, 100, 5, 0x0A | end, 0, 160)) for end in (0, 0, 0x80, 0x80))
    codecs = [bytes((number,)) + _payloads(codec)[1][:200] for number, codec in enumerate(CODECS)]
    tones = bytes((5, 31, 200, 0, 200, 3, 7, 20, 99, 0, 12, 31, 80, 63))
    asked = stun.request(b"0123456789ab")
    return [*packets, reports, extended, keys, tones, *codecs, asked, *filter(None, [stun.answer(asked, PEER)])]


def run(choices: Choices) -> None:
    """One input: octets for what stands alone, or the life of a session."""
    kind = choices.below(12)
    if kind < len(_ALONE):
        _ALONE[kind](choices.rest(_examples(), _WORDS))
    elif kind < 9:
        _session(choices)
    else:
        secure.path(choices)


def seeds() -> list[bytes]:
    """Every example in every way, and scripts for every plan."""
    alone = [bytes((kind,)) + octets for kind in range(len(_ALONE)) for octets in _examples()]
    scripts = [
        bytes((7, number, step, number, *(step, *range(start, start + 12)) * 4))
        for number in range(len(_PLANS))
        for step, start in ((0, 0), (3, 9), (7, 1), (10, 3))
    ]
    chance = random.Random(3711)
    paths = [bytes((9, ice)) + chance.randbytes(chance.randrange(40, 400)) for ice in (0, 1) for _ in range(40)]
    return alone + scripts + paths


TARGET = Target(run, seeds, [*_WORDS, *secure.WORDS], longest=1500, steps=25)
