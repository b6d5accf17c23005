"""System programs and material that some tests need; what is missing is listed, and under CI it is a failure."""

import os
import shutil
from pathlib import Path

_PLACES = {
    "pocketsphinx-testdata": Path("/usr/share/pocketsphinx/test/data"),
    # A console of its own is not wanted; the library packaged with Debian's baresip-core is.
    "baresip": None,
}

SPEECH_FOLDER = _PLACES["pocketsphinx-testdata"]


def present(tool: str) -> bool:
    """Whether a program (or a package of recordings, or the right to `raw-sockets`) is on this machine."""
    if tool == "raw-sockets":
        return os.geteuid() == 0
    place = _PLACES.get(tool)
    return place.exists() if place is not None else shutil.which(tool) is not None


def required() -> bool:
    """Whether a missing tool fails the run (CI) instead of leaving the test out."""
    return os.environ.get("MEDIASERVER_REQUIRE_TOOLS") == "1"
