"""Speech services: which settings each takes, and how its adapter is called."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Adapter(Enum):
    """What a speech service is wanted for, by the agent's field."""

    SPEECH_TO_TEXT = "speech_to_text"
    TEXT_TO_SPEECH = "text_to_speech"


_HEARS: Final = frozenset({"model", "language", "prompt"})
_SPEAKS: Final = frozenset({"model", "voice", "instructions", "speed"})

TAKES: Final[Mapping[tuple[Adapter, str], frozenset[str]]] = {
    (Adapter.SPEECH_TO_TEXT, "openai"): _HEARS,
    (Adapter.SPEECH_TO_TEXT, "azure"): _HEARS,
    (Adapter.SPEECH_TO_TEXT, "amazon"): frozenset({"language"}),
    (Adapter.SPEECH_TO_TEXT, "google"): frozenset({"model", "language"}),
    (Adapter.SPEECH_TO_TEXT, "local"): frozenset(),
    (Adapter.TEXT_TO_SPEECH, "openai"): _SPEAKS,
    (Adapter.TEXT_TO_SPEECH, "azure"): _SPEAKS,
    (Adapter.TEXT_TO_SPEECH, "amazon"): frozenset({"voice", "language", "engine"}),
    (Adapter.TEXT_TO_SPEECH, "google"): frozenset({"voice", "language", "speed"}),
    (Adapter.TEXT_TO_SPEECH, "local"): frozenset({"voice"}),
}
"""What may be set of each besides `service` and `access`."""
