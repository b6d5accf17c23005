"""The server in the test's own process: phones register, its agents call them, and what the model hears is kept."""

import asyncio
import itertools
import json
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from structlog.testing import capture_logs

from mediacodecs.g711 import CODECS
from mediaproviders.emulators import certificates
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaproviders.emulators.speech import InputBuffer
from mediaserver.app import Server
from mediaserver.call.reception import Reception
from mediaserver.call.route import Wanted
from mediaserver.config import load
from mediaserver.load.recording import Samples, resample
from support import rig
from support.likeness import likeness

PHONES = ("alice", "bob", "carol", "dave")
LIKE = 0.6
"""How well a piece has to fit, whatever codec and jitter buffer it came through."""
_PIECE = rig.RATE // 5
_SLIP = rig.RATE // 2
_ENOUGH = 0.5
"""Of the pieces. Of another sound of this kind a third fits at most, two pieces of six."""
_LIKE_ENOUGH = 0.7
_HALF_ENOUGH = 0.88
"""Likeness of the whole, and of a half: other sounds of this kind reach 0.52 and 0.81."""
_LATELY = 15 * rig.RATE


class Ear:
    """What the model heard, session by session."""

    def __init__(self) -> None:
        self._sessions: dict[int, list[tuple[str, bytes]]] = {}

    def take(self, session: int, kind: str, audio: bytes) -> None:
        self._sessions.setdefault(session, []).append((kind, audio))

    @property
    def heard(self) -> list[Samples]:
        """Each at 8 kHz."""
        return [_joined(pieces) for pieces in list(self._sessions.values())]


def _joined(pieces: list[tuple[str, bytes]]) -> Samples:
    """Pieces of one kind are joined before they are decoded, so that resampling sees no seams."""
    runs = itertools.groupby(list(pieces), key=lambda piece: piece[0])
    return np.concatenate([_decoded(kind, b"".join(audio for _, audio in run)) for kind, run in runs])


