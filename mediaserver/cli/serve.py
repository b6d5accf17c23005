"""`mediaserver serve`."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from mediaserver.cli.settings import complain, load_or_exit
from mediaserver.errors import ConfigurationError


def serve(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; default: mediaserver.toml if it exists.")
    ] = None,
) -> None:
    """Answer calls until told to stop (Ctrl-C or SIGTERM: running calls are ended with a BYE)."""
    # Before numpy is loaded: its matrix products here are small, and its threads would take the media loop's core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    import uvloop

    from mediaproviders.contract import ProviderError
    from mediaserver import log
    from mediaserver.app import Server

    settings = load_or_exit(config)
    log.configure(settings.log.format, settings.log.level)
    try:
        server = Server(settings)
    except ConfigurationError as error:
        raise complain(error) from None
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.run())
    except OSError as error:
        # uvloop tells the reason for a UDP socket in the cause alone.
        why = f": {error.__cause__.strerror}" if isinstance(error.__cause__, OSError) else ""
        raise complain(ConfigurationError([f"sip: cannot listen: {error}{why}"])) from None
    except ProviderError as error:
        raise complain(ConfigurationError([f"a model cannot be started: {error}"])) from None
