"""What emulated services were told of a conversation when a session was opened."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mediaproviders.emulators.timeline import Timeline

_OPENING: Final = ("(The caller is on the line.)", "(The call begins.)")
"""What stands before an agent that spoke first, where the caller has to be the first."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said."""

    speaker: str
    text: str


def told(kind: str, session: Timeline) -> list[Said]:
    """What a session of this kind of service knew before its first own answer."""
    events = [event for _, event in session.client_events]
    by_kind = {"gemini": _gemini, "nova": _nova}
    return [said for said in by_kind.get(kind, _openai)(events) if said.text not in _OPENING]


def _openai(events: Sequence[dict[str, Any]]) -> list[Said]:
    opening = itertools.takewhile(lambda event: event["type"] != "response.create", events)
    items = [event["item"] for event in opening if event["type"] == "conversation.item.create"]
    speakers = {"user": "caller", "assistant": "agent"}
    return [Said(speakers[item["role"]], item["content"][0]["text"]) for item in items]


def _gemini(events: Sequence[dict[str, Any]]) -> list[Said]:
    instructions = events[0]["setup"]["systemInstruction"]["parts"][0]["text"]
    written = re.findall(r"^(Caller|You): (.*)$", instructions, re.MULTILINE)
    told = [Said({"Caller": "caller", "You": "agent"}[who], words) for who, words in written]
    contents = [event["clientContent"] for event in events if "clientContent" in event]
    turns = [turn for content in contents if not content.get("turnComplete") for turn in content["turns"]]
    speakers = {"user": "caller", "model": "agent"}
    return told + [Said(speakers[turn["role"]], turn["parts"][0]["text"]) for turn in turns]


def _nova(events: Sequence[dict[str, Any]]) -> list[Said]:
    starts = [event["contentStart"] for event in events if "contentStart" in event]
    roles = {start["contentName"]: start["role"] for start in starts if not start["interactive"]}
    texts = [event["textInput"] for event in events if "textInput" in event]
    speakers = {"USER": "caller", "ASSISTANT": "agent"}
    return [
        Said(speakers[role], text["content"]) for text in texts if (role := roles.get(text["contentName"])) in speakers
    ]
