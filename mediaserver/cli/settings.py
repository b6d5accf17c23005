"""Loading settings for a command: faults go to standard error, one a line, with exit code 2."""

from pathlib import Path

import typer
from rich.console import Console

from mediaserver.config import Settings, load
from mediaserver.errors import ConfigurationError

FAULTY = 2


def load_or_exit(path: Path | None) -> Settings:
    """The settings, or the end of the program with every fault named."""
    try:
        return load(path)
    except ConfigurationError as error:
        faults = error.faults + (_further_faults(error.usable) if isinstance(error.usable, Settings) else [])
        raise complain(ConfigurationError(faults)) from None


def _further_faults(settings: Settings) -> list[str]:
    """What else is wrong, besides settings that cannot be read: a key, a tool or a recording that is missing."""
    from mediaserver.app import Server

    try:
        Server(settings)
    except ConfigurationError as error:
        return error.faults
    return []


def complain(error: ConfigurationError) -> typer.Exit:
    """Print every fault; what to raise."""
    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    console.print(f"The settings cannot be used ({len(error.faults)} fault{'s' if len(error.faults) > 1 else ''}):")
    for fault in error.faults:
        console.print(f"  - {fault}")
    return typer.Exit(FAULTY)
