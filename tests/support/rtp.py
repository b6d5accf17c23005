"""Streams of RTP packets and sessions to feed them to."""

from collections.abc import Callable

import numpy as np

from mediacodecs.g711 import PCMU as CODEC
from mediaproviders.contract import PCMU, AudioFormat
from mediaserver.rtp import packet
from mediaserver.rtp.plan import MediaSettings, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession

PEER = ("192.0.2.10", 4000)
FRAME = 160


def plan(**changes: object) -> StreamPlan:
    fields: dict[str, object] = {
        "receive": {0: "PCMU", 8: "PCMA"},
        "send_payload_type": 0,
        "send_encoding": "PCMU",
        "ptime_ms": 20,
        "remote_rtp": PEER,
        "remote_rtcp": (PEER[0], PEER[1] + 1),
        "event_send": 101,
        "event_receive": 101,
    }
    return StreamPlan(**(fields | changes))  # type: ignore[arg-type]


def session(
    stream: StreamPlan | None = None,
    *,
    now: float = 0.0,
    source: AudioFormat = PCMU,
    settings: MediaSettings | None = None,
    first_sequence: int = 65_000,
    first_timestamp: int = 4_294_900_000,
) -> MediaSession:
    stream = stream or plan()
    return MediaSession(
        stream,
        ssrc=0x1234,
        cname="agent@example.net",
        first_sequence=first_sequence,
        first_timestamp=first_timestamp,
        now=now,
        playout=Playout(encoding=stream.send_encoding, ptime_ms=stream.ptime_ms, source=source),
        settings=settings,
    )


def speech(frames: int, *, size: int = FRAME, seed: int = 7) -> list[bytes]:
    """Loud payloads, all different."""
    noise = np.random.default_rng(seed).integers(4000, 12000, frames * size).astype(np.int16)
    payload = CODEC.encode(noise)
    return [payload[at : at + size] for at in range(0, len(payload), size)]


class Peer:
    """Numbers the packets of one remote stream."""

    def __init__(self, *, ssrc: int = 0xCAFE, sequence: int = 65_500, timestamp: int = 4_294_960_000) -> None:
        self.ssrc, self.sequence, self.timestamp = ssrc, sequence, timestamp

    def audio(self, payload: bytes, *, kind: int = 0, marker: bool = False) -> bytes:
        made = packet.build(kind, self.sequence, self.timestamp, self.ssrc, payload, marker)
        self.sequence += 1
        self.timestamp += len(payload)
        return made

    def event(self, key: int, duration: int, *, end: bool = False, kind: int = 101) -> bytes:
        body = bytes((key, 0x8A if end else 0x0A)) + duration.to_bytes(2, "big")
        made = packet.build(kind, self.sequence, self.timestamp, self.ssrc, body)
        self.sequence += 1
        return made

    def pause(self, samples: int) -> None:
        self.timestamp += samples

    def lose(self, packets: int = 1, size: int = FRAME) -> None:
        self.sequence += packets
        self.timestamp += packets * size


class Uplink:
    """What a shell does: collects the uplink in order."""

    def __init__(self, session: MediaSession) -> None:
        self.session = session
        self.payloads: list[bytes] = []

    def _collect(self, first: bytes | None) -> list[bytes]:
        got = [] if first is None else [first]
        got += self.session.take_backlog()
        self.payloads += got
        return got

    def receive(self, data: bytes, now: float, source: tuple[str, int] = PEER) -> list[bytes]:
        return self._collect(self.session.rtp_received(data, source, now))

    def overdue(self, now: float) -> list[bytes]:
        return self._collect(self.session.overdue(now))

    @property
    def samples(self) -> int:
        return sum(map(len, self.payloads))


def wheel(until: float, step: float, *actions: Callable[[float], object], start: float = 0.0) -> None:
    """Call the actions every `step` seconds of virtual time."""
    for turn in range(round((until - start) / step) + 1):
        for action in actions:
            action(start + turn * step)
