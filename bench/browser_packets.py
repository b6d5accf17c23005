"""What one packet of a browser's leg costs, stage by stage: no sockets, no model, one call at a time.

Run as `python -m bench.browser_packets`. Medians of many rounds, in microseconds of processor time a packet.
"""

import secrets
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from bench.browser_speech import encoded, spoken
from mediacodecs.opus import OpusDecoder, OpusEncoder, OpusWishes
from mediaproviders.contract import AudioFormat
from mediaserver.rtp.form import form_before
from mediaserver.rtp.packet import build
from mediaserver.rtp.plan import StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from mediaserver.talk.echo import Guard
from mediaserver.talk.uplink import Uplink
from mediaserver.webrtc.keyring import Keyring, Keys

_PEER = ("192.0.2.1", 4000)
_ROUNDS, _PACKETS, _PTIME_S = 60, 50, 0.02
_PCM = AudioFormat("pcm16", 24000)
_GUARDED_S = 10.0


def _each(work: Callable[[], object]) -> float:
    began = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began) / 1000 / _PACKETS


def _median(work: Callable[[], object]) -> float:
    return median(_each(work) for _ in range(_ROUNDS))


def _session() -> MediaSession:
    plan = StreamPlan(
        receive={96: "OPUS"}, send_payload_type=96, send_encoding="OPUS", ptime_ms=20, remote_rtp=_PEER,
        remote_rtcp=_PEER, event_send=101, event_receive=101,
    )  # fmt: skip
    return MediaSession(
        plan, ssrc=1, cname="a@b", first_sequence=1, first_timestamp=1, now=0.0,
        playout=Playout(encoding="OPUS", ptime_ms=20, source=_PCM), wanted_rate=24000,
    )  # fmt: skip


def sealing(suite: str, octets: int) -> tuple[float, float]:
    """Of SRTP: to seal a packet, to open it."""
    ours, theirs = secrets.token_bytes(octets), secrets.token_bytes(octets)
    here, there = Keyring(), Keyring()
    here.use(Keys(suite, ours, theirs), 0.0)
    there.use(Keys(suite, theirs, ours), 0.0)
    number, sealed = 0, list[bytes]()

    def seal() -> None:
        nonlocal number
        sealed.clear()
        for _ in range(_PACKETS):
            number += 1
            packet = here.seal_rtp(build(96, number & 0xFFFF, number * 960, 1, bytes(80)))
            assert packet is not None
            sealed.append(packet)

    def open_all() -> None:
        for packet in sealed:
            there.open_rtp(packet, 0.0)

    times = [(_each(seal), _each(open_all)) for _ in range(_ROUNDS)]
    return median(seal for seal, _ in times), median(opened for _, opened in times)


def codec() -> tuple[float, float]:
    """Of libopus as we call it: to decode a packet, to encode one as we do by default."""
    packets = encoded(spoken())[:_PACKETS]
    decoder, encoder = OpusDecoder(24000), OpusEncoder(OpusWishes(fec=True))
    frames = spoken().reshape(-1, 480)[:_PACKETS]
    return (
        _median(lambda: [decoder.decode(packet) for packet in packets]),
        _median(lambda: [encoder.encode(frame) for frame in frames]),
    )


def inward() -> float:
    """From an opened packet to samples for the uplink: parsing, statistics, order, the codec."""
    session, packets, now, number = _session(), encoded(spoken())[:_PACKETS], 0.0, 0

    def receive() -> None:
        nonlocal now, number
        for payload in packets:
            session.rtp_received(build(96, number & 0xFFFF, number * 960, 7, payload), _PEER, now)
            now, number = now + _PTIME_S, number + 1
        session.take_backlog()

    return _median(receive)


def outward() -> tuple[float, float]:
    """From the model's samples to a packet to seal, with the codec: while the agent speaks, and in silence."""
    session, now, sent = _session(), 0.0, list[bytes]()
    speech = spoken()[: 480 * _PACKETS].tobytes()

    def tick() -> None:
        nonlocal now
        for _ in range(_PACKETS):
            session.tick(now, sent.append)
            now += _PTIME_S
        sent.clear()

    def work() -> None:
        while session.playout.work():
            pass
        tick()

    speaking, quiet = list[float](), list[float]()
    for count in range(_ROUNDS // 2):
        session.playout.push(str(count), speech)
        session.playout.finish(str(count))
        speaking.append(_each(work))
        session.playout.events()
        quiet.append(_each(tick))
    return median(speaking), median(quiet)


def uplink(*, guarded: bool, doubtful: bool = False) -> float:
    """From samples to the adapter; `guarded`: while the agent speaks, for the sake of echoes."""
    taken = Uplink(_PCM, _PCM)
    taken.sink = lambda payload: None
    frames = [frame.tobytes() for frame in spoken().reshape(-1, 480)[:_PACKETS]]
    form = form_before("OPUS") if guarded else None
    guard = Guard(_PCM, doubtful=doubtful) if guarded else None
    taken.guard, now = guard, 0.0
    said = np.roll(spoken(), 24000).reshape(-1, 480)

    def take() -> None:
        nonlocal now
        for index, frame in enumerate(frames):
            if guard is not None and form is not None:
                guard.played(said[index].tobytes(), now, form)
            taken.take(frame, now)
            now += _PTIME_S

    return _median(take)


def main() -> None:
    """Print them."""
    rows: list[tuple[str, float]] = []
    for suite, octets in (("AEAD_AES_256_GCM", 44), ("AEAD_AES_128_GCM", 28), ("AES_CM_128_HMAC_SHA1_80", 30)):
        seal, opened = sealing(suite, octets)
        rows += [(f"seal, {suite}", seal), (f"open, {suite}", opened)]
    decode, encode = codec()
    speaking, quiet = outward()
    rows += [("Opus, decode", decode), ("Opus, encode", encode), ("in: RTP and decoding", inward())]
    rows += [("out, agent speaking", speaking), ("out, silence", quiet), ("uplink", uplink(guarded=False))]
    try:
        rows += [("uplink, guarded", uplink(guarded=True)), ("uplink, doubtful", uplink(guarded=True, doubtful=True))]
    finally:
        for name, value in rows:
            print(f"{name:32} {value:8.2f} us")


if __name__ == "__main__":
    main()
