"""`mediaserver ladder`."""

from pathlib import Path
from typing import Annotated

import typer


def ladder(
    files: Annotated[list[Path], typer.Argument(help="Ladders of calls; several are shown as one.", exists=True)],
    full: Annotated[bool, typer.Option("--full", help="Show every message whole.")] = False,
    pcap: Annotated[Path | None, typer.Option(help="Write a capture for Wireshark instead.")] = None,
) -> None:
    """Show what was said by SIP about a call: who sent what to whom, and when."""
    from mediaserver.sip.ladder import merged
    from mediaserver.sip.ladder_lines import read_lines
    from mediaserver.sip.ladder_text import text_of
    from mediaserver.sip.pcap import capture

    read = []
    for path in files:
        try:
            with path.open(encoding="utf-8") as file:
                read.append(read_lines(file))
        except (OSError, ValueError) as error:
            raise typer.BadParameter(f"{path}: {error}") from None
    rungs = merged(each.rungs for each in read)
    if pcap is not None:
        with pcap.open("wb") as out:
            out.writelines(capture(rungs))
        return
    for each in read:
        typer.echo("  ".join(f"{name}={value}" for name, value in each.about.items()))
    for line in text_of(rungs, full=full):
        typer.echo(line)
