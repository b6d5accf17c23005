"""The whole: a server with the offline agent, a call to it from its own page, pictures, and what is wrong with them."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typer
from playwright.async_api import Page
from rich.console import Console

from mediaproviders.contract import ProviderError
from mediaserver.errors import MediaServerError
from mediaserver.load.server_process import serving
from screens import story
from screens.chromium import chromium
from screens.shots import Faults, shoot

OUT = Path(__file__).parents[1] / "docs" / "screens"
LARGEST_PICTURE = 300_000
"""Octets: pictures are in the repository."""
_MODELS_S = 120.0
_ANSWER_S = 30.0
_CALL_S = 75.0

SETTINGS = """\
[sip]
udp = "127.0.0.1:0"
tcp = "127.0.0.1:0"

[rtp]
address = "127.0.0.1"
ports = "21000-21998"

[webrtc]
udp = "127.0.0.1:0"

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
    app = typer.Typer(add_completion=False)
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
    faults += [f"{path}: larger than {LARGEST_PICTURE} octets" for path in taken if path.stat().st_size > LARGEST_PICTURE]
    for fault in faults:
        console.print(fault, style="red", markup=False, highlight=False)
    return 1 if faults else 0


async def _run(out: Path) -> tuple[list[Path], list[str]]:
    with tempfile.TemporaryDirectory(prefix="mediaserver-screens-") as directory:
        folder = Path(directory)
        settings, microphone = folder / "mediaserver.toml", folder / "microphone.wav"
        settings.write_text(SETTINGS, encoding="utf-8")
        async with serving(settings) as server:
            ready, _ = await asyncio.gather(server.ready(_MODELS_S), asyncio.to_thread(story.record, microphone))
            async with chromium(microphone=microphone) as browser:
                context = await browser.new_context(permissions=["microphone"])
                return await _call(await context.new_page(), ready.fields["http"], out)


async def _call(page: Page, address: str, out: Path) -> tuple[list[Path], list[str]]:
    faults = Faults()
    faults.watch(page)
    await page.goto(address)
    button = page.get_by_role("button", name="Call Riverside Clinic")
    await button.wait_for()
    taken = await shoot(page, out, "idle", faults)
    await button.click()
    await _is(page, "phone.state === 'talking'", _ANSWER_S)
    await page.evaluate(_COUNT)
    await _is(page, "seen.turn >= 2 && seen.barge_in >= 1 && seen.words > 12", _CALL_S)
    taken += await shoot(page, out, "call", faults)
    await _is(page, "seen.turn >= 3 && !seen.agent", _CALL_S)
    await page.get_by_role("button", name="Hang up").click()
    await _is(page, "phone.state === 'over'", _ANSWER_S)
    taken += await shoot(page, out, "after", faults)
    return taken, faults.found


_COUNT = """() => {
    const seen = (window.seen = { turn: 0, barge_in: 0, words: 0, agent: false });
    phone.addEventListener("callevent", ({ detail }) => {
        if (detail.event in seen) seen[detail.event]++;
        if (detail.event === "barge_in") seen.words = 0;
        if (detail.event === "speaking" && detail.who === "agent") seen.agent = detail.on;
        if (detail.event === "transcript" && detail.who === "agent" && !detail.interrupted) seen.words = detail.text.split(" ").length;
    });
}"""


async def _is(page: Page, expression: str, seconds: float) -> None:
    await page.wait_for_function(expression, timeout=seconds * 1000)


if __name__ == "__main__":
    sys.exit(main())
