"""`mediaserver emulate`."""

import asyncio
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from mediaproviders.emulators.ensemble import Rehearsal


class Service(StrEnum):
    """Which service."""

    OPENAI = "openai"
    AZURE = "azure"
    AZURE_PREVIEW = "azure-preview"
    XAI = "xai"
    GEMINI = "gemini"
    NOVA = "nova"
    CHAT = "chat"
    SPEECH = "speech"
    POLLY = "polly"
    OPENAI_LIVE = "openai-live"
    TRANSCRIBE = "transcribe"
    GOOGLE_SPEECH = "google-speech"
    ALL = "all"


def emulate(
    service: Annotated[Service, typer.Argument(help="What to stand in for; all: each of them.")] = Service.OPENAI,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port, of all: the first; 0: any.")] = 8090,
    key: Annotated[str | None, typer.Option(help="The only API key accepted; default: any of its form.")] = None,
    pace: Annotated[float, typer.Option(help="Speed of audio, times real time; 0: a whole answer at once.")] = 5.0,
    latency_ms: Annotated[float, typer.Option(min=0, help="From the end of a turn to the first audio.")] = 300.0,
    answer_ms: Annotated[int | None, typer.Option(min=20, help="Length of an answer's audio.")] = None,
    answer_wav: Annotated[Path | None, typer.Option(help="What it says: a mono 16-bit WAV file.", exists=True)] = None,
    session_s: Annotated[float | None, typer.Option(help="Session lifetime in s; default: the service's.")] = None,
    timeline: Annotated[Path | None, typer.Option(help="File for a timeline of every session (JSON lines).")] = None,
    settings: Annotated[Path | None, typer.Option(help="File to write the server's settings for it to.")] = None,
    certificates: Annotated[Path, typer.Option(help="Directory for the identities of TLS services.")] = Path(
        "out/certificates"
    ),
) -> None:
    """Stand in for a provider: a strict server that rejects what the real service rejects. No key, no account."""
    import uvloop

    from mediaproviders.emulators.ensemble import NAMES, Rehearsal

    asked = Rehearsal(
        host=host,
        latency_ms=latency_ms,
        rate=pace,
        answer_ms=answer_ms,
        answer_wav=answer_wav,
        session_s=session_s,
        key=key,
        timeline=timeline,
        certificates=certificates,
    )
    names = NAMES if service is Service.ALL else (service.value,)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(names, asked, port, settings))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        _leave(f"--host {host} --port {port}: cannot listen: {error.strerror or error}; choose another --port")
    except ImportError as error:
        _leave(str(error))


async def _serve(names: tuple[str, ...], asked: "Rehearsal", port: int, settings: Path | None) -> None:
    from mediaproviders.emulators.ensemble import access, as_toml, build

    console = Console(highlight=False, markup=False, soft_wrap=True)
    tables: dict[str, dict[str, object]] = {}
    async with AsyncExitStack() as stack:
        emulators = []
        for number, name in enumerate(names):
            try:
                built = build(name, asked, port + number if port else 0)
            except ImportError as error:
                if len(names) == 1:
                    raise
                console.print(f"left out: {error}")
                continue
            emulator = await stack.enter_async_context(built)
            emulators.append(emulator)
            # Azure's preview interface, which comes after its GA one, is for those who ask for it.
            tables |= {table: reach for table, reach in access(name, emulator).items() if table not in tables}
            console.print(f"{name} at {emulator.url}")
        if settings is not None:
            _write(settings, as_toml(tables))
            console.print(f"settings that reach it: {settings}")
        elif tables:
            console.print(f"in mediaserver.toml:\n\n{as_toml(tables)}")
        console.print("(Ctrl-C to stop)")
        async with asyncio.TaskGroup() as serving:
            for emulator in emulators:
                serving.create_task(emulator.serve_forever())


def _leave(why: str) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(why)
    raise typer.Exit(2)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
