"""What is promised, cell by cell."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from mediaproviders.catalog import Model, find
from mediaserver.agents.checks import examine

type Mode = Literal["on", "off", "chat"]

MODES: Final[tuple[Mode, ...]] = ("on", "off", "chat")
MODEL_NAMES: Final = (
    "gpt-realtime",
    "gpt-realtime-mini",
    "gpt-4o-realtime",
    "gpt-4o-mini-realtime",
    "azure/gpt-realtime",
    "azure/gpt-realtime-mini",
    "azure/gpt-4o-realtime",
    "azure/gpt-4o-mini-realtime",
    "nova-sonic",
    "nova-2-sonic",
    "gemini-2.5-flash-native-audio",
    "grok-voice",
    "chat/gpt-4.1-mini",
)
"""The realtime models of five providers, and an ordinary text model."""
CALL: Final = ("greeting", "question", "tool", "barge-in", "goodbye")
"""What a call has to show."""
CHAT: Final = ("greeting", "question", "tool", "goodbye")
GREETING: Final = "Good morning, this is the practice."


@dataclass(frozen=True, slots=True)
class Cell:
    """One model in one way of using it."""

    model: str
    mode: Mode

    @property
    def known(self) -> Model:
        """What the catalogue says of the model."""
        return find(self.model)

    @property
    def agent(self) -> str:
        """The name of its agent."""
        in_text = self.mode == "off" or not self.known.streaming
        return self.model.replace("/", "-") + ("-text" if in_text else "")

    @property
    def works(self) -> bool:
        """It is promised to work; otherwise it is promised to be refused, with the reason."""
        return {"on": self.known.streaming, "off": self.known.text, "chat": True}[self.mode]

    @property
    def promises(self) -> tuple[str, ...]:
        """What it has to show."""
        if not self.works:
            return ("refused",)
        return CHAT if self.mode == "chat" else CALL


CELLS: Final = tuple(Cell(model, mode) for model in MODEL_NAMES for mode in MODES)


def definition(cell: Cell, speech: dict[str, Any]) -> dict[str, Any]:
    """The agent of a cell, as an administrator writes it. `speech`: access to the speech services."""
    agent: dict[str, Any] = {
        "name": cell.agent,
        "model": cell.model,
        "prompt": "You are the receptionist of a practice. It is {date}.",
        "welcome": GREETING,
        "max_output_tokens": 2000,
        "tools": ["matrix.tools:opening_hours", "end_call"],
    }
    if cell.mode == "on":
        agent["voice_streaming"] = True
    if cell.mode == "off" or (cell.mode == "chat" and not cell.known.streaming):
        agent["voice_streaming"] = False
        agent["speech_to_text"] = {"service": "openai", **speech}
        agent["text_to_speech"] = {"service": "openai", "voice": "alloy", **speech}
    return agent


def refusal(cell: Cell) -> str | None:
    """With which words the agent of a cell is refused when it is saved; None: it is not."""
    _, found = examine(definition(cell, {}))
    return next((str(fault) for fault in found.faults if fault.field == "voice_streaming"), None)
