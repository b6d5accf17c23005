"""`mediaserver serve`."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mediaserver.cli.settings import FAULTY, complain, load_or_exit
from mediaserver.errors import ConfigurationError

if TYPE_CHECKING:
    from mediaserver.app import Server


def serve(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; default: mediaserver.toml if it exists.")
    ] = None,
) -> None:
    """Answer calls until told to stop (Ctrl-C or SIGTERM: running calls are ended with a BYE).

    Where no agent is configured, the offline one answers: it needs no key, and the page that is named calls it.
    """
    # Before numpy is loaded: its matrix products here are small, and its threads would take the media loop's core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    import structlog

    from mediaserver import log
    from mediaserver.app import Server
    from mediaserver.cli.offline import moved, offline, unconfigured

    settings = load_or_exit(config)
    alone = unconfigured(settings)
    log.configure(settings.log.format, settings.log.level)
    used = offline(settings) if alone else settings
    try:
        server = Server(used)
    except ConfigurationError as error:
        raise (_lacking(error) if alone else None) or complain(error) from None
    shown = settings.log.format == "console"
    if alone and shown:
        typer.echo("No agent is configured, so the offline one will answer. Its models load: a few seconds.")

    def up() -> None:
        if (message := moved(settings, used, server.addresses())) is not None:
            structlog.get_logger().warning("sip.moved", message=message)
        if shown:
            _welcome(server)

    _run(server, up)


def _run(server: "Server", up: Callable[[], None]) -> None:
    """Until it is told to stop, or cannot start."""
    import uvloop

    from mediaproviders.contract import ProviderError

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.run(up))
    except OSError as error:
        # uvloop tells the reason for a UDP socket in the cause alone.
        why = f": {error.__cause__.strerror}" if isinstance(error.__cause__, OSError) else ""
        said = f"cannot listen: {error}{why}"
        if (error.strerror or "").startswith("cannot listen"):  # it says all there is to be said
            said = str(error.strerror)
        raise complain(ConfigurationError([f"{server.starting}: {said}"])) from None
    except ProviderError as error:
        raise complain(ConfigurationError([f"a model cannot be started: {error}"])) from None


def _welcome(server: "Server") -> None:
    if (page := server.page) is not None:
        typer.echo(f"\n  Talk to the agent: open {page} in a browser, and press the button. Ctrl-C ends it.\n")


def _lacking(error: ConfigurationError) -> typer.Exit | None:
    """What to install, if that is all that is wrong."""
    from mediaserver.cli.offline import EXTRA, INSTALL

    if not all(EXTRA in fault for fault in error.faults):
        return None
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(INSTALL)
    return typer.Exit(FAULTY)
