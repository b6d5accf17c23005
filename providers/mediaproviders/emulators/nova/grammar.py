"""The order of a client's events: what may follow what, and what each content block may hold."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mediaproviders.emulators.nova import shapes
from mediaproviders.emulators.nova.shapes import Violation

MOST_TEXT_BYTES: Final = 1024
"""Of one `textInput` of the history, and of an interactive one."""
MOST_HISTORY_BYTES: Final = 40 * 1024
MOST_MESSAGES: Final = 40
_CONFIGURATION: Final = {
    "TEXT": "textInputConfiguration",
    "AUDIO": "audioInputConfiguration",
    "TOOL": "toolResultInputConfiguration",
}

type Stage = Literal["closed", "session", "prompt", "ended", "over"]


@dataclass(slots=True)
class Content:
    """A content block of the client's."""

    name: str
    kind: str
    role: str
    interactive: bool
    call: str | None = None
    """The tool use it answers."""
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its text inputs joined, or its tool result."""
        return "".join(self.parts)


class Grammar:
    """Follows a client through a stream. Everything raises Violation for what may not come now."""

    def __init__(self, generation: int, waits: Callable[[str], bool]) -> None:
        self._generation = generation
        self._waits = waits
        self._names: set[str] = set()
        self._open: Content | None = None
        self._audio: str | None = None
        self._audio_begun = False
        self._told: list[Content] = []
        self.prompt = ""
        self.stage: Stage = "closed"
        self.system: str | None = None
        """The system prompt."""

    @property
    def listening(self) -> bool:
        """Audio may come."""
        return self._audio is not None

    def audio_fits(self, prompt: object, name: object) -> None:
        """Audio of this content may come now."""
        if self._open is not None:
            raise Violation(f"Invalid input request: audioInput while content '{self._open.name}' is open.")
        if self._audio is None or name != self._audio or prompt != self.prompt:
            raise Violation(f"Invalid input request: audioInput for '{name}', which is not open.")

    def follow(self, kind: str, fields: dict[str, Any]) -> Content | None:
        """Take an event of any kind but audio. Returns the content block it completes."""
        if self.stage == "over":
            raise Violation("Invalid input request: nothing may follow sessionEnd.")
        shapes.check(kind, fields)
        if kind not in ("sessionStart", "promptStart", "sessionEnd") and fields.get("promptName") != self.prompt:
            raise Violation(f"Invalid input request: no prompt '{fields.get('promptName')}' is open.")
        handler: Callable[[dict[str, Any]], Content | None] = getattr(self, f"_on_{kind}")
        return handler(fields)

    def _on_sessionStart(self, fields: dict[str, Any]) -> None:  # noqa: N802 - named after the event
        self._expect("closed", "sessionStart")
        if self._generation == 1 and "turnDetectionConfiguration" in fields:
            raise Violation("Invalid input request: 'sessionStart.turnDetectionConfiguration' is unknown.")
        self.stage = "session"

    def _on_promptStart(self, fields: dict[str, Any]) -> None:  # noqa: N802
        self._expect("session", "promptStart")
        voice = fields["audioOutputConfiguration"]["voiceId"]
        if voice not in shapes.VOICES[self._generation]:
            raise Violation(f"Invalid input request: voice '{voice}' is not supported.")
        choice = fields.get("toolConfiguration", {}).get("toolChoice", {})
        names = {each["toolSpec"]["name"] for each in fields.get("toolConfiguration", {}).get("tools", ())}
        if "tool" in choice and choice["tool"]["name"] not in names:
            raise Violation("Invalid input request: toolChoice names a tool that is not declared.")
        self.prompt, self.stage = fields["promptName"], "prompt"

    def _on_contentStart(self, fields: dict[str, Any]) -> None:  # noqa: N802
        self._expect("prompt", "contentStart")
        content = Content(fields["contentName"], fields["type"], fields["role"], fields["interactive"])
        if self._open is not None:
            raise Violation(f"Invalid input request: contentStart while content '{self._open.name}' is open.")
        if content.name in self._names:
            raise Violation(f"Duplicate content name: '{content.name}' was used before.")
        wanted = _CONFIGURATION[content.kind]
        if wanted not in fields or any(other in fields for other in _CONFIGURATION.values() if other != wanted):
            raise Violation(f"Invalid input request: content of type {content.kind} needs {wanted} alone.")
        if self.system is None and content.role != "SYSTEM":
            raise Violation("Invalid input request: the first content has to be the system prompt.")
        {"TEXT": self._text_begins, "AUDIO": self._audio_begins, "TOOL": self._tool_begins}[content.kind](
            content, fields
        )
        self._names.add(content.name)

    def _text_begins(self, content: Content, fields: dict[str, Any]) -> None:
        if content.role == "SYSTEM" and (self.system is not None or content.interactive):
            raise Violation("Invalid input request: one system prompt, not interactive, comes first.")
        if content.role == "TOOL":
            raise Violation("Invalid input request: role TOOL needs type TOOL.")
        if content.interactive:
            if content.role != "USER" or not self._audio_begun:
                raise Violation("Invalid input request: interactive text is the user's, and after audio has begun.")
        elif self._audio_begun:
            raise Violation("Chat history should be sent completely before streaming audio.")
        elif content.role != "SYSTEM":
            last = self._told[-1].role if self._told else "ASSISTANT"
            if content.role == last:
                raise Violation("Invalid input request: history begins with the user, and roles alternate.")
            if len(self._told) >= MOST_MESSAGES:
                raise Violation(f"Invalid input request: history of more than {MOST_MESSAGES} messages.")
        self._open = content

    def _audio_begins(self, content: Content, fields: dict[str, Any]) -> None:
        if self._audio_begun or content.role != "USER" or not content.interactive:
            raise Violation("Invalid input request: one audio content, of the user's and interactive, in a prompt.")
        self._audio, self._audio_begun = content.name, True

    def _tool_begins(self, content: Content, fields: dict[str, Any]) -> None:
        content.call = fields["toolResultInputConfiguration"]["toolUseId"]
        if content.role != "TOOL" or content.interactive:
            raise Violation("Invalid input request: a tool result has the role TOOL and is not interactive.")
        if not self._waits(content.call):
            raise Violation(f"Invalid input request: no tool use '{content.call}' waits for a result.")
        self._open = content

    def _on_textInput(self, fields: dict[str, Any]) -> None:  # noqa: N802
        content = self._opened(fields, "TEXT")
        size = len(fields["content"].encode())
        if content.role != "SYSTEM" and size > MOST_TEXT_BYTES:
            raise Violation(f"Invalid input request: a textInput of {size} bytes; {MOST_TEXT_BYTES} are allowed.")
        content.parts.append(fields["content"])
        told = sum(len(each.text.encode()) for each in (*self._told, content))
        if not content.interactive and content.role != "SYSTEM" and told > MOST_HISTORY_BYTES:
            raise Violation(f"Invalid input request: a history of more than {MOST_HISTORY_BYTES} bytes.")

    def _on_audioInput(self, fields: dict[str, Any]) -> None:  # noqa: N802
        self.audio_fits(fields["promptName"], fields["contentName"])

    def _on_toolResult(self, fields: dict[str, Any]) -> None:  # noqa: N802
        content = self._opened(fields, "TOOL")
        if content.parts:
            raise Violation("Invalid input request: one toolResult in a content.")
        if not shapes.is_json_object(fields["content"]):
            raise Violation("Tool Response parsing error: the content of a toolResult has to be a JSON object.")
        content.parts.append(fields["content"])

    def _on_contentEnd(self, fields: dict[str, Any]) -> Content | None:  # noqa: N802
        name = fields["contentName"]
        if self._open is None and name == self._audio:
            self._audio = None
            return None
        content = self._open
        if content is None or content.name != name:
            raise Violation(f"Invalid input request: contentEnd for '{name}', which is not open.")
        if not content.parts:
            raise Violation(f"Invalid input request: content '{name}' is empty.")
        self._open = None
        if content.role == "SYSTEM":
            self.system = content.text
        elif content.kind == "TEXT" and not content.interactive:
            self._told.append(content)
        return content

    def _on_promptEnd(self, fields: dict[str, Any]) -> None:  # noqa: N802
        self._expect("prompt", "promptEnd")
        if self._open is not None or self._audio is not None:
            raise Violation("Invalid input request: promptEnd while a content is open.")
        if not self._audio_begun:
            raise Violation("Invalid input request: a prompt without audio content.")
        self.stage = "ended"

    def _on_sessionEnd(self, fields: dict[str, Any]) -> None:  # noqa: N802
        self._expect("ended", "sessionEnd")
        self.stage = "over"

    def _expect(self, stage: Stage, kind: str) -> None:
        if self.stage != stage:
            raise Violation(f"Invalid input request: {kind} is not expected now.")

    def _opened(self, fields: dict[str, Any], kind: str) -> Content:
        content = self._open
        if content is None or content.name != fields["contentName"] or content.kind != kind:
            raise Violation(f"Invalid input request: content '{fields['contentName']}' of type {kind} is not open.")
        return content