def _decoded(kind: str, audio: bytes) -> Samples:
    if kind in ("audio/pcmu", "audio/pcma"):
        return CODECS[kind.removeprefix("audio/").upper()].decode(audio)
    rate = int(kind.partition("rate=")[2] or 24000)
    return resample(np.frombuffer(audio[: len(audio) // 2 * 2], "<i2"), rate, rig.RATE)


@contextmanager
def overhearing() -> Iterator[Ear]:
    """Every emulator of this process passes on what it hears."""
    ear, append = Ear(), InputBuffer.append

    def overheard(buffer: InputBuffer, audio: bytes, *rest: Any) -> Any:
        ear.take(id(buffer), buffer.kind, bytes(audio))
        return append(buffer, audio, *rest)

    with patch.object(InputBuffer, "append", overheard):
        yield ear


@dataclass
class Switchboard:
    """A server and its model; `lines` is its log."""

    server: Server
    reception: Reception
    emulator: OpenAIEmulator
    ear: Ear
    lines: list[MutableMapping[str, Any]]
    identity: certificates.Certificates
    """Its certificate, and who signed it."""

    def address(self, transport: str = "udp") -> str:
        """Where it listens, as host:port."""
        return self.server._telephony.addresses()[f"sip_{transport}"]

    @property
    def http(self) -> str:
        """Where it serves HTTP."""
        return self.server._web.url

    @property
    def browsers(self) -> tuple[str, int]:
        """The UDP port of all browsers."""
        host, _, port = self.server._browsers.address()["webrtc_udp"].rpartition(":")
        return host, int(port)

    def uri(self, name: str = "assistant", transport: str = "udp") -> str:
        more = "" if transport == "udp" else f";transport={transport}"
        return f"sip:{name}@{self.address(transport)}{more}"

    async def is_registered(self, user: str) -> None:
        """Wait until a phone of that name is reached here."""
        phones = self.server._telephony.phones
        assert phones is not None
        await rig.eventually(lambda: bool(phones.of(user)))

    def logged(self, event: str, **fields: object) -> list[MutableMapping[str, Any]]:
        return [
            line
            for line in self.lines
            if line["event"] == event and all(line.get(name) == want for name, want in fields.items())
        ]

    async def line(
        self, event: str, count: int = 1, timeout_s: float = 15.0, **fields: object
    ) -> MutableMapping[str, Any]:
        """The count-th line of that name with these fields, once it is there."""
        try:
            await rig.eventually(lambda: len(self.logged(event, **fields)) >= count, timeout_s)
        except TimeoutError:
            raise AssertionError(f"not logged: {event} {fields} ({count} times)") from None
        return self.logged(event, **fields)[count - 1]

    def dial(self, number: str, **wanted: Any) -> str:
        """Have the agent call somebody; the id of the call."""
        return self.reception.dialler.dial(Wanted(number, by_agent="assistant", **wanted)).id

    async def model_hears(self, said: Samples, timeout_s: float = 15.0) -> None:
        """Wait until one of its sessions heard this."""
        await until_like(lambda: self.ear.heard, said, "the model", timeout_s)

    async def model_is_told(self, text: str, timeout_s: float = 10.0) -> None:
        """Wait for a message to the model that has this text."""
        await rig.eventually(lambda: text in self.told, timeout_s)

    @property
    def told(self) -> str:
        """All messages that the model was given, of all its sessions, as they went over the wire."""
        return "".join(
            json.dumps(event)
            for session in self.emulator.sessions
            for _, event in session.client_events
            if event["type"] == "conversation.item.create"
        )


async def until_like(
    hearing: Callable[[], Sequence[Samples]], said: Samples, who: str, timeout_s: float = 15.0
) -> None:
    """Wait until `said` is in one of what `hearing()` gives. The search is done aside: calls go on in this process."""
    share = like = 0.0
    try:
        async with asyncio.timeout(timeout_s):
            while share < _ENOUGH and like < _LIKE_ENOUGH:
                await asyncio.sleep(0.25)  # what is waited for is written by another process
                share, like = await asyncio.to_thread(_best, hearing, said)
    except TimeoutError:
        raise AssertionError(
            f"{who} did not hear it: {share:.0%} of it was found, its likeness is {like:.2f}"
        ) from None


def _best(hearing: Callable[[], Sequence[Samples]], said: Samples) -> tuple[float, float]:
    """By its wave; else by its spectrum, of the whole or of a half: machines that are busy stand still in between.

    Looked for in what was heard lately, for the search takes time from the calls that go on.
    """
    heard = [each[-_LATELY:] for each in hearing() if len(each) >= len(said)]
    share = max((_found(said, each) for each in heard), default=0.0)
    if share == 0.0 or share >= _ENOUGH:
        return share, share
    half, quarter = len(said) // 2, len(said) // 4
    halves = max((likeness(said[at : at + half], each) for each in heard for at in (0, quarter, half)), default=0.0)
    if halves >= _HALF_ENOUGH:
        return share, halves
    return share, max((likeness(said, each) for each in heard), default=0.0)


def _found(said: Samples, heard: Samples) -> float:
    """How much of `said` is there, in its order: a phone whose process had to wait slips or skips between two samples.

    Pieces are looked for one by one; those count that fit, and are about as far from the beginning as they should be.
    """
    starts = range(0, len(said) - _PIECE + 1, _PIECE)
    fits = [(start, *rig.where(said[start : start + _PIECE], heard)) for start in starts]
    begins = [at - start for start, at, fit in fits if fit >= LIKE]
    middle = sorted(begins)[len(begins) // 2] if begins else 0
    return sum(abs(begin - middle) <= _SLIP for begin in begins) / len(fits)


@asynccontextmanager
async def switchboard(
    folder: Path, settings: EmulatorSettings | None = None, **tables: dict[str, Any]
) -> AsyncIterator[Switchboard]:
    """Serve SIP by every transport on free ports of loopback, for the phones `PHONES` (password "secret")."""
    tls = certificates.make(folder / "tls")
    async with OpenAIEmulator(settings or EmulatorSettings(answer_ms=800)) as emulator:
        path = folder / "mediaserver.toml"
        path.write_text(rig.toml(**_tables(tls, emulator.url, tables)))
        with capture_logs() as lines, overhearing() as ear:
            server = Server(load(path))
            async with server.running() as reception:
                try:
                    yield Switchboard(server, reception, emulator, ear, lines, tls)
                except BaseException as error:
                    error.add_note("\n".join(map(_shown, lines[-40:])))
                    raise


def _shown(line: MutableMapping[str, Any]) -> str:
    fault = line.get("exc_info")
    return "".join(traceback.format_exception(fault)) if isinstance(fault, BaseException) else str(line)


def _tables(tls: certificates.Certificates, model: str, given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    anywhere = dict.fromkeys(("udp", "tcp", "tls", "ws", "wss"), "127.0.0.1:0")
    defaults: dict[str, dict[str, Any]] = {
        "sip": anywhere,
        "sip__certificates": {"certificate": str(tls.chain), "key": str(tls.key)},
        "rtp": {"address": "127.0.0.1", "ports": "22000-29998", "receiver_buffer_ms": 0},
        "http": {"address": ""},
        "agent": {"name": "assistant", "model": "gpt-realtime"},
        "phones": {"users": dict.fromkeys(PHONES, "secret")},
        "providers__openai": {"api_key": "sk-test", "base_url": model},
    }
    return {name: defaults.get(name, {}) | given.get(name, {}) for name in [*defaults, *given]}
