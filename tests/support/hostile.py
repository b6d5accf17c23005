"""Calls to agents whose model misbehaves: one emulator for each call, one server for all calls of a service."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from mediacodecs.g711 import PCMU
from mediaproviders.emulators.aws import DuplexServer, Handler, Request, Stream
from mediaproviders.emulators.certificates import make
from mediaproviders.emulators.ensemble import Rehearsal, access, build
from mediaproviders.emulators.timeline import Timeline
from mediaserver.load.recording import Samples
from mediaserver.load.report import CallReport
from mediaserver.load.script import Step
from mediaserver.load.server_process import LogLine, serving
from support import rig
from support.hearing import place, tone
from support.hostile_scripts import Service
from support.rig import where

RATE: Final = 8000
ANSWER_MS: Final = 1500
STALL_S: Final = 1.5
"""`stall_timeout_s` of the agents."""
DELAYS_S: Final = (0.0, 0.3, 0.6)
"""`reconnect_delays_s` of the server."""
FIT: Final = 0.9
"""Correlation from which a sound is the expected one: some services have another sampling rate than the telephone."""
_WORDS_MS: Final = 220
_PARTS, _HEARD_PARTS = 10, 7
"""So many parts of a sound have to be heard, in order: it may have halted in the others."""
_HALTS_S: Final = (0.03, 0.5)
"""How much later than the part before it a part may come: a machine with too much to do plays it late."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One call: what its model does wrong, what else its agent has, and what the caller does."""

    name: str
    steps: Sequence[Step]
    script: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the emulator: faults, refusals, …"""
    agent: Mapping[str, Any] = field(default_factory=dict)
    stand_in: bool = False
    """Another provider's model, which is in good health, takes over."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a call."""

    report: CallReport
    lines: Sequence[LogLine]
    """What the server's log says of it."""
    sessions: Sequence[Timeline]
    tries: int
    """Requests for a session, refused ones included."""
    answers: Any
    """What its emulator says."""
    stand_in: Any
    """What the model that takes over says."""

    def of(self, event: str, **fields: object) -> list[LogLine]:
        """Lines of the log."""
        return [
            line
            for line in self.lines
            if line.event == event and all(line.fields.get(name) == value for name, value in fields.items())
        ]

    @property
    def end(self) -> tuple[str, str, int | None]:
        """Result, reason and status of the call's end."""
        fields = self.of("call.ended")[-1].fields
        return fields["result"], fields["reason"], fields["sip_status"]

    @property
    def reconnected(self) -> list[str]:
        """Why sessions were replaced."""
        return [line.fields["reason"] for line in self.of("provider.reconnected")]

    @property
    def struck(self) -> list[str]:
        """Which misfortunes did happen."""
        return [entry["fault"] for session in self.sessions for entry in session.of("fault")]

    def answer(self, number: int = 0, *, stand_in: bool = False) -> Samples:
        """The nth answer of a session, as a caller hears it."""
        answers = self.stand_in if stand_in else self.answers
        return PCMU.decode(PCMU.encode(answers.pcm(number, RATE)))

    def heard(self, sound: Samples, after_s: float = 0.0, before_s: float = 3600.0) -> float | None:
        """When in the call all of `sound` was heard, part after part, in seconds; None: it was not."""
        if self.report.heard is None or self.report.answered_at is None:
            return None
        track, size = self.report.heard, len(sound) // _PARTS
        at, _ = place(self.report, sound, after_s, before_s)
        begin, heard = at, 0
        for part in range(_PARTS):
            found = _near(sound[part * size : (part + 1) * size], track.samples, begin)
            heard += found is not None
            begin = (begin if found is None else found) + size
        return track.starts_at + at / RATE - self.report.answered_at if heard >= _HEARD_PARTS else None

    def begun(self, sound: Samples, before_s: float) -> bool:
        """Whether the first words of `sound` were heard before that second."""
        return place(self.report, sound[: _WORDS_MS * RATE // 1000], before_s=before_s)[1] > FIT

    @property
    def apologised_at(self) -> float | None:
        """When the caller heard that something is wrong."""
        return self.heard(tone())

    @property
    def asked_at(self) -> float:
        """When the caller's first question ended, in seconds of the call."""
        assert self.report.answered_at is not None
        return self.report.spoken[0].voice_ended_at - self.report.answered_at


def _near(part: Samples, track: Samples, expected: int) -> int | None:
    """Where in the track the part is heard, not far from where it is expected, in samples."""
    for reach_s in _HALTS_S:
        reach = round(reach_s * RATE)
        begin = max(0, expected - reach)
        at, fit = where(part, track[begin : expected + reach + len(part)])
        if fit > FIT:
            return begin + at
    return None


class _Bedrock:
    """One endpoint for all emulators of Nova Sonic: an access key is brought to the emulator of its scene."""

    def __init__(self, emulators: Mapping[str, Any], folder: Path) -> None:
        self._by_key = {key_of(name): emulator for name, emulator in emulators.items()}
        self.certificates = make(folder)
        self._server = DuplexServer("127.0.0.1", 0, self.certificates.server_context(["h2"]), self._accept)

    async def open(self, stack: AsyncExitStack) -> str:
        """Its address."""
        await stack.enter_async_context(self._server)
        return f"https://localhost:{self._server.port}"

    def _accept(self, request: Request, stream: Stream) -> Handler:
        key = request.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        handler: Handler = self._by_key[key]._accept(request, stream)
        return handler


def key_of(scene: str) -> str:
    """The access key of a scene's agent."""
    return "AKIA" + "".join(filter(str.isalnum, scene)).upper()


async def play(service: Service, scenes: Sequence[Scene], folder: Path) -> dict[str, Played]:
    """All scenes at once, by name."""
    asked = Rehearsal(latency_ms=200.0, rate=3.0, answer_ms=ANSWER_MS)
    async with AsyncExitStack() as stack:
        emulators = {
            scene.name: await stack.enter_async_context(build(service.name, asked, **scene.script)) for scene in scenes
        }
        stand_in = await stack.enter_async_context(build(service.stand_in[0], asked, seed=77))
        agents = [_agent(service, scene, emulators[scene.name], stand_in) for scene in scenes]
        tables = await _tables(service, emulators, folder, stack)
        server = await stack.enter_async_context(_serving(folder, agents, tables))
        reports = await asyncio.gather(
            *(
                server.call(*scene.steps, uri=f"sip:{scene.name}@{server.host}:{server.port}", max_s=40.0)
                for scene in scenes
            )
        )
        lines = [await _lines_of(server, scene.name) for scene in scenes]
        return {
            scene.name: Played(
                report,
                told,
                emulators[scene.name].sessions,
                _tries(emulators[scene.name]),
                emulators[scene.name].answers,
                stand_in.answers,
            )
            for scene, report, told in zip(scenes, reports, lines, strict=True)
        }


@asynccontextmanager
async def _serving(
    folder: Path, agents: Sequence[Mapping[str, Any]], tables: Mapping[str, dict[str, Any]]
) -> AsyncIterator[rig.Rig]:
    (folder / "agents.yaml").write_text(yaml.safe_dump({"agents": agents}))
    settings = folder / "mediaserver.toml"
    common: dict[str, dict[str, Any]] = {
        "sip": {"udp": "127.0.0.1:0", "tcp": ""},
        "rtp": {"address": "127.0.0.1", "ports": "22000-29998", "receiver_buffer_ms": 0},
        "http": {"address": ""},
        "log": {"format": "json"},
        "continuity": {"reconnect_delays_s": list(DELAYS_S)},
    }
    settings.write_text(f'agents = "{folder / "agents.yaml"}"\n' + rig.toml(**common, **tables))
    async with serving(settings) as server:
        ready = await server.ready(60.0)
        host, _, port = ready.fields["sip_udp"].rpartition(":")
        yield rig.Rig(server, host, int(port), 0, server.pid)


def _agent(service: Service, scene: Scene, emulator: Any, stand_in: Any) -> dict[str, Any]:
    agent: dict[str, Any] = {
        "name": scene.name,
        "model": service.model,
        "prompt": "You are the receptionist of a practice.",
        "stall_timeout_s": STALL_S,
        "access": _access(service.name, emulator, scene.name),
        **scene.agent,
    }
    if scene.stand_in:
        agent["fallback"] = [{"model": service.stand_in[1], "access": _access(service.stand_in[0], stand_in, "")}]
    return agent


def _access(name: str, emulator: Any, scene: str) -> dict[str, object]:
    """What an agent of its own needs to say; the rest is the server's."""
    if name == "nova":
        return {"access_key_id": key_of(scene), "secret_access_key": f"secret-{key_of(scene)}"}
    ((_, reach),) = access(name, emulator).items()
    return {setting: value for setting, value in reach.items() if setting != "ca_file"}


async def _tables(
    service: Service, emulators: Mapping[str, Any], folder: Path, stack: AsyncExitStack
) -> dict[str, dict[str, Any]]:
    """The server's part of reaching the emulators."""
    if service.name == "nova":
        bedrock = _Bedrock(emulators, folder / "bedrock")
        reach = {"endpoint_url": await bedrock.open(stack), "region": "us-east-1"}
        return {"providers__amazon": {**reach, "ca_file": str(bedrock.certificates.authority)}}
    if service.name == "gemini":
        trusted = folder / "authorities.pem"
        trusted.write_bytes(b"".join(each.certificates.authority.read_bytes() for each in emulators.values()))
        return {"providers__google": {"ca_file": str(trusted)}}
    return {}


def _tries(emulator: Any) -> int:
    """How many requests it got: what its counter of them is at."""
    counter: itertools.count[int] = getattr(emulator, "_tried", None) or emulator._requests
    return next(counter)


async def _lines_of(server: rig.Rig, agent: str) -> list[LogLine]:
    """The log of the one call to `agent`, once it is over."""
    call = (await server.line("call.incoming", agent=agent)).fields["call"]
    await server.line("call.ended", call=call)
    return [line for line in server.server.lines if line.fields.get("call") == call]
