"""xAI's wording of the protocol: a few things in other places, a few things more, and a few things less."""

from collections.abc import Iterable
from typing import Any, Final

from mediaproviders.emulators.openai.dialects import Fields, Places, from_top, parameter, to_top
from mediaproviders.emulators.openai.refusal import Refusal, invalid_value, missing
from mediaproviders.emulators.openai.xai_shapes import SHAPE

FORCE_MESSAGE: Final = "force_message"
PLACES: Final[Places] = (
    ("turn_detection", ("audio", "input", "turn_detection")),
    ("voice", ("audio", "output", "voice")),
)
KEYTERMS: Final = (100, 50)
"""How many, and how long each."""
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription"
_OPENAI_ONLY: Final = (
    "object", "model", "output_modalities", "tool_choice", "max_output_tokens", "tracing", "truncation", "prompt",
    "include",
)  # fmt: skip
_NEEDED: Final = {
    "message": ("role", "content"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    FORCE_MESSAGE: ("role", "content"),
}
_PARTS: Final = {"text": "output_text", "audio": "output_audio"}


class XAIDialect:
    """Voice and turn detection at the top, cumulative transcripts, errors without codes, usage wherever it likes."""

    audio_delta = "response.output_audio.delta"

    def __init__(self) -> None:
        self._transcribes_cumulatively = False
        self._so_far: dict[str, str] = {}
        self._responses = 0

    def hear(self, event: Fields) -> Fields:
        """In GA shape; what only OpenAI knows is an unknown parameter here."""
        if "type" not in event:
            raise missing("type")
        SHAPE(event, "")
        match event["type"]:
            case "session.update":
                return {**event, "session": self._current_session(event["session"])}
            case "response.create" if "response" in event:
                response = dict(event["response"])
                if "modalities" in response:
                    text = response.pop("modalities") == ["text"]
                    response["output_modalities"] = ["text"] if text else ["audio"]
                return {**event, "response": response}
            case "conversation.item.create":
                return {**event, "item": _current_item(event["item"])}
        return event

    def say(self, kind: str, fields: Fields) -> Iterable[tuple[str, Fields]]:
        """As xAI says it."""
        match kind:
            case "session.created":
                conversation = {"id": f"conv_{fields['session']['id']}", "object": "realtime.conversation"}
                yield "conversation.created", {"conversation": conversation}
                yield kind, {"session": _own_session(fields["session"])}
            case "session.updated":
                yield kind, {"session": _own_session(fields["session"])}
            case "conversation.item.done":
                pass
            case "input_audio_buffer.speech_started" | "input_audio_buffer.speech_stopped":
                yield kind, {"item_id": fields["item_id"]}
            case "response.function_call_arguments.done":
                yield kind, {name: fields[name] for name in ("call_id", "name", "arguments")}
            case "response.created" | "response.done":
                yield self._response(kind, fields["response"])
            case "error":
                # No codes to go by: one has to read the message.
                yield kind, {"error": {**fields["error"], "code": None, "param": None}}
            case _ if kind.startswith(_TRANSCRIPTION):
                yield from self._transcript(kind, fields)
            case _ if kind.startswith("response.output_text.") and self._responses % 2:
                yield kind.replace("output_text", "text"), fields
            case _:
                yield kind, fields

    def parameter(self, path: str | None) -> str | None:
        """With what lies at the top here."""
        return parameter(path, PLACES)

    def _current_session(self, given: Fields) -> Fields:
        session = {"type": "realtime", **from_top(given, PLACES)}
        heard = session.get("audio", {}).get("input", {})
        detection = heard.get("turn_detection")
        if detection is not None:
            off = detection.get("type", "server_vad") is None
            heard["turn_detection"] = None if off else {"type": "server_vad", **detection}
        if "transcription" in heard:
            self._transcribes_cumulatively = "model" in (heard["transcription"] or {})
        terms = (heard.get("transcription") or {}).get("keyterms", [])
        if len(terms) > KEYTERMS[0] or any(len(each) > KEYTERMS[1] for each in terms):
            raise invalid_value(
                "session.audio.input.transcription.keyterms", "At most 100 keyterms of at most 50 characters."
            )
        return session

    def _response(self, kind: str, response: Fields) -> tuple[str, Fields]:
        if kind == "response.created":
            self._responses += 1
        own = {name: response[name] for name in ("object", "id", "status", "output")}
        own["status_details"] = response["status_details"] or "unimplemented"
        if response.get("metadata") is not None:
            own["metadata"] = response["metadata"]
        if kind == "response.created":
            return kind, {"response": own}
        # Sometimes nothing is said of the usage, and sometimes it stands beside the response.
        if self._responses % 2:
            return kind, {"response": {**own, "usage": {}}}
        return kind, {"response": own, "usage": response["usage"]}

    def _transcript(self, kind: str, fields: Fields) -> Iterable[tuple[str, Fields]]:
        if not kind.endswith(".delta"):
            last = {"status": "completed"} if kind.endswith(".completed") and self._transcribes_cumulatively else {}
            yield kind, {name: value for name, value in fields.items() if name != "usage"} | last
        elif self._transcribes_cumulatively:
            item = fields["item_id"]
            text = self._so_far[item] = self._so_far.get(item, "") + fields["delta"]
            yield f"{_TRANSCRIPTION}.updated", {"item_id": item, "transcript": text}
            # Each guess is called complete as well; only its status tells it from the last.
            yield f"{_TRANSCRIPTION}.completed", {"item_id": item, "transcript": text, "status": "in_progress"}


def _current_item(item: Fields) -> Fields:
    for name in _NEEDED[item["type"]]:
        if name not in item:
            raise missing(f"item.{name}")
    if item["type"] == FORCE_MESSAGE:
        if item["role"] != "assistant":
            raise invalid_value("item.role", "A force_message is the assistant's.")
        if not any(part.get("text") for part in item["content"]):
            raise missing("item.content[0].text")
        return item
    if "interruptible" in item or "voice" in item:
        raise Refusal("unknown_parameter", "Only a force_message is interruptible or has a voice.", "item")
    if item["type"] != "message" or item["role"] != "assistant":
        return item
    parts = [{**part, "type": _PARTS.get(part.get("type", "text"), part.get("type"))} for part in item["content"]]
    return {**item, "content": parts}


def _own_session(session: Fields) -> Fields:
    made: dict[str, Any] = to_top(session, PLACES)
    for name in _OPENAI_ONLY:
        made.pop(name, None)
    made["audio"]["input"].pop("noise_reduction", None)
    return made
