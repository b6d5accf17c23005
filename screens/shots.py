"""Pictures of a page at every width and in every theme, and what is wrong with it: console errors, accessibility."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import ConsoleMessage, Error, Page

AXE = Path(__file__).parents[1] / "tests" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
"""Put there by `npm ci` in tests/browser."""
WIDTHS = (1280, 390)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_HEIGHT = 860
_SETTLE_MS = 150
_LOOK = "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => JSON.stringify(violations))"


@dataclass
class Faults:
    """What must not be: errors on a page's console, and what makes it hard to use for somebody."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect the errors of a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console: {message.text} ({message.location.get('url')})")

    def _error(self, error: Error) -> None:
        self.found.append(f"error: {error}")

    async def look(self, page: Page, where: str) -> None:
        """Have axe look at the page as it is now, and see whether all of it can be seen without scrolling sideways."""
        self.found += [f"axe, {where}: {each}" for each in await violations(page)]
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.found.append(f"{where}: the page is {wide} pixels wider than the window")


async def violations(page: Page) -> list[str]:
    """What axe finds, one line each: rule, what it is about, where. Raises FileNotFoundError without axe."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = json.loads(
        await page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => JSON.stringify(violations))"
        )
    )
    return [f"{each['id']}: {each['help']} ({_where(each['nodes'])})" for each in found]


def _where(nodes: Sequence[dict[str, Any]]) -> str:
    return ", ".join(str(node["target"]) for node in nodes[:5])


async def shoot(page: Page, folder: Path, name: str, faults: Faults) -> list[Path]:
    """The page at each width and in each theme, as `NAME-WIDTH-THEME.png`; then each is looked at for faults."""
    taken: list[Path] = []
    async for looks in _all_looks(page):
        taken.append(folder / f"{name}-{looks}.png")
        _save(await page.screenshot(full_page=True, animations="disabled"), taken[-1])
    async for looks in _all_looks(page):
        await faults.look(page, f"{name}-{looks}")
    return taken


async def _all_looks(page: Page) -> AsyncIterator[str]:
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": _HEIGHT})
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            await page.wait_for_timeout(_SETTLE_MS)
            yield f"{width}-{theme}"
    await page.set_viewport_size({"width": WIDTHS[0], "height": _HEIGHT})
    await page.emulate_media(color_scheme=THEMES[0])


def _save(png: bytes, path: Path) -> None:
    """In 256 colours, a third of the size: the commonest stay what they are, the rest covers all the others."""
    with Image.open(BytesIO(png)) as image:
        full = image.convert("RGB")
        palette = Image.new("P", (1, 1))
        palette.putpalette(_commonest(full, 96) + _covering(full, 160))
        full.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def _commonest(image: Image.Image, count: int) -> list[int]:
    counted = sorted(image.getcolors(image.width * image.height) or [], reverse=True)
    return [part for _, colour in counted[:count] if isinstance(colour, tuple) for part in colour]


def _covering(image: Image.Image, count: int) -> list[int]:
    return image.quantize(count, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
