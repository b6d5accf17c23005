"""Long calls to agents of every service: one server, emulators in this process, and callers who ask again and again."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from mediacodecs.g711 import PCMU
from mediaproviders.emulators.ensemble import Rehearsal, access, build
from mediaproviders.emulators.speech_services.voice import say
from mediaproviders.emulators.timeline import Timeline
from mediaserver.load.recording import Samples, Track
from mediaserver.load.report import CallReport, talkspurts
from mediaserver.load.script import Play, Step, WaitForAnswer
from mediaserver.load.server_process import LogLine, serving
from support import rig
from support.told import Said, told

RATE: Final = 8000
PACKET: Final = 160
"""Samples."""
ANSWER_MS: Final = 1200
FIT: Final = 0.9
"""Correlation from which a sound is the expected one: some services have another sampling rate than the telephone."""
_PARTS: Final = 6
"""Each of them has to fit by itself: a gap in the middle is no small deviation of the whole."""
_PAUSE_S: Final = 0.1
"""What is heard after a longer silence is another answer."""
_SHIFT_S: Final = 0.08
"""A sound may begin so much before or after the frame that is the first loud one."""
_VOICE: Final = 112
"""Seed of a babble that a neural detector, too, takes for speech, all of it."""
_PREPARED: Final = 3
"""Answers made before the calls begin: it takes the time of a few packets."""
LENGTHS_S: Final = (0.7, 1.0, 1.3, 1.6)
"""Of the questions, in turn: transcripts tell them apart."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that plays in a rehearsal; `script` has settings of its emulator."""

    kind: str
    script: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1
    """Of what it says."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that a service was asked for: its nth in a session."""

    at: float
    service: str
    session: int
    number: int


@dataclass
class Call:
    """What came of one call."""

    report: CallReport
    lines: Sequence[LogLine]
    """What the server's log says of it."""

    def of(self, event: str, **fields: object) -> list[LogLine]:
        """Lines of the log."""
        return [
            line
            for line in self.lines
            if line.event == event and all(line.fields.get(name) == value for name, value in fields.items())
        ]

    @property
    def ended(self) -> Mapping[str, Any]:
        """How it ended, and the counters."""
        (line,) = self.of("call.ended")
        return line.fields

    @property
    def transcript(self) -> list[Said]:
        """The log's, in order, less what the agent was in the middle of when its session broke: it is said anew."""
        lines = [line.fields for line in self.of("transcript") if not line.fields.get("broken_off")]
        return [Said(fields["speaker"], fields["text"]) for fields in lines]

    @property
    def spurts(self) -> list[tuple[float, float]]:
        """Begin and end of all that was heard, in seconds after the answer."""
        assert self.report.answered_at is not None
        return [(begin - self.report.answered_at, end - self.report.answered_at) for begin, end in self._spurts()]

    def _spurts(self) -> list[tuple[float, float]]:
        return talkspurts(self.report.heard, _PAUSE_S)

    def heard_in_full(self, index: int, sound: Samples) -> bool:
        """The nth thing that was heard is `sound`, all of it, and nothing besides."""
        track = self.report.heard
        assert track is not None
        begin, end = self._spurts()[index]
        skipped_s = self.ended["skipped_ms"] / 1000
        if not -0.1 < (end - begin) - len(sound) / RATE < 0.1 + skipped_s:
            return False
        return _contains(track, sound, begin - _SHIFT_S, end + _SHIFT_S, skipped_s)

    def heard_after(self, question: int, sound: Samples) -> bool:
        """All of `sound` was heard, without a break, between the end of the nth question and the next one's begin."""
        spoken, track = self.report.spoken, self.report.heard
        assert track is not None and self.report.ended_at is not None
        end = spoken[question + 1].began_at if question + 1 < len(spoken) else self.report.ended_at
        return _contains(track, sound, spoken[question].voice_ended_at, end, self.ended["skipped_ms"] / 1000)

    def assert_unbroken(self) -> None:
        """Not a packet is missing, and their timestamps are contiguous.

        But for the time for which the machine did not let the server run: it counts what it skipped of it.
        """
        reception = self.report.reception
        assert reception is not None
        assert (reception.missing, reception.duplicates) == (0, 0)
        first = self.report.arrivals[0].sequence
        arrivals = sorted(self.report.arrivals, key=lambda each: (each.sequence - first) % 65536)
        steps = np.diff(np.array([each.timestamp for each in arrivals], np.int64)) % 2**32
        assert steps.min() == PACKET, "a timestamp came twice"
        skipped_ms = float((steps - PACKET).sum()) / RATE * 1000
        assert skipped_ms <= self.ended["skipped_ms"], "timestamps are not contiguous"


