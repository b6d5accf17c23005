"""The items of a conversation, and what may be done to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mediaproviders.emulators.openai.refusal import Refusal, invalid_value

ROOT = "root"
TEXT_PER_TOKEN = 4
USER_MS_PER_TOKEN = 100
ASSISTANT_MS_PER_TOKEN = 50


def tokens_of_text(text: str) -> int:
    """About four characters make a token."""
    return -(-len(text) // TEXT_PER_TOKEN)


@dataclass(slots=True)
class Item:
    """One item: its JSON without audio, and how much audio belongs to it."""

    body: dict[str, Any]
    audio_ms: float = 0.0
    """Heard of a user's item; sent of an assistant's, or less once truncated."""
    has_audio: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.body["id"])

    @property
    def is_assistant(self) -> bool:
        """Whether it is a message of the assistant."""
        return bool(self.body["type"] == "message" and self.body["role"] == "assistant")

    def audio_tokens(self) -> int:
        """Tokens of its audio: one per 100 ms heard, one per 50 ms spoken."""
        return int(-(-self.audio_ms // (ASSISTANT_MS_PER_TOKEN if self.is_assistant else USER_MS_PER_TOKEN)))

    def text_tokens(self) -> int:
        """Tokens of its text; a transcript of audio the model heard itself counts nothing."""
        if self.body["type"] != "message":
            return tokens_of_text(str(self.body.get("arguments", "")) + str(self.body.get("output", "")))
        parts = self.body["content"]
        spoken = "transcript" if self.is_assistant else "text"
        return sum(tokens_of_text(str(part.get("text") or part.get(spoken) or "")) for part in parts)


class Conversation:
    """The ordered items of a session."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._items: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return (self._items[each] for each in self._order)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    @property
    def last_id(self) -> str | None:
        """The id of the latest item."""
        return self._order[-1] if self._order else None

    def add(self, item: Item) -> str | None:
        """Append an item; returns the id of its predecessor."""
        previous = self.last_id
        self._order.append(item.id)
        self._items[item.id] = item
        return previous

    def insert(self, item: Item, after: str | None) -> str | None:
        """Put a client's item after another (`root`: first; None: last); returns its predecessor. Raises Refusal."""
        if item.id in self._items:
            raise Refusal(
                "item_create_duplicate_item_id",
                f"Error adding item: the item with id '{item.id}' already exists.",
                "item.id",
            )
        if item.body["type"] == "function_call_output":
            self._check_call(item.body["call_id"])
        if after is None:
            return self.add(item)
        if after != ROOT and after not in self._items:
            raise Refusal(
                "item_create_invalid_previous_item_id",
                f"Error adding item: the previous item with id '{after}' does not exist.",
                "previous_item_id",
            )
        place = 0 if after == ROOT else self._order.index(after) + 1
        self._order.insert(place, item.id)
        self._items[item.id] = item
        return self._order[place - 1] if place else None

    def get(self, item_id: str, verb: str) -> Item:
        """The item a client names. Raises Refusal with the code of `verb` (`retrieve`, `delete`, `truncate`)."""
        item = self._items.get(item_id)
        if item is None:
            raise Refusal(
                f"item_{verb}_invalid_item_id",
                f"Error: cannot {verb} the item with id '{item_id}': it does not exist.",
                "item_id",
            )
        return item

    def delete(self, item_id: str) -> None:
        """Take an item out. Raises Refusal."""
        self.get(item_id, "delete")
        self._order.remove(item_id)
        del self._items[item_id]

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Cut an assistant's item to the first `audio_end_ms` of its audio; its transcript goes. Raises Refusal."""
        item = self.get(item_id, "truncate")
        if not item.is_assistant or not item.has_audio:
            raise invalid_value("item_id", "Only audio content of assistant messages can be truncated.")
        if audio_end_ms > item.audio_ms:
            raise invalid_value(
                "audio_end_ms", f"Audio content of {item.audio_ms:.0f}ms is already shorter than {audio_end_ms}ms"
            )
        item.audio_ms = audio_end_ms
        for part in item.body["content"]:
            part.pop("transcript", None)

    def pending_calls(self) -> list[str]:
        """Names of functions called and not yet answered."""
        answered = {each.body["call_id"] for each in self if each.body["type"] == "function_call_output"}
        calls = (each.body for each in self if each.body["type"] == "function_call")
        return [str(each["name"]) for each in calls if each["call_id"] not in answered]

    def tokens(self) -> tuple[int, int]:
        """Text and audio tokens of all items."""
        return sum(each.text_tokens() for each in self), sum(each.audio_tokens() for each in self)

    def _check_call(self, call_id: str) -> None:
        if not any(each.body["type"] == "function_call" and each.body.get("call_id") == call_id for each in self):
            raise Refusal(
                "invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.", "item.call_id"
            )
