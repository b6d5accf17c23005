import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.kinds import LOOP_KIND, OTHER, kind
from bench.profile import KERNEL, TOTAL, Threads, _written, markdown, spent
from bench.programs import ROOT

BUSY = """
import asyncio, hashlib, sys
async def hash_for_ever():
    while True:
        for _ in range(20):
            hashlib.sha256(b"x" * 100_000).digest()
        await asyncio.sleep(0)
async def main():
    sys.stdout.write("ready\\n"); sys.stdout.flush()
    await asyncio.wait_for(hash_for_ever(), 30)
asyncio.run(main())
"""


def line_of(path, text):
    """The line of a source file that holds `text`."""
    lines = (ROOT / path).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def frame(path, text, function="f"):
    return f"{ROOT / path}:{line_of(path, text)}:{function}"


def test_a_stack_is_what_its_innermost_known_frame_is():
    resampling = frame("codecs/mediacodecs/signal/resample.py", "outputs", "_converted")
    uplink = frame("mediaserver/talk/uplink.py", "sink(payload)", "Uplink.take")
    assert kind(["/lib/numpy/_core/fromnumeric.py:1:any", resampling, uplink, "loop:0:"]) == "resampling"
    assert kind([uplink, "loop:0:"]) == "calls and turns"
    assert kind(["loop:0:"]) == LOOP_KIND
    assert kind(["/lib/unheard_of.py:1:f"]) == OTHER


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("mediaserver/net/rtp_port.py", ".sendto(", "RTP system calls"),
        ("mediaserver/net/rtp_port.py", "class RtpPort", "RTP in"),
        ("bench/floor.py", "orjson.loads(", "JSON and base64"),
        ("bench/floor.py", ".sendto(HEADER", "RTP system calls"),
        ("bench/floor.py", "begin = self.played", "the floor's own"),
        ("mediaserver/talk/uplink.py", "audioop.rms(pcm", "G.711"),
        ("providers/mediaproviders/gemini_live/commands.py", "b2a_base64(chunk", "JSON and base64"),
        ("providers/mediaproviders/websocket/uplink.py", "partial += data", "WebSocket frames"),
        ("providers/mediaproviders/nova_sonic/streams.py", "_PRELUDE.pack(", "signing, framing of events"),
        ("providers/mediaproviders/nova_sonic/session.py", "_nonsense_in_a_row = 0", "adapter"),
    ],
)
def test_lines_tell_what_they_do(path, text, expected):
    assert kind([frame(path, text)]) == expected


def test_the_loop_used_what_the_others_did_not():
    # 10 s of the wall, 1000 samples, 5 calls: a sample is 0.2 ms per call-second.
    stacks = [(["/lib/ssl.py:1:write"], 100), (["loop:0:"], 900)]
    first, last = Threads(1.0, {"Aws": 2.0}, 0.0), Threads(3.0, {"Aws": 2.5, "late": 0.25}, 0.75)
    found = spent(stacks, first, last, 10.0, 5)
    assert found["TLS"] == pytest.approx(20.0)
    assert found[LOOP_KIND] == pytest.approx(20.0)
    assert found["threads of Aws"] == pytest.approx(10.0)
    assert found["threads of late"] == pytest.approx(5.0)
    assert found[TOTAL] == pytest.approx(55.0)
    assert found[KERNEL] == pytest.approx(15.0)


def test_what_waited_for_a_core_is_not_taken_for_work():
    stacks = [(["/lib/ssl.py:1:write"], 300), (["/lib/hmac.py:1:new"], 100), (["loop:0:"], 600)]
    found = spent(stacks, Threads(0.0, {}, 0.0), Threads(2.0, {}, 0.0), 10.0, 5)
    assert found["TLS"] == pytest.approx(30.0)
    assert found["signing, framing of events"] == pytest.approx(10.0)
    assert found[LOOP_KIND] == 0.0
    assert found[TOTAL] == pytest.approx(40.0)


def test_small_shares_are_put_together():
    text = markdown({
        "nova": {LOOP_KIND: 5.0, "TLS": 4.9, "log": 0.06, OTHER: 0.04, KERNEL: 3.0, TOTAL: 10.0},
        "floor": {LOOP_KIND: 4.0, KERNEL: 1.0, TOTAL: 4.0},
    })  # fmt: skip
    lines = text.splitlines()
    assert lines[0] == "| | nova | floor |"
    assert "| TLS | 4.90 | - |" in lines
    assert not any(line.startswith("| log") for line in lines)
    assert lines[-3:] == [f"| {OTHER} | 0.10 | - |", f"| {KERNEL} | 3.00 | 1.00 |", f"| {TOTAL} | 10.00 | 4.00 |"]


def test_a_running_module_is_sampled(tmp_path: Path):
    (tmp_path / "busy.py").write_text(BUSY)
    samples = tmp_path / "samples.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sampled", str(samples), "busy"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGUSR1)
        found: list[tuple[list[str], int]] = []
        for _ in range(20):
            try:
                process.wait(0.25)
            except subprocess.TimeoutExpired:
                pass
            process.send_signal(signal.SIGUSR2)
            found += _written(samples)
            samples.unlink()
            if sum(count for _, count in found) >= 50:
                break
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    total = sum(count for _, count in found)
    hashing = sum(count for stack, count in found if stack[0].endswith(":hash_for_ever"))
    assert total >= 50
    # It does nothing else, and does it in C.
    assert hashing > 0.7 * total
    assert all(stack[-1] == "loop:0:" for stack, _ in found if len(stack) > 1)