def _contains(track: Track, sound: Samples, begin: float, end: float, skipped_s: float) -> bool:
    """All of `sound` is on the track between two moments, in one piece but for a time that was skipped."""
    first = max(0, round((begin - track.starts_at) * RATE))
    hay = track.samples[first : max(0, round((end - track.starts_at) * RATE))]
    at = rig.where(sound, hay)[0]
    size = len(sound) // _PARTS
    if not skipped_s:
        parts = range(0, size * _PARTS, size)
        return all(_fit(sound[part : part + size], hay[at + part : at + part + size]) >= FIT for part in parts)
    # The part in which time was skipped fits nowhere, the others a little before or after their place.
    slack, misfits = round(skipped_s * RATE), 0
    for part in range(0, size * _PARTS, size):
        near = max(0, at + part - slack)
        misfits += rig.where(sound[part : part + size], hay[near : at + part + size + slack])[1] < FIT
    return misfits <= 1 + slack // size


def _fit(sound: Samples, heard: Samples) -> float:
    if len(heard) < len(sound):
        return 0.0
    a, b = sound.astype(float), heard.astype(float)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


@dataclass
class Exchange:
    """The running server and the services behind it."""

    server: rig.Rig
    services: Mapping[str, Service]
    emulators: Mapping[str, Any]

    async def call(self, agent: str, *steps: Step, max_s: float = 60.0) -> Call:
        """Call an agent; what came of it."""
        uri = f"sip:{agent}@{self.server.host}:{self.server.port}"
        report = await self.server.call(*steps, uri=uri, max_s=max_s)
        assert report.status == 200, f"{agent}: {report.status} {report.reason}"
        call = (await self.server.line("call.incoming", agent=agent)).fields["call"]
        await self.server.line("call.ended", call=call)
        return Call(report, [line for line in self.server.server.lines if line.fields.get("call") == call])

    def sessions(self, service: str) -> list[Timeline]:
        """Of a service, oldest first."""
        return list(self.emulators[service].sessions)

    def asked(self, *services: str) -> list[Asked]:
        """Every answer the services began, in order, less those that were asked for once more in another session."""
        every = sorted(
            (
                Asked(entry["t"], service, index, entry["number"])
                for service in services
                for index, session in enumerate(self.sessions(service))
                for entry in session.of("response_created")
            ),
            key=lambda each: each.at,
        )
        return [
            each
            for each, then in itertools.zip_longest(every, every[1:])
            if then is None or not self._asked_again(each, then)
        ]

    def _asked_again(self, asked: Asked, then: Asked) -> bool:
        """It was broken off. Or both came so soon one after the other that it was left when its turn was closed."""
        if (then.service, then.session) == (asked.service, asked.session):
            return False
        session = self.sessions(asked.service)[asked.session]
        (began,) = [entry for entry in session.of("response_created") if entry["number"] == asked.number]
        ends = [entry for entry in session.of("response_done") if _name(entry) == _name(began)]
        return not ends or ends[0]["status"] != "completed" or then.at - asked.at < ANSWER_MS / 1000

    def told(self, asked: Asked) -> list[Said]:
        """What the session that gave an answer had been told of before."""
        return told(self.services[asked.service].kind, self.sessions(asked.service)[asked.session])

    def sound(self, asked: Asked) -> Samples:
        """The answer as a caller hears it."""
        return _telephone(self.emulators[asked.service].answers.pcm(asked.number - 1, RATE))


def _name(entry: Mapping[str, Any]) -> Any:
    return entry.get("response", entry.get("number"))


def spoken(text: str) -> Samples:
    """What a speech service says, as a caller hears it."""
    return _telephone(say(text, RATE))


def _telephone(pcm: Samples) -> Samples:
    return PCMU.decode(PCMU.encode(pcm))


