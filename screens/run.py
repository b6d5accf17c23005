"""The whole: a server with the offline agent, a call to it from its own page, pictures, and what is wrong with them."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typer
from playwright.async_api import Page
from rich.console import Console

from mediaproviders.contract import ProviderError
from mediaserver.errors import MediaServerError
from mediaserver.load.server_process import serving
from screens.caller import Caller
from screens.chromium import chromium
from screens.shots import Faults, shoot

OUT = Path(__file__).parents[1] / "docs" / "screens"
LARGEST_PICTURE = 300_000
"""Octets: pictures are in the repository."""
_MODELS_S = 120.0
_ANSWER_S = 30.0
_STORY_S = 3.5
_INTO_S = 1.5

SETTINGS = """\
[sip]
udp = "127.0.0.1:0"
tcp = "127.0.0.1:0"

[rtp]
address = "127.0.0.1"
ports = "21000-21998"

[http]
address = "127.0.0.1:0"

[agent]
name = "Riverside Clinic"
model = "local"
greeting = "Hello, this is Riverside Clinic. How can I help you?"
interruption = "provider"

[log]
format = "json"
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; the exit code: 0 when all pictures are as they should be, 1 when not, 2 when something is missing."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(_command)
    return int(app(args=argv, standalone_mode=False) or 0)


def _command(out: Path = typer.Option(OUT, help="Folder for the pictures.")) -> int:  # noqa: B008
    """Take pictures of the page: idle, in a call, after it; 1280 and 390 pixels wide; light and dark."""
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    try:
        taken, faults = asyncio.run(_run(out))
    except (ProviderError, MediaServerError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        return 2
    for path in taken:
        console.print(f"{path.stat().st_size / 1000:6.0f} kB  {path}", highlight=False)
    faults += [
        f"{path}: larger than {LARGEST_PICTURE} octets" for path in taken if path.stat().st_size > LARGEST_PICTURE
    ]
    for fault in faults:
        console.print(fault, style="red", markup=False, highlight=False)
    return 1 if faults else 0


async def _run(out: Path) -> tuple[list[Path], list[str]]:
    with tempfile.TemporaryDirectory(prefix="mediaserver-screens-") as directory:
        settings, microphone = Path(directory) / "mediaserver.toml", Path(directory) / "microphone.wav"
        settings.write_text(SETTINGS, encoding="utf-8")
        async with serving(settings) as server, chromium(microphone=microphone) as browser:
            ready = await server.ready(_MODELS_S)
            context = await browser.new_context(permissions=["microphone"])
            page = await context.new_page()
            return await _call(page, Caller(page, microphone), ready.fields["http"], out)


async def _call(page: Page, caller: Caller, address: str, out: Path) -> tuple[list[Path], list[str]]:
    faults = Faults()
    faults.watch(page)
    await page.goto(address)
    await page.get_by_role("button", name="Call Riverside Clinic").wait_for()
    taken = await shoot(page, out, "idle", faults)
    await caller.watch()
    await page.get_by_role("button", name="Call Riverside Clinic").click()
    await caller.until("phone.state === 'talking' && seen.talk > 0", _ANSWER_S)
    await caller.heard_out(0, _ANSWER_S)
    await caller.say("What are your opening hours, please?")
    await caller.heard_out(1, _ANSWER_S)
    await caller.say("Please tell me a story.")
    await caller.in_the_middle(2, _STORY_S, _ANSWER_S)
    await caller.say("Sorry, where are you located?")
    await caller.until("seen.barge_in >= 1", _ANSWER_S)
    await caller.in_the_middle(3, _INTO_S, _ANSWER_S)
    taken += await shoot(page, out, "call", faults)
    await caller.heard_out(3, _ANSWER_S)
    await page.get_by_role("button", name="Hang up").click()
    await caller.until("phone.state === 'over'", _ANSWER_S)
    taken += await shoot(page, out, "after", faults)
    return taken, faults.found
