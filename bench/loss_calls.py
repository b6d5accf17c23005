"""Calls over a network that loses packets, in virtual time: what a model hears of a caller, a caller of an agent.

Both ends are real: our media core on the one side, and on the other an encoder as browsers use it, or a decoder that
takes second copies and conceals, as they do. Beside each stands the plain way: no second copies, silence for a loss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mediacodecs.opus import OpusDecoder, OpusEncoder, OpusWishes
from mediacodecs.pcm import Pcm, from_bytes, silence, to_bytes
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import PCM16_16K
from mediaserver.rtp import packet, rtcp
from mediaserver.rtp.packet import RtpPacket, parse
from mediaserver.rtp.plan import MediaSettings, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession

RATE = 16_000
"""Hz in which speech is given and judged."""
type Way = Literal["plain", "concealed", "ours"]
"""Nothing done against loss; concealment alone; second copies, too."""

_PTIME_S = 0.02
_FRAME = RATE // 50
_PEER = ("192.0.2.1", 4000)
_TYPE = 111
_CLOCK = 48_000
_TICK_AFTER_S = 0.007
"""Our clock's turn comes so long after the caller's packets do."""
_REPORT_S = 5.0
_BROWSER_BITRATE, _BROWSER_COMPLEXITY = 32_000, 9
_FEC = "minptime=10;useinbandfec=1"


@dataclass(frozen=True, slots=True)
class Loss:
    """A share of packets lost (0 to 1), in bursts of `burst` packets on average; 1.0: each by itself."""

    share: float
    burst: float = 1.0

    def pattern(self, packets: int, seed: int) -> list[bool]:
        """Which packets are lost: by chance, or by a chain of two states (Gilbert)."""
        chance = np.random.default_rng(seed).random(packets)
        if self.burst <= 1.0:
            return [bool(each < self.share) for each in chance]
        ends = 1.0 / self.burst
        begins = self.share * ends / (1.0 - self.share)
        lost, out = False, list[bool]()
        for each in chance:
            lost = each >= ends if lost else each < begins
            out.append(bool(lost))
        return out


def caller_to_model(said: Pcm, lost: Sequence[bool], loss: Loss, way: Way) -> Pcm:
    """What comes up of `said` (at RATE), packet by packet."""
    encoder = OpusEncoder(
        OpusWishes.of(_FEC if way == "ours" else None), complexity=_BROWSER_COMPLEXITY, bitrate=_BROWSER_BITRATE
    )
    encoder.expect_loss(round(loss.share * 100) if way == "ours" else 0)
    payloads = [encoder.encode(frame) for frame in _frames(Resampler(RATE, 24_000).process(said), 480)]
    if way == "plain":
        return _plainly(payloads, lost)
    session = _session(None)
    heard = list[bytes]()
    for number, payload in enumerate(payloads):
        now = number * _PTIME_S
        if not lost[number]:
            data = packet.build(_TYPE, number, number * _CLOCK // 50, 0xCAFE, payload)
            heard += _collected(session, session.rtp_received(data, _PEER, now))
        heard += _collected(session, session.overdue(now + _TICK_AFTER_S))
    return from_bytes(b"".join(heard))


def agent_to_caller(said: Pcm, lost: Sequence[bool], way: Way) -> Pcm:
    """What a browser plays of it, which tells us every few seconds how much it missed."""
    session = _session(_FEC if way == "ours" else None)
    session.playout.push("a", to_bytes(said))
    session.playout.finish("a")
    sent, missed, reported = list[RtpPacket](), 0, 0.0

    def take(data: bytes) -> None:
        read = parse(data)
        assert read is not None
        sent.append(read)

    for number in range(len(said) // _FRAME):
        now = number * _PTIME_S
        session.playout.work()
        session.tick(now, take)
        missed += lost[number]
        if now - reported >= _REPORT_S:
            share, missed, reported = missed / (_REPORT_S / _PTIME_S), 0, now
            block = rtcp.ReportBlock(1, min(round(share * 256), 255), 0, 0, 0, 0, 0)
            session.rtcp_received(rtcp.build(rtcp.ReceiverReport(0xCAFE, (block,))), (_PEER[0], 4001), now)
    payloads = [each.payload for each in sent]
    return _plainly(payloads, lost) if way == "plain" else _as_browsers_do(payloads, lost)


def _session(fmtp: str | None) -> MediaSession:
    plan = StreamPlan(
        receive={_TYPE: "OPUS"},
        send_payload_type=_TYPE,
        send_encoding="OPUS",
        send_fmtp=fmtp,
        ptime_ms=20,
        remote_rtp=_PEER,
        remote_rtcp=(_PEER[0], 4001),
    )
    return MediaSession(
        plan, ssrc=1, cname="a", first_sequence=0, first_timestamp=0, now=0.0, wanted_rate=RATE,
        settings=MediaSettings(),
        playout=Playout(encoding="OPUS", ptime_ms=20, source=PCM16_16K, max_queue_ms=3_600_000),
    )  # fmt: skip


def _collected(session: MediaSession, first: bytes | None) -> list[bytes]:
    return [*([] if first is None else [first]), *session.take_backlog()]


def _frames(pcm: Pcm, size: int) -> Iterator[Pcm]:
    return (pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size))


def _plainly(payloads: list[bytes], lost: Sequence[bool]) -> Pcm:
    decoder = OpusDecoder(RATE)
    heard = [silence(_FRAME) if lost[n] else decoder.decode(each).copy() for n, each in enumerate(payloads)]
    return np.concatenate(heard)


def _as_browsers_do(payloads: list[bytes], lost: Sequence[bool]) -> Pcm:
    decoder, heard = OpusDecoder(RATE), list[Pcm]()
    for number, payload in enumerate(payloads):
        if not lost[number]:
            heard.append(decoder.decode(payload).copy())
            continue
        there = number + 1 < len(payloads) and not lost[number + 1]
        copy = decoder.recover(payloads[number + 1], _FRAME) if there else None
        heard.append(decoder.conceal(_FRAME) if copy is None else copy)
    return np.concatenate(heard)
