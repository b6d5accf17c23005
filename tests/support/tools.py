"""System programs and material that some tests need; what is missing is listed, and under CI it is a failure."""

import os
import shutil
from pathlib import Path

SPEECH_FOLDER = Path("/usr/share/pocketsphinx/test/data")
"""Recorded sentences, of Debian's package pocketsphinx-testdata."""
BROWSER_FOLDER = Path(__file__).parents[1] / "browser"
"""Where `npm ci` puts phones for browsers."""
_ROUTES = Path("/proc/net/route")


def present(tool: str) -> bool:
    """Whether a program, the recordings (`pocketsphinx-testdata`), a package of npm (`jssip`, …), the right to
    `raw-sockets`, or a network beyond loopback (`default-route`) is there."""
    if tool == "raw-sockets":
        return os.geteuid() == 0
    if tool == "default-route":
        return _ROUTES.exists() and any(line.split()[1] == "00000000" for line in _ROUTES.read_text().splitlines())
    if tool in ("axe-core", "jssip", "sip.js"):
        return (BROWSER_FOLDER / "node_modules" / tool).exists()
    if tool == "pocketsphinx-testdata":
        return SPEECH_FOLDER.exists()
    return shutil.which(tool) is not None


def required() -> bool:
    """Whether a missing tool fails the run (CI) instead of leaving the test out."""
    return os.environ.get("MEDIASERVER_REQUIRE_TOOLS") == "1"


def in_time() -> list[str]:
    """What to put before the command of a real phone or proxy: where we may, it comes first whatever else runs here."""
    return ["nice", "-n", "-10"] if os.geteuid() == 0 else []
