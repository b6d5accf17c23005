"""The sequences in `tests/vectors/replay`, and what a bridge told the server of one."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    CallerTranscript,
    Event,
    Fault,
    ToolCall,
    Usage,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "replay"
BYTES_PER_MS = 48
_SILENCE = re.compile(r"pcm:(\d+)")


def _filled(value: Any) -> Any:
    """With silence in the place of `pcm:N`, N ms of it at 24 kHz."""
    if isinstance(value, dict):
        return {name: _filled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each) for each in value]
    if isinstance(value, str) and (found := _SILENCE.fullmatch(value)):
        return base64.b64encode(bytes(int(found[1]) * BYTES_PER_MS)).decode()
    return value


class Sequence:
    """What client and service sent each other, in order."""

    def __init__(self, path: Path) -> None:
        head, *steps = (json.loads(line) for line in path.read_text().splitlines())
        self.about: dict[str, Any] = head["about"]
        self.steps: list[tuple[str, dict[str, Any]]] = [(each["from"], _filled(each["message"])) for each in steps]

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(self.steps)

    def of(self, sender: str) -> list[dict[str, Any]]:
        return [message for each, message in self.steps if each == sender]


class Told:
    """The events of a bridge, sorted."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.marks: list[str] = []
        """Names of the events in order, without audio and without pieces of transcripts."""
        self.audio_ms: dict[str, float] = defaultdict(float)
        self.pieces: dict[str, str] = defaultdict(str)
        self.finals: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.calls: list[ToolCall] = []
        self.usage: list[Usage] = []
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Audio():
                self.audio_ms[event.item] += len(event.data) / BYTES_PER_MS
                return
            case AgentTranscript(final=False) | CallerTranscript(final=False):
                assert event.item not in self.finals
                self.pieces[event.item] += event.text
                return
            case AgentTranscript() | CallerTranscript():
                assert event.item not in self.finals
                self.finals[event.item] = event.text
            case Fault():
                self.faults.append(event)
            case ToolCall():
                self.calls.append(event)
            case Usage():
                self.usage.append(event)
        self.marks.append(type(event).__name__)


@pytest.fixture
def sequence() -> Callable[[str], Sequence]:
    return lambda name: Sequence(VECTORS / f"{name}.jsonl")


@pytest.fixture
def told() -> Callable[[Iterable[Event]], Told]:
    return Told


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `any_sequence` runs with each of them."""
    if "any_sequence" in metafunc.fixturenames:
        paths = sorted(VECTORS.glob("*.jsonl"))
        metafunc.parametrize("any_sequence", [Sequence(each) for each in paths], ids=[each.stem for each in paths])
