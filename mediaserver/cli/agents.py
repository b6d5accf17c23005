"""`mediaserver agents`: check the agents, and what else an administrator of agents needs."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mediaserver.cli.settings import FAULTY, complain, load_or_exit
from mediaserver.errors import ConfigurationError

if TYPE_CHECKING:
    from mediaproviders.catalog import Model
    from mediaserver.agents.provision import Provision
    from mediaserver.agents.ready import ReadyAgent

agents_app = typer.Typer(
    help="Check agents, list models, and keep keys.", no_args_is_help=True, pretty_exceptions_enable=False
)

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file; default: mediaserver.toml if any.")]
Agents = Annotated[
    Path | None,
    typer.Option("--agents", "-a", help="File of agents; default: the settings', agents.yaml if any, or their own."),
]


_WIDE = 200
"""Columns of a table that is written to a file."""


class What(StrEnum):
    """Of what to print the schema."""

    FILE = "file"
    AGENT = "agent"
    ADVANCED = "advanced"


@agents_app.command("check")
def check(
    agents: Annotated[Path | None, typer.Argument(help="File of agents; default: as `--agents` of `chat`.")] = None,
    config: Config = None,
    keys: Annotated[bool, typer.Option(help="Look for keys, tools and recordings too.")] = True,
) -> None:
    """Check every agent and what it names; exit code 2 and every fault if there is one."""
    from mediaserver.agents import source

    settings = load_or_exit(config)
    try:
        loaded = source.of(settings, agents)
        if keys:
            from mediaserver.app_parts import provision

            source.ready(loaded, provision(settings, loaded))
    except ConfigurationError as error:
        raise complain(error) from None
    out = _console()
    for warning in loaded.warnings:
        out.print(f"warning: {warning}")
    names = [f"{name} (answers)" if name == loaded.roster.default else name for name in loaded.roster.agents]
    out.print(f"ok: {', '.join(names)}")


@agents_app.command("schema")
def schema(
    what: Annotated[What, typer.Argument(help="A file of agents, one agent, or its advanced part.")] = What.FILE,
) -> None:
    """Print the JSON Schema that editors and consoles can check agents with."""
    from mediaserver.agents.advanced import schemas
    from mediaserver.agents.schema import agent_schema, agents_schema

    made = {What.FILE: agents_schema, What.AGENT: agent_schema, What.ADVANCED: schemas}[what]()
    print(json.dumps(made, indent=2))


@agents_app.command("key")
def key() -> None:
    """Print a new key to seal secrets with; keep it where the server finds it, and not beside what it seals."""
    from mediaserver.agents.sealing import new_key

    print(new_key())


@agents_app.command("seal")
def seal() -> None:
    """Read a secret from standard input and print what to write in its place."""
    from mediaserver.agents.sealing import Sealer, SealError

    try:
        sealer = Sealer.of_environment()
    except SealError as error:
        raise complain(ConfigurationError([f"secret key: {error}"])) from None
    typed = sys.stdin.isatty()
    secret = typer.prompt("Secret", hide_input=True, err=True) if typed else sys.stdin.read().strip()
    if not secret:
        raise complain(ConfigurationError(["standard input: is empty; write the secret there"]))
    print(sealer.seal(secret))


@agents_app.command("models")
def models(
    config: Config = None,
    current: Annotated[
        bool, typer.Option("--current", help="Without those that should not be chosen any more.")
    ] = False,
) -> None:
    """List the models agents can name: how they can be used, what they cost, and which are ending."""
    from mediaserver.agents.source import known_models

    try:
        catalogue = known_models(load_or_exit(config).models)
    except ConfigurationError as error:
        raise complain(error) from None
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDE
    console.print(_table(catalogue, current))
    console.print("chat/NAME is the text model NAME of an OpenAI-compatible endpoint, between speech services.")
    console.print("Prices: US dollars per million tokens, input/output, or per minute; ~ where lists differ.")


def _table(catalogue: "Mapping[str, Model]", current: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "provider's name", "voice streaming", "chat", "text $", "audio $", "note"):
        table.add_column(heading, no_wrap=heading != "note", overflow="fold")
    for model in catalogue.values():
        if not current or model.deprecated is None:
            table.add_row(*_row(model))
    return table


def _row(model: "Model") -> tuple[str, ...]:
    streaming = "on or off" if model.streaming and model.text else "on" if model.streaming else "off"
    chat = "text" if model.chat == "text" else "slow"
    text, audio = _prices(model)
    return (model.name, model.provider_model, streaming, chat, text, audio, model.deprecated or "")


def _prices(model: "Model") -> tuple[str, str]:
    price = model.price
    if price is None:
        return "?", "?"
    about = "" if price.sure else "~"
    if price.per_minute:
        return "", f"{about}{price.per_minute:g}/min"
    if not price.text_output and not price.audio_output:
        return "free", "free"
    return f"{about}{price.text_input:g}/{price.text_output:g}", f"{about}{price.audio_input:g}/{price.audio_output:g}"


def _console() -> Console:
    return Console(markup=False, highlight=False, soft_wrap=True)


def prepared(agent: str | None, agents: Path | None, config: Path | None) -> "tuple[Provision, ReadyAgent]":
    """One agent with all it needs, or the end of the program with every fault of it named."""
    from mediaserver.agents import source
    from mediaserver.app_parts import provision
    from mediaserver.cli.offline import answered

    settings = load_or_exit(config)
    if agents is None:
        settings = answered(settings)
    try:
        loaded = source.of(settings, agents)
        definition = loaded.roster.find(agent)
        provided = provision(settings, loaded)
        return provided, provided.agent(definition)
    except ConfigurationError as error:
        raise complain(error) from None
    except ValueError as error:
        Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(str(error))
        raise typer.Exit(FAULTY) from None
