"""What the server and a speech-to-speech provider agree on.

A provider is an adapter of one wire protocol. The server gives it a :class:`Brief`, feeds it the caller's audio and
takes events from it; what a provider can and cannot do is data (:class:`Traits`), never a type check.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

type Encoding = Literal["pcmu", "pcma", "pcm16"]
type Interruption = Literal["provider", "local"]
type Modality = Literal["audio", "text"]
"""What the model answers in. In `text` a session has no audio either way: texts in, transcripts out."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How audio bytes are to be read: G.711 at 8 kHz, or little-endian 16-bit mono PCM at `rate` Hz."""

    encoding: Encoding
    rate: int

    @property
    def bytes_per_ms(self) -> int:
        """Bytes of one millisecond; whole for every rate in use."""
        return self.rate // 1000 * (2 if self.encoding == "pcm16" else 1)


PCMU = AudioFormat("pcmu", 8000)
PCMA = AudioFormat("pcma", 8000)
PCM16_8K = AudioFormat("pcm16", 8000)
PCM16_16K = AudioFormat("pcm16", 16000)
PCM16_24K = AudioFormat("pcm16", 24000)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a provider can do."""

    input_formats: tuple[AudioFormat, ...]
    """Formats it hears, most wanted first; none: it does not hear."""
    output_formats: tuple[AudioFormat, ...]
    """Formats it speaks, most wanted first; none: it does not speak."""
    server_vad: bool
    """It ends turns by its own speech detector."""
    hears_speech_start: bool
    """It reports the start of speech as an event of its own."""
    can_truncate: bool
    """Its history can be cut to what the caller heard."""
    can_cancel: bool
    """A response can be stopped by us."""
    reversible_interrupt: bool
    """It can be kept talking through a cough: `interruption = local` is possible."""
    text_output: bool
    """It can be run in the text modality."""
    can_update_instructions: bool
    can_update_tools: bool
    max_connection_s: float | None
    """Its limit on the length of one connection; None when it has none."""
    resume: Literal["replay", "handle", "none"]
    """How a new connection learns what was said before."""
    greeting: Literal["response", "seed", "none"]
    """How it can be made to speak first."""
    uplink_ms: int
    """Milliseconds of caller audio in one message to it."""
    text_input: bool = True
    """It answers what is typed; False: only what it hears."""
    announces_end: bool = False
    """It may say before its limit when it will end a session; see `Conversation.ending_at`."""
    late_history: bool = True
    """What was said before can be told by `remember`; False: it only heeds for sure what its brief tells."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function the model may call. `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said in a conversation, as replayed to a new session. Agent text is what was *heard*."""

    speaker: Literal["caller", "agent", "system"]
    text: str


@dataclass(frozen=True, slots=True)
class Used:
    """A tool the model used, as replayed to a new session. `output` is None when it was never answered."""

    call: str
    name: str
    arguments: str
    output: str | None = None


type Told = Said | Used


@dataclass(frozen=True, slots=True)
class Brief:
    """What one session of a model is to be: the agent, and the leg's audio."""

    model: str
    instructions: str
    input_format: AudioFormat
    """Without meaning in the text modality, like `output_format`."""
    output_format: AudioFormat
    voice: str | None = None
    greeting: str | None = None
    """What to open with. None: the caller speaks first."""
    tools: tuple[ToolSpec, ...] = ()
    interruption: Interruption = "provider"
    max_output_tokens: int | None = None
    temperature: float | None = None
    """Where the model takes one; an adapter of a model that does not leaves it out."""
    modality: Modality = "audio"
    history: tuple[Told, ...] = ()
    """What was said before; entering the session tells it, as `Conversation.remember` would."""
    advanced: Mapping[str, object] = field(default_factory=dict)
    """Provider settings of the agent, already validated (`openai_realtime`, …)."""


