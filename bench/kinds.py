"""What a sampled stack was busy with, in a few words."""

import linecache
import re
from collections.abc import Sequence

from bench.sampled import LOOP

LOOP_KIND = "event loop: polling, reading, timers"
OTHER = "other"
_SIGNING = r"/(hmac|hashlib)\.py:|/aws_sdk_signers/|/smithy_aws_event_stream/|/nova_sonic/streams\.py:"
RULES: tuple[tuple[str, str], ...] = (
    (rf"^{LOOP}:", LOOP_KIND),
    (r"/ssl\.py:", "TLS"),
    (r"/(net/rtp_port|webrtc/shared_port)\.py:.*\|.*\b(sendto|recv\w*|self\._four)\b.*\(", "RTP system calls"),
    (r"/bench/floor\.py:.*\|.*rtp\.(sendto|recv)\(", "RTP system calls"),
    (r"/base64\.py:|/json/|\|.*(orjson|b64|base64|to_json)", "JSON and base64"),
    (r"/signal/resample\.py:", "resampling"),
    (r"/mediacodecs/opus\.py:", "Opus"),
    (r"/pylibsrtp/|/webrtc/(srtp|keyring|counter_mode)\.py:", "SRTP"),
    (r"/uvicorn/|/starlette/|/fastapi/|/mediaserver/api/", "HTTP"),
    (r"/aioice/|/webrtc/(ice_lite|binding|dtls|association|identity)\.py:", "ICE, DTLS"),
    (r"/webrtc/(secure_port|channel)\.py:", "way to and from SRTP"),
    (r"/webrtc/shared_port\.py:", "the browsers' port"),
    (r"/mediacodecs/g711\.py:|\|.*(ulaw|alaw|audioop)", "G.711"),
    (r"/signal/vad|/hearing/|/onnxruntime/", "own detector"),
    (_SIGNING, "signing, framing of events"),
    (r"/websockets/.*:Connection\.send_data\||\|.*transport\.write\(", "socket to the model, writing"),
    (r"/websockets/|/websocket/", "WebSocket frames"),
    (r"/awscrt/|/smithy_|/aws_sdk_|/concurrent/futures/", "HTTP/2 library"),
    (r"/asyncio/", "tasks and events of asyncio"),
    (r"/logging/|/structlog/|/mediaserver/log\.py:", "log"),
    (r"/rtp/(receiver|reorder|latch|stats|uplink_clock)\.py:|:MediaSession\.rtp_received\||/rtp_port\.py:", "RTP in"),
    (r"/net/wheel\.py:|/rtp/", "RTP out: wheel, playout, packets"),
    (r"/mediaserver/(talk|call)/", "calls and turns"),
    (r"/mediaproviders/continuity/", "continuity"),
    (r"/mediaproviders/", "adapter"),
    (r"/bench/floor\.py:", "the floor's own"),
)  # fmt: skip
"""The first frame from within that matches one decides. Matched: `path:line:function|text of the line`."""

_COMPILED = tuple((re.compile(pattern), label) for pattern, label in RULES)
_known: dict[str, str | None] = {}


def kind(stack: Sequence[str]) -> str:
    """The label of a stack of `path:line:function`, the innermost frame first."""
    for frame in stack:
        if frame not in _known:
            _known[frame] = _of_frame(frame)
        label = _known[frame]
        if label is not None:
            return label
    return OTHER


def _of_frame(frame: str) -> str | None:
    path, line, _ = frame.split(":", 2)
    subject = f"{frame}|{linecache.getline(path, int(line)).strip()}"
    return next((label for pattern, label in _COMPILED if pattern.search(subject)), None)
