"""`mediaserver dial`."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mediaserver.cli.settings import complain, load_or_exit
from mediaserver.errors import ConfigurationError

if TYPE_CHECKING:
    from mediaserver.app import Server
    from mediaserver.call.route import Wanted
    from mediaserver.config import Settings

NOT_ANSWERED, WRONG, FAILED = 1, 2, 3
_ANSWERED = ("completed",)


def dial(
    agent: Annotated[str, typer.Argument(help="Which agent speaks.")],
    number: Annotated[str, typer.Argument(help="Whom to call: a number, or sip:user@host.")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; default: mediaserver.toml if it exists.")
    ] = None,
    trunk: Annotated[str | None, typer.Option(help="By which trunk; default: the one the number belongs to.")] = None,
    caller: Annotated[str | None, typer.Option(help="Number or URI to call as.")] = None,
    caller_name: Annotated[str | None, typer.Option(help="Name to call as.")] = None,
    private: Annotated[bool, typer.Option(help="Withhold who calls.")] = False,
    variable: Annotated[
        list[str] | None, typer.Option("--var", help="name=value for the agent's prompt; repeatable.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Write the log too.")] = False,
) -> None:
    """Have an agent call somebody, by the trunks of the settings, and stay until the call is over.

    Exit code: 0 after a conversation, 1 if nobody answered, 2 if the call may not be placed, 3 if it broke.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    import uvloop

    from mediaproviders.contract import ProviderError
    from mediaserver import log
    from mediaserver.app import Server
    from mediaserver.call.route import RouteRefusedError, Wanted

    settings = load_or_exit(config)
    log.configure(settings.log.format, settings.log.level if verbose else "error")
    wanted = Wanted(number, trunk, caller, caller_name, private)
    try:
        server = Server(visiting(settings))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_place(server, wanted, agent, _variables(variable)))
    except ConfigurationError as error:
        raise complain(error) from None
    except RouteRefusedError as error:
        Console(stderr=True, highlight=False, markup=False).print(f"{number}: {error} ({error.code})")
        raise typer.Exit(WRONG) from None
    except OSError as error:
        raise complain(ConfigurationError([f"sip: cannot listen: {error}"])) from None
    except ProviderError as error:
        raise complain(ConfigurationError([f"a model cannot be started: {error}"])) from None
    if result not in _ANSWERED:
        raise typer.Exit(FAILED if result == "failed" else NOT_ANSWERED)


def visiting(settings: "Settings") -> "Settings":
    """The settings for one call beside a server that runs by the same ones: any port, no HTTP, nothing registered."""
    listening = {"udp": ("0.0.0.0:0",), "tcp": (), "tls": (), "ws": (), "wss": ()}
    if hosts := [address.rpartition(":")[0] for address in settings.sip.udp]:
        listening["udp"] = tuple(f"{host}:0" for host in hosts)
    trunks = {
        name: trunk.model_copy(update={"register_": False, "options_ping_s": 0.0})
        for name, trunk in settings.trunks.items()
    }
    sip, http = settings.sip.model_copy(update=listening), settings.http.model_copy(update={"address": None})
    return settings.model_copy(update={"sip": sip, "http": http, "trunks": trunks})


async def _place(server: "Server", wanted: "Wanted", agent: str, variables: Mapping[str, str]) -> str:
    """How the call ended."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[str] = loop.create_future()
    console = Console(highlight=False, soft_wrap=True, markup=False)
    shown = set[str]()

    def watch(what: str, fields: Mapping[str, object]) -> None:
        if what == "ended":
            status = f" ({fields['status']})" if fields.get("status") else ""
            console.print(f"  {fields['result']}: {fields['reason']}{status}")
            if not over.done():
                over.set_result(str(fields["result"]))
        elif what not in shown:
            shown.add(what)
            console.print(f"  dialling {fields['to']}" if what == "dialling" else f"  {what}")

    async with server.running() as reception:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, reception.drop_all)
        reception.dialler.dial(wanted, agent, variables, watch=watch)
        return await over


def _variables(given: list[str] | None) -> dict[str, str]:
    found = {}
    for each in given or ():
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise typer.BadParameter("write name=value", param_hint="--var")
        found[name] = value
    return found