# --- events, from the provider -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Audio:
    """Audio of `item` in the brief's output format. Comes in bursts, faster than real time."""

    item: str
    response: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioDone:
    """No more audio of `item` will come."""

    item: str
    response: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The provider's detector hears the caller begin."""

    item: str
    audio_start_ms: int | None


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The provider's detector hears the caller end."""

    item: str
    audio_end_ms: int | None


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The caller's turn is closed and part of the history; under `local` the server now asks for a response."""

    item: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The provider stopped its own response; what is queued for playout is void."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The model began an answer."""

    response: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The model ended an answer."""

    response: str
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CallerTranscript:
    """What the caller said. `final` text replaces all that came before it for `item`."""

    item: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class AgentTranscript:
    """What the model generated for `item`: a piece (`final` false) or the whole."""

    item: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool run. `arguments` is a JSON object as text."""

    call: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response, as billed."""

    input_tokens: int
    output_tokens: int
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """An error the session survived. It is for the log and the counters."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection was lost and replaced; the new one has configuration and history. Items in flight are void."""

    reason: str


@dataclass(frozen=True, slots=True)
class RolledOver:
    """The session was replaced by the next, ahead of its end; nothing is void. It is for the log and the counters."""


@dataclass(frozen=True, slots=True)
class TookOver:
    """Another model speaks for the agent from here on. What became of its items is told apart, as by `Reconnected`."""

    model: str
    """Its name."""
    instead_of: str
    """The name of the model before."""


type Event = (
    Audio
    | AudioDone
    | SpeechStarted
    | SpeechStopped
    | TurnCommitted
    | Interrupted
    | ResponseStarted
    | ResponseDone
    | CallerTranscript
    | AgentTranscript
    | ToolCall
    | Usage
    | Fault
    | Reconnected
    | RolledOver
    | TookOver
)


class ProviderError(Exception):
    """The provider could not be used, or can be used no longer. `retryable` says whether trying again may help."""

    def __init__(self, message: str, *, code: str, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class Conversation(Protocol):
    """One open session. Commands are synchronous, keep their order, and never wait for a socket."""

    def send_audio(self, data: bytes) -> None:
        """Caller audio in the brief's input format, any length. Beyond the bound the oldest unsent audio is dropped."""

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped so far because the provider did not read, in ms."""

    @property
    def ending_at(self) -> float | None:
        """When the provider will end it, in seconds of the loop's clock; None: it has not said so, or at its limit."""

    def remember(self, told: Sequence[Told]) -> None:
        """Tell a session what was said before it was opened. Once at most, and before any other command.

        Nothing of it is answered: the next word is the caller's, or asked for by :meth:`create_response`.
        """

    def greet(self) -> None:
        """Have the brief's greeting spoken; nothing if it has none."""

    def create_response(self) -> None:
        """Ask for an answer now (`interruption = local`, or after tool results)."""

    def cancel(self) -> None:
        """Stop the response in progress, if there is one. Its late audio is not reported."""

    def truncate(self, item: str, heard_ms: int) -> None:
        """Tell the model that the caller heard only the first `heard_ms` of `item`; nothing if it cannot be told."""

    def amend(self, item: str, text: str) -> None:
        """Text modality: replace what the model remembers of its `item` by `text`, what was heard of it."""

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a :class:`ToolCall`; the model goes on by itself once all calls of a response are answered."""

    def send_text(self, text: str) -> None:
        """Put a message into the conversation as the caller's, and have it answered (typed input, digits)."""

    def instruct(self, text: str) -> None:
        """Have the model act now on something the caller did not say ("say goodbye"); the caller does not see it."""

    def renew(self, reason: str) -> bool:
        """The server waited for this session in vain: have it replaced. False: there is nothing to replace it with."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """Events until the session ends. Raises ProviderError when it ends for a reason other than our leaving."""


class Provider(Protocol):
    """An adapter of one wire protocol."""

    @property
    def traits(self) -> Traits:
        """What it can do."""

    async def start(self) -> None:
        """Load what takes long, so that the first caller does not wait for it. Raises ProviderError."""

    async def close(self) -> None:
        """Release what `start` or the sessions hold; safe without either."""

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[Conversation]:
        """Open a session; entering completes when it is configured and ready to speak. Raises ProviderError."""
