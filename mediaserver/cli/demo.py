"""`mediaserver demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, for a softphone.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder for the recording and the picture.")] = Path("out"),
) -> None:
    """A real phone call over loopback with the offline agent: transcript, latency, interruption, recording, picture."""
    from mediaserver.load.demo import run_demo

    raise typer.Exit(run_demo(keep=keep, out_dir=out))
