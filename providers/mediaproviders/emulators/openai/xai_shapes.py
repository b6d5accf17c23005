"""The client events of xAI's voice interface. There is no SDK to take their types from."""

from typing import Any, Final, Literal, Required, TypedDict

from mediaproviders.emulators.openai.shapes import Check, check_of


class Format(TypedDict, total=False):
    """How audio bytes are to be read."""

    type: Required[Literal["audio/pcm", "audio/pcmu", "audio/pcma"]]
    rate: int


class Transcription(TypedDict, total=False):
    """How the caller is written down."""

    model: str
    language_hint: str
    keyterms: list[str]


class AudioInput(TypedDict, total=False):
    """The caller's audio."""

    format: Format
    transcription: Transcription | None
    transport: Literal["json"]


class AudioOutput(TypedDict, total=False):
    """The model's audio."""

    format: Format
    speed: float
    transport: Literal["json"]


class Audio(TypedDict, total=False):
    """Both."""

    input: AudioInput
    output: AudioOutput


class TurnDetection(TypedDict, total=False):
    """How turns are found; a type of null: not at all."""

    type: Literal["server_vad"] | None
    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    idle_timeout_ms: int | None
    create_response: bool
    interrupt_response: bool


class Reasoning(TypedDict, total=False):
    """Whether it thinks first."""

    effort: Literal["high", "none"]


class Tool(TypedDict, total=False):
    """A function of the client's, or one of the service's own tools."""

    type: Required[Literal["function", "web_search", "x_search", "file_search", "mcp"]]
    name: str
    description: str
    parameters: dict[str, Any]


class Resumption(TypedDict, total=False):
    """Whether the conversation can be taken up again."""

    enabled: bool


class SessionFields(TypedDict, total=False):
    """The session."""

    type: Literal["realtime"]
    instructions: str
    voice: str
    turn_detection: TurnDetection | None
    audio: Audio
    tools: list[Tool]
    reasoning: Reasoning
    replace: dict[str, str]
    resumption: Resumption


class Part(TypedDict, total=False):
    """A part of a message."""

    type: Literal["input_text", "output_text", "text", "input_audio", "output_audio", "audio"]
    text: str
    audio: str
    transcript: str


class Item(TypedDict, total=False):
    """An item of the conversation."""

    type: Required[Literal["message", "function_call", "function_call_output", "force_message"]]
    id: str
    object: Literal["realtime.item"]
    status: Literal["completed", "in_progress", "incomplete"]
    role: Literal["user", "assistant", "system"]
    content: list[Part]
    call_id: str
    name: str
    arguments: str
    output: str
    interruptible: bool
    voice: str


class ResponseFields(TypedDict, total=False):
    """What a response is to be."""

    modalities: list[Literal["text", "audio"]]
    instructions: str
    metadata: dict[str, str]


class SessionUpdate(TypedDict, total=False):
    """Configure the session."""

    type: Required[Literal["session.update"]]
    event_id: str
    session: Required[SessionFields]


class Append(TypedDict, total=False):
    """Audio of the caller's."""

    type: Required[Literal["input_audio_buffer.append"]]
    event_id: str
    audio: Required[str]


class BufferCommand(TypedDict, total=False):
    """Close the turn, or forget it."""

    type: Required[Literal["input_audio_buffer.commit", "input_audio_buffer.clear"]]
    event_id: str


class ItemCreate(TypedDict, total=False):
    """Add to the conversation."""

    type: Required[Literal["conversation.item.create"]]
    event_id: str
    previous_item_id: str | None
    item: Required[Item]


class ItemDelete(TypedDict, total=False):
    """Take from the conversation."""

    type: Required[Literal["conversation.item.delete"]]
    event_id: str
    item_id: Required[str]


class ItemTruncate(TypedDict, total=False):
    """Cut to what was heard."""

    type: Required[Literal["conversation.item.truncate"]]
    event_id: str
    item_id: Required[str]
    content_index: Required[int]
    audio_end_ms: Required[int]


class ResponseCreate(TypedDict, total=False):
    """Answer."""

    type: Required[Literal["response.create"]]
    event_id: str
    response: ResponseFields


class ResponseCancel(TypedDict, total=False):
    """Stop answering."""

    type: Required[Literal["response.cancel"]]
    event_id: str
    response_id: str


SHAPE: Final[Check] = check_of(
    SessionUpdate | Append | BufferCommand | ItemCreate | ItemDelete | ItemTruncate | ResponseCreate | ResponseCancel
)
