"""`mediaserver check`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mediaserver.cli.settings import complain, load_or_exit
from mediaserver.errors import ConfigurationError


def check(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; default: mediaserver.toml if it exists.")
    ] = None,
) -> None:
    """Check the settings and what they name, without serving; exit code 2 and every fault if there is one."""
    from mediaserver.app import Server

    settings = load_or_exit(config)
    try:
        server = Server(settings)
    except ConfigurationError as error:
        raise complain(error) from None
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for warning in server.warnings():
        console.print(f"warning: {warning}")
    console.print(
        f"ok: agent {settings.agent.name!r} on model {settings.agent.model!r},"
        f" SIP on {', '.join(filter(None, (settings.sip.udp, settings.sip.tcp)))}"
    )
