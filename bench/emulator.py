"""The model's stand-in for the benchmark: a service's strict emulator with a prompt pace, in a process of its own."""

import argparse
import asyncio
import math
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import orjson
import uvloop

from mediaproviders.emulators.ensemble import Emulator, access
from mediaproviders.emulators.gemini import GeminiEmulator, GeminiSettings
from mediaproviders.emulators.nova import NovaEmulator, NovaSettings
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator, Pace
from mediaproviders.emulators.openai.services import DialectName

# The jitter is one packet's length: else an answer would meet the program's packet clock at the same phase in every
# turn of a call, and the median over calls would be a matter of luck.
PROMPT = Pace(first_audio_ms=200.0, deltas_ms=(150,), rate=5.0, jitter_ms=20.0)
BURST = Pace(first_audio_ms=200.0, deltas_ms=(150,), rate=math.inf, jitter_ms=20.0)
LOG_SIZE = 10


def make(
    service: str, port: int, record: Callable[[dict[str, Any]], None], *, burst: bool, answer_ms: int, silence_ms: int
) -> Emulator:
    """The emulator of a service, all of them with the same pace and the same end of a turn."""
    pace = BURST if burst else PROMPT
    match service:
        case "gemini":
            gemini = GeminiSettings(port=port, pace=pace, answer_ms=answer_ms, record=record, log_size=LOG_SIZE)
            return GeminiEmulator(gemini)
        case "nova":
            nova = NovaSettings(
                port=port, pace=pace, answer_ms=answer_ms, record=record, log_size=LOG_SIZE,
                silence_ms=float(silence_ms), recognition_ms=0.0, sessions_at_once=1000,
            )  # fmt: skip
            return NovaEmulator(nova)
        case _:
            dialect = cast(DialectName, service)
            return OpenAIEmulator(
                EmulatorSettings(
                    dialect=dialect, port=port, pace=pace, answer_ms=answer_ms, record=record, log_size=LOG_SIZE
                )
            )


async def main() -> None:
    """Serve until told to stop. The first line of the output says how the server reaches it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--service", default="openai")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--timeline", type=Path, required=True)
    parser.add_argument("--burst", action="store_true", help="send a whole answer at once")
    parser.add_argument("--answer-ms", type=int, default=4000)
    parser.add_argument("--silence-ms", type=int, default=500, help="after which a turn ends, if no client can say")
    options = parser.parse_args()
    moments: list[dict[str, Any]] = []

    def record(entry: dict[str, Any]) -> None:
        # An entry's own time may be the one it was due at; latency is measured from what really happened.
        moments.append({"at": time.monotonic(), "kind": entry["kind"], "session": entry["session"]})

    emulator = make(
        options.service, options.port, record,
        burst=options.burst, answer_ms=options.answer_ms, silence_ms=options.silence_ms,
    )  # fmt: skip
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with emulator:
        sys.stdout.write(orjson.dumps({"event": "ready", "reach": access(options.service, emulator)}).decode() + "\n")
        sys.stdout.flush()
        await stopped.wait()
    options.timeline.write_bytes(b"".join(orjson.dumps(moment) + b"\n" for moment in moments))


if __name__ == "__main__":
    uvloop.run(main())
