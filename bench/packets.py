"""What one packet costs in the RTP core, in and out, by codec: no sockets, no model, one call at a time.

Run as `python -m bench.packets [CODEC ...]`. The median of many rounds is printed, in microseconds of processor time a
packet.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from mediaproviders.contract import PCMU
from mediaserver.rtp.plan import StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession

_PEER = ("192.0.2.1", 4000)
_ROUNDS = 200
_PACKETS = 50
_PTIME_S = 0.02


def _session(codec: str) -> MediaSession:
    plan = StreamPlan(
        receive={96: codec},
        send_payload_type=96,
        send_encoding=codec,
        ptime_ms=20,
        remote_rtp=_PEER,
        remote_rtcp=(_PEER[0], 4001),
        event_send=101,
        event_receive=101,
    )  # fmt: skip
    return MediaSession(
        plan, ssrc=1, cname="a@b", first_sequence=1, first_timestamp=1, now=0.0,
        playout=Playout(encoding=codec, ptime_ms=20, source=PCMU),
    )  # fmt: skip


def _spent(work: Callable[[], object]) -> float:
    began = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began) / 1000 / _PACKETS


def measure(codec: str) -> tuple[float, float, float]:
    """Microseconds of a packet in, of one out with speech in it, and of one out in silence."""
    ours, theirs, now, sent = _session(codec), _session(codec), 0.0, list[bytes]()
    noise = np.random.default_rng(1).integers(0, 120, 400 * _PACKETS).astype(np.uint8).tobytes()
    inward, outward, quiet = list[float](), list[float](), list[float]()

    def tick_all() -> None:
        for number in range(_PACKETS):
            theirs.tick(now + number * _PTIME_S, sent.append)

    def receive_all() -> None:
        for number, data in enumerate(sent):
            ours.rtp_received(data, _PEER, now + number * _PTIME_S)

    for number in range(_ROUNDS):
        if number % 2 == 0:
            theirs.playout.push(str(number), noise[: 160 * _PACKETS])
            theirs.playout.finish(str(number))
            while theirs.playout.work():
                pass
        sent.clear()
        (quiet if number % 2 else outward).append(_spent(tick_all))
        inward.append(_spent(receive_all))
        ours.take_backlog()
        theirs.playout.events()
        now += _PACKETS * _PTIME_S
    return median(inward), median(outward), median(quiet)


if __name__ == "__main__":
    print(f"{'codec':10} {'in':>8} {'out':>8} {'silence':>8}   us a packet")
    for name in sys.argv[1:] or ("PCMU", "PCMA"):
        print(f"{name:10} " + " ".join(f"{value:8.2f}" for value in measure(name)))