def questions(count: int, first: int = 0, quiet_s: float = 0.9) -> list[Step]:
    """Ask, hear the answer, and so on."""
    steps: list[Step] = []
    for number in range(first, first + count):
        speech = rig.speech(LENGTHS_S[number % len(LENGTHS_S)], seed=_VOICE)
        steps += [Play(speech, f"question {number}"), WaitForAnswer(quiet_s=quiet_s, timeout_s=12.0)]
    return steps


GREETED: Final = WaitForAnswer(quiet_s=0.9, timeout_s=12.0)


@asynccontextmanager
async def exchange(
    folder: Path,
    services: Mapping[str, Service],
    agents: Sequence[Mapping[str, Any]],
    continuity: Mapping[str, Any] | None = None,
    rate: float = 4.0,
) -> AsyncIterator[Exchange]:
    """Emulators by name, and a server with these agents.

    An agent's, a fallback's or a speech service's `access` names the emulator that it reaches. Answers come `rate`
    times as fast as they are spoken.
    """
    asked = Rehearsal(latency_ms=250.0, rate=rate, answer_ms=ANSWER_MS)
    async with AsyncExitStack() as stack:
        emulators: dict[str, Any] = {}
        for name, service in services.items():
            seed = {} if service.kind == "speech" else {"seed": service.seed}
            emulators[name] = emulator = build(service.kind, asked, **seed, **service.script)
            await stack.enter_async_context(emulator)
            for number in range(_PREPARED if service.kind != "speech" else 0):
                emulator.answers.pcm(number, RATE)
                emulator.answers.pcm(number, 24000)
        (folder / "agents.yaml").write_text(
            yaml.safe_dump({"agents": [_resolved(each, services, emulators) for each in agents]})
        )
        tables: dict[str, dict[str, Any]] = {
            "sip": {"udp": "127.0.0.1:0", "tcp": ""},
            "rtp": {"address": "127.0.0.1", "ports": "22000-29998", "receiver_buffer_ms": 0},
            "http": {"address": ""},
            "log": {"format": "json"},
            "continuity": {"reconnect_delays_s": [0.0, 0.2, 0.4], **(continuity or {})},
            **_tables(services, emulators, folder),
        }
        settings = folder / "mediaserver.toml"
        settings.write_text(f'agents = "{folder / "agents.yaml"}"\n' + rig.toml(**tables))
        server = await stack.enter_async_context(serving(settings))
        ready = await server.ready(60.0)
        host, _, port = ready.fields["sip_udp"].rpartition(":")
        yield Exchange(rig.Rig(server, host, int(port), 0, server.pid), services, emulators)


def _resolved(part: Any, services: Mapping[str, Service], emulators: Mapping[str, Any]) -> Any:
    if isinstance(part, list | tuple):
        return [_resolved(each, services, emulators) for each in part]
    if not isinstance(part, Mapping):
        return part
    whole = {name: _resolved(each, services, emulators) for name, each in part.items() if name != "access"}
    if (name := part.get("access")) is None:
        return whole
    if services[name].kind == "speech":
        return {**whole, "access": {"base_url": emulators[name].url, "api_key": "sk-rehearsal"}}
    if services[name].kind == "nova":
        return whole
    ((_, reach),) = access(services[name].kind, emulators[name]).items()
    own = {setting: value for setting, value in reach.items() if setting != "ca_file"}
    own |= {"api_key": key} if (key := whole.pop("wrong_key", None)) else {}
    return {**whole, "access": own}


def _tables(services: Mapping[str, Service], emulators: Mapping[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """The server's part of reaching the emulators: whom it trusts, and where Amazon is."""
    tables: dict[str, dict[str, Any]] = {}
    if gemini := [emulators[name] for name, each in services.items() if each.kind == "gemini"]:
        trusted = folder / "authorities.pem"
        trusted.write_bytes(b"".join(each.certificates.authority.read_bytes() for each in gemini))
        tables["providers__google"] = {"ca_file": str(trusted)}
    for name, each in services.items():
        if each.kind == "nova":
            tables["providers__amazon"] = dict(access("nova", emulators[name])["amazon"])
    return tables


async def at_once[T](*calls: Any) -> list[T]:
    """All of them at the same time."""
    return list(await asyncio.gather(*calls))
