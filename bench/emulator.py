"""The model's stand-in for the benchmark: the strict emulator with a prompt pace, in a process of its own."""

import argparse
import asyncio
import math
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import uvloop

from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator, Pace

API_KEY = "sk-bench"
# The jitter is one packet's length: else an answer would meet the program's packet clock at the same phase in every
# turn of a call, and the median over calls would be a matter of luck.
PROMPT = Pace(first_audio_ms=200.0, deltas_ms=(150,), rate=5.0, jitter_ms=20.0)
BURST = Pace(first_audio_ms=200.0, deltas_ms=(150,), rate=math.inf, jitter_ms=20.0)


async def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--timeline", type=Path, required=True)
    parser.add_argument("--burst", action="store_true", help="send a whole answer at once")
    parser.add_argument("--answer-ms", type=int, default=4000)
    options = parser.parse_args()
    moments: list[dict[str, Any]] = []

    def record(entry: dict[str, Any]) -> None:
        # An entry's own time may be the one it was due at; latency is measured from what really happened.
        moments.append({"at": time.monotonic(), "kind": entry["kind"], "session": entry["session"]})

    settings = EmulatorSettings(
        port=options.port,
        accepted_key=API_KEY,
        pace=BURST if options.burst else PROMPT,
        answer_ms=options.answer_ms,
        record=record,
        log_size=10,
    )
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with OpenAIEmulator(settings):
        sys.stdout.write('{"event": "ready"}\n')
        sys.stdout.flush()
        await stopped.wait()
    options.timeline.write_bytes(b"".join(orjson.dumps(moment) + b"\n" for moment in moments))


if __name__ == "__main__":
    uvloop.run(main())
