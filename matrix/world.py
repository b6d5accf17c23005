"""All of it running: the services' emulators in this process, the server in its own, one agent a cell."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

from matrix.cells import CELLS, definition
from mediaproviders.emulators.ensemble import Emulator, Rehearsal, access, as_toml, build
from mediaproviders.emulators.timeline import Timeline
from mediaserver.agents import source
from mediaserver.agents.provision import Provision
from mediaserver.agents.ready import ReadyAgent
from mediaserver.config import Settings, load
from mediaserver.load.server_process import ServerProcess, serving

SERVICES: Final = ("openai", "azure", "xai", "gemini", "nova", "chat", "speech")
EMULATOR: Final[Mapping[str, str]] = {"google": "gemini", "amazon": "nova", "openai-chat": "chat"}
"""Where an emulator is not called as the provider is."""
GREETING_IS_A_TURN: Final = frozenset({"nova"})
"""They are asked to speak first by a turn of the user's, typed or spoken."""
ANSWER_MS: Final = 2400
TOOL_TURN, GOODBYE_TURN = 2, 5
"""The caller's turns: a question, one that needs a tool, one whose answer is interrupted by the fourth, a goodbye."""
SAID: Final = "This is answer number {n} of the emulated model."

_SETTINGS: Final = """
agents = "{agents}"

[sip]
udp = "127.0.0.1:0"
tcp = ""

[rtp]
address = "127.0.0.1"
ports = "22000-29998"
receiver_buffer_ms = 0

[http]
address = ""

[log]
format = "json"

"""


@dataclass(slots=True)
class World:
    """What a cell is shown in."""

    server: ServerProcess
    address: str
    """Of the server, as host:port."""
    emulators: Mapping[str, Emulator]
    agents: Mapping[str, ReadyAgent]
    """For chats, which are held in this process."""
    provision: Provision

    def sessions(self, provider: str, model: str) -> list[Timeline]:
        """The sessions of a model, oldest first; of a service without sessions, what all clients sent."""
        emulator = cast(Any, self.emulators[EMULATOR.get(provider, provider)])
        if provider == "openai-chat":
            return list(emulator.sessions)
        return [each for each in emulator.sessions if any(entry.get("model") == model for entry in each.of("session"))]

    def answers(self, provider: str) -> Any:
        """What its emulator says."""
        return cast(Any, self.emulators[EMULATOR.get(provider, provider)]).answers


@asynccontextmanager
async def world(folder: Path, *, calls: bool) -> AsyncIterator[World]:
    """Emulators, agents and a server that knows them. `calls`: for calls, whose greeting is a turn to some models."""
    async with AsyncExitStack() as stack:
        asked = {name: _emulator(name, folder, int(calls and name in GREETING_IS_A_TURN)) for name in SERVICES}
        emulators = {name: await stack.enter_async_context(emulator) for name, emulator in asked.items()}
        tables: dict[str, Any] = {}
        for name, emulator in emulators.items():
            tables |= access(name, emulator)
        speech = {"access": {"base_url": emulators["speech"].url, "api_key": "sk-rehearsal"}}
        agents = [definition(cell, speech) for cell in CELLS if cell.works and cell.mode != "chat"]
        settings = _write(folder, agents, as_toml(tables))
        provision, ready = _ready(load(settings))
        stack.push_async_callback(provision.close)
        server = await stack.enter_async_context(serving(settings))
        line = await server.ready(60.0)
        yield World(server, str(line.fields["sip_udp"]), emulators, ready, provision)


def _emulator(name: str, folder: Path, turns_before: int) -> Emulator:
    asked = Rehearsal(answer_ms=ANSWER_MS, certificates=folder / "certificates", rate=4.0)
    if name == "speech":
        return build(name, asked)
    script = {
        turns_before + TOOL_TURN: ("opening_hours", '{"day": "Monday"}'),
        turns_before + GOODBYE_TURN: ("end_call", "{}"),
    }
    return build(name, asked, tool_on_turn=script, answer_texts=(SAID,))


def _write(folder: Path, agents: list[dict[str, Any]], tables: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "agents.yaml").write_text(yaml.safe_dump({"agents": agents}, sort_keys=False))
    settings = folder / "mediaserver.toml"
    settings.write_text(_SETTINGS.format(agents=folder / "agents.yaml") + tables)
    return settings


def _ready(settings: Settings) -> tuple[Provision, Mapping[str, ReadyAgent]]:
    from mediaserver.app_parts import provision

    loaded = source.of(settings)
    made = provision(settings, loaded)
    return made, source.ready(loaded, made)
