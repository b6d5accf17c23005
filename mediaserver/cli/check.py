"""`mediaserver check`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mediaserver.cli.settings import complain, load_or_exit
from mediaserver.config import DEFAULT_FILE
from mediaserver.errors import ConfigurationError


def check(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; default: mediaserver.toml if it exists.")
    ] = None,
) -> None:
    """Check the settings and what they name, without serving; exit code 2 and every fault if there is one."""
    from mediaserver.app import Server
    from mediaserver.cli.offline import answered

    settings = answered(load_or_exit(config))
    try:
        server = Server(settings)
    except ConfigurationError as error:
        raise complain(error) from None
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for warning in server.warnings():
        console.print(f"warning: {warning}")
    sip = [f"{name.upper()} {' and '.join(at)}" for name, at in settings.sip.addresses.items() if at]
    source = config or (DEFAULT_FILE if Path(DEFAULT_FILE).exists() else "the defaults and the environment")
    for name, agent in server.agents.items():
        how = "in voice" if agent.streaming else "in text, between speech services"
        console.print(f"agent {name!r}: model {agent.definition.model!r} {how}")
    for name, trunk in settings.trunks.items():
        ways = [f"calls {trunk.host}" if trunk.calls_out else "", "registers" if trunk.register_ else ""]
        ways.append(f"is called from {', '.join(trunk.networks)}" if trunk.networks else "")
        console.print(f"trunk {name!r}: {', '.join(filter(None, ways)) or 'is called by its digest user'}")
    if settings.phones.users:
        console.print(f"phones: {', '.join(settings.phones.users)}")
    http = settings.http
    if http.address is not None:
        pages = {"loopback": "its page is for this machine", "anyone": "its page is for anybody", "off": "no page"}
        console.print(f"{'https' if http.tls else 'http'}: {http.address}, {pages[http.page]}")
    console.print(f"ok: SIP on {', '.join(sip)}; settings from {source}")
