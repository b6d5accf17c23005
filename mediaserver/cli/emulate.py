"""`mediaserver emulate`."""

import asyncio
import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


class Protocol(StrEnum):
    """Which service."""

    OPENAI = "openai"


def emulate(
    protocol: Annotated[Protocol, typer.Argument(help="The service to stand in for.")] = Protocol.OPENAI,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0: any.")] = 8090,
    key: Annotated[str | None, typer.Option(help="The only API key accepted; default: any that begins sk-.")] = None,
    pace: Annotated[float, typer.Option(help="Speed of audio, times real time; 0: a whole answer at once.")] = 5.0,
    latency_ms: Annotated[float, typer.Option(min=0, help="From the end of a turn to the first audio.")] = 300.0,
    answer_ms: Annotated[int | None, typer.Option(min=20, help="Length of an answer's audio.")] = None,
    answer_wav: Annotated[Path | None, typer.Option(help="What it says: a mono 16-bit WAV file.", exists=True)] = None,
    session_s: Annotated[float, typer.Option(help="Session lifetime in seconds.")] = 3600.0,
    timeline: Annotated[Path | None, typer.Option(help="File for a timeline of every session (JSON lines).")] = None,
) -> None:
    """Stand in for a provider: a strict server that rejects what the real service rejects. No key, no account."""
    import uvloop

    from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator, Pace

    settings = EmulatorSettings(
        host=host,
        port=port,
        accepted_key=key,
        pace=Pace(first_audio_ms=latency_ms, rate=pace or math.inf),
        answer_ms=answer_ms,
        answer_wav=answer_wav,
        session_s=session_s,
        timeline_path=timeline,
    )

    async def run() -> None:
        async with OpenAIEmulator(settings) as emulator:
            Console(highlight=False).print(f"{protocol.value} at {emulator.url} (Ctrl-C to stop)", soft_wrap=True)
            await emulator.serve_forever()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    except KeyboardInterrupt:
        pass
    except OSError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"--host {host} --port {port}: cannot listen: {error.strerror or error}; choose another --port"
        )
        raise typer.Exit(2) from None
