"""rtpengine in between, in user space: media of both sides go through it, and it changes how they are protected."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support import rig
from support.sipp import free_port
from support.tools import in_time

_STOP_S = 10.0
_PORTS = 60


@asynccontextmanager
async def rtpengine(folder: Path) -> AsyncIterator[int]:
    """Run it; the port of its ng protocol."""
    output = _output(folder)
    control, first = free_port(), free_port()
    if first + _PORTS > 65000:
        first -= 2 * _PORTS
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *in_time(), "rtpengine", "-f", "-E", "-t", "-1", "-i", "127.0.0.1", "-n", f"127.0.0.1:{control}",
            "-m", str(first), "-M", str(first + _PORTS), "-L", "6", "--num-threads=1",
            stdin=asyncio.subprocess.DEVNULL, stdout=written, stderr=written, cwd=folder,
        )  # fmt: skip
    try:
        await rig.eventually(lambda: "Startup complete" in output.read_text(errors="replace"))
        yield control
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            raise


def _output(folder: Path) -> Path:
    folder.mkdir()
    return folder / "output"
