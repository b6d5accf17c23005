"""The demonstration: a server with the offline model, a real telephone call to it, and what came of both."""

import asyncio
import signal
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mediaproviders.contract import ProviderError
from mediaserver.errors import MediaServerError
from mediaserver.load.caller import Caller, CallerSettings
from mediaserver.load.demo_story import Story
from mediaserver.load.picture import draw
from mediaserver.load.recording import RATE, Samples
from mediaserver.load.report import CallReport
from mediaserver.load.screen import Screen
from mediaserver.load.script import Play, Silence, Step, WaitForAnswer, WhileAgentSpeaks
from mediaserver.load.server_process import ServerFailedError, serving

MODELS_S = 90.0
"""How long the models may take to load."""
LONGEST_CALL_S = 90.0
BARGE_IN_AFTER_S = 6.0
QUIET_S = 1.2
"""How long the caller listens for more; longer than the agent's pauses between sentences."""

SETTINGS = """\
# Written by the demonstration.
[sip]
udp = "{host}:{port}"
tcp = "{host}:{port}"

[rtp]
address = "{host}"
ports = "21000-21998"
receiver_buffer_ms = 0

[http]
address = ""

[agent]
name = "Riverside Clinic"
model = "local"
greeting = "Hello, this is Riverside Clinic. How can I help you?"
interruption = "provider"

[log]
format = "json"
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What the caller says, and a word the answer must contain."""

    text: str
    answer_has: str
    interrupts: bool = False


LINES = (
    Line("What are your opening hours, please?", "Monday"),
    Line("How much does a visit cost?", "dollars"),
    Line("Please tell me a story.", "sailor"),
    Line("Sorry, where are you located?", "Garden Street", interrupts=True),
    Line("Thank you very much. Goodbye.", "Goodbye"),
)


def run_demo(keep: bool, out_dir: Path) -> int:
    """
    Run it; `keep` stays up afterwards for a softphone, until Ctrl-C.

    Writes `demo.wav` and `demo.png` to `out_dir`. The exit code: 0 when everything expected happened, 1 when something
    did not, 2 when something needed is not installed.
    """
    console = Console()
    out_dir.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(_demo(console, keep, out_dir))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    except ProviderError as error:
        console.print(f"The demonstration needs a voice: {error}", style="red", markup=False)
        return 2
    except (MediaServerError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        return 1


async def _demo(console: Console, keep: bool, out_dir: Path) -> int:
    task = asyncio.current_task()
    assert task is not None
    # Told to end, it ends what it has started as well, as after Ctrl-C.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    host = "127.0.0.1"
    port = _free_port(host, preferred=5060 if keep else 0)
    with tempfile.TemporaryDirectory(prefix="mediaserver-demo-") as directory:
        settings = Path(directory) / "mediaserver.toml"
        settings.write_text(SETTINGS.format(host=host, port=port), encoding="utf-8")
        async with serving(settings) as server:
            with Screen(console, f"sip:clinic@{host}:{port}") as screen:
                screen.doing("the server loads its models, the caller finds a voice")
                voices, _ = await asyncio.gather(asyncio.to_thread(_voices), server.ready(MODELS_S))
                screen.doing("ringing")
                story = Story(screen)
                reader = asyncio.create_task(story.follow(server))
                caller = Caller(CallerSettings(host=host, codecs=("PCMU",)), story.happened, story.said)
                report = await caller.place(f"sip:clinic@{host}:{port}", _steps(voices), max_s=LONGEST_CALL_S)
                await story.settled()
                if not reader.cancel():
                    reader.result()
            faults = await asyncio.to_thread(_show, console, report, story, out_dir)
            if server.tail():
                console.print(server.tail(), style="yellow", markup=False, highlight=False)
            if keep:
                await _stay(console, host, port)
    return 1 if faults else 0


def _steps(voices: Sequence[Samples]) -> list[Step]:
    steps: list[Step] = [WaitForAnswer(quiet_s=QUIET_S)]
    for line, samples in zip(LINES, voices, strict=True):
        if line.interrupts:
            # Instead of waiting for the end of the answer before.
            steps[-1] = WhileAgentSpeaks(BARGE_IN_AFTER_S)
        steps += [Play(samples, line.text), WaitForAnswer(quiet_s=QUIET_S)]
    return [*steps, Silence(3.0)]


def _voices() -> list[Samples]:
    """All the caller's lines, spoken. Raises ProviderError when there is no voice."""
    from mediaproviders.local.speak import synthesise

    return [synthesise(line.text, RATE) for line in LINES]


def _show(console: Console, report: CallReport, story: Story, out_dir: Path) -> list[str]:
    """Write recording and picture, say where they are and what went wrong."""
    recording, image = out_dir / "demo.wav", out_dir / "demo.png"
    console.print()
    if report.answered and report.sent is not None:
        report.record(recording)
        console.print(f"recording  {recording}  (stereo: caller left, agent right)", highlight=False)
        try:
            draw(story.picture(report), image)
            console.print(f"picture    {image}", highlight=False)
        except ModuleNotFoundError as error:
            console.print(f"picture    none: {error}", style="yellow", markup=False, highlight=False)
    console.print(story.summary(report), highlight=False)
    faults = story.faults(report, [(line.text, line.answer_has, line.interrupts) for line in LINES])
    for fault in faults:
        console.print(f"not as expected: {fault}", style="red", markup=False, highlight=False)
    return faults


async def _stay(console: Console, host: str, port: int) -> None:
    at = f"[bold]sip:clinic@{host}:{port}[/bold]"
    console.print(f"\nDial {at} (UDP or TCP; Opus, G.722, G.711) with a softphone. Ctrl-C ends it.")
    await asyncio.Event().wait()


def _free_port(host: str, preferred: int) -> int:
    """`preferred` if nobody has it, else one that is free for UDP."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerFailedError(f"no free UDP port on {host}")
