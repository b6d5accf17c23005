"""One agent, as an administrator writes it: what is asked for, not yet how it is done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from mediaserver.agents.template import NAME
from mediaserver.talk.digits import Inband
from mediaserver.talk.echo import EchoGuarding
from mediaserver.talk.tools import BUILT_IN
from mediaserver.talk.transfer import TransferStyle, is_target

type Service = Literal["openai", "azure", "amazon", "google", "local"]

CALL_VARIABLES = (
    "caller", "caller_name", "callee", "call_id", "agent", "date", "time",
    "trunk", "user", "privacy", "diverted_from", "diversion_reason", "identity",
)  # fmt: skip
"""Always there: who calls (number and name), whom they called, the call's id, the agent's name, when the call began;
by which trunk or as which user it came, whether the caller wants to be withheld, whom the call was for at first and why
it was sent on, and how far the caller's identity is vouched for. {sip_…} are header fields of `sip.agent_headers`."""


def _tool(text: str) -> str:
    module, colon, function = text.partition(":")
    if text not in BUILT_IN and (not colon or not module or not function.isidentifier()):
        built_in = " or ".join(f'"{name}"' for name in BUILT_IN)
        raise ValueError(f'write "package.module:function", or the built-in {built_in}')
    return text


def _variable(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a variable's name is letters, digits and _, and does not begin with a digit")
    return name


def _number(text: str) -> str:
    if not is_target(text):
        raise ValueError("write a telephone number, as +4930123456, or a SIP URI")
    return text


def _named(value: object) -> object:
    """A model's name alone stands for the object with nothing else."""
    return {"model": value} if isinstance(value, str) else value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _worded(value: object) -> object:
    """YAML takes on and off that stand without quotes for booleans."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


type Tool = Annotated[str, AfterValidator(_tool)]
type Variable = Annotated[str, AfterValidator(_variable)]
type Number = Annotated[str, AfterValidator(_number)]
type HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.!%*_+`'~-]{1,64}$")]
type OptionalText = Annotated[str | None, BeforeValidator(_empty_is_none)]


class Part(BaseModel):
    """Some settings that belong together. A key nobody knows is a fault; values are never shown in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


class Access(Part):
    """How the agent reaches its provider with keys of its own. Only what its provider takes may be given.

    A secret is given as plain text, or better as where it is kept: "env:NAME", "file:/path",
    "aws-secretsmanager:name#json-key", or "sealed:…" (see `mediaserver agents seal`).
    """

    api_key: SecretStr | None = None
    """The provider's key."""
    base_url: str | None = Field(None, pattern=r"^(https?|wss?)://")
    """Another address than the public service's. It goes with a key of one's own."""
    endpoint: str | None = Field(None, pattern=r"^https?://")
    """Azure: the resource's address."""
    api_version: str | None = None
    """Azure: for deployments that are reached by the preview address; none: the current one."""
    token: SecretStr | None = None
    """Azure: an Entra token in place of a key."""
    vertexai: bool | None = None
    """Google: use Vertex AI, with the machine's Google credentials."""
    project: str | None = None
    """Google: project of Vertex AI."""
    location: str | None = None
    """Google: location of Vertex AI."""
    credentials_file: Path | None = None
    """Google's speech services: a service account's file."""
    region: str | None = None
    """Amazon: region."""
    access_key_id: SecretStr | None = None
    """Amazon: id of the access key."""
    secret_access_key: SecretStr | None = None
    """Amazon: the access key."""
    session_token: SecretStr | None = None
    """Amazon: of temporary keys."""
    profile: str | None = None
    """Amazon: profile of the machine's own AWS configuration."""

    def given(self) -> dict[str, object]:
        """What was written, secrets still covered."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class Speech(Part):
    """A speech service. Besides these it takes what the service takes: model, language, voice, …"""

    model_config = ConfigDict(extra="allow")

    service: Service
    """Whose: openai, azure, amazon, google, or local (offline)."""
    api_key: SecretStr | None = None
    """A key of the agent's own. None: the server's. Short for `access.api_key`."""
    access: Access | None = None
    """All else that reaching the service with keys of one's own may take."""

    @property
    def settings(self) -> dict[str, Any]:
        """What is given of the service's own settings."""
        return {name: value for name, value in (self.model_extra or {}).items() if value is not None}


class BargeIn(Part):
    """When a noise interrupts the agent, with `interruption: local`. All in ms of caller audio."""

    confirm_ms: int = Field(240, ge=40, le=2000)
    """Speech that confirms an interruption; a cough or "mhm" is shorter."""
    release_ms: int = Field(350, ge=40, le=5000)
    """Silence after which the agent speaks on at full volume."""
    contest_ms: int = Field(1200, ge=100, le=10_000)
    """The longest it may stay undecided."""


class Limits(Part):
    """What ends a call politely. None: nothing."""

    max_call_s: float | None = Field(None, gt=0, le=86_400)
    """Seconds from the answer."""
    max_cost: float | None = Field(None, gt=0)
    """US dollars of model time, by list price."""
    max_session_s: float | None = Field(None, ge=1, le=86_400)
    """Seconds after which a model's session is replaced by the next, unheard. None: shortly before its own limit."""


class Dtmf(Part):
    """What becomes of the keys the caller presses."""

    send: bool = False
    """The model is told of them, as the caller's message "DTMF-123"; the prompt says what they mean."""
    collect: bool = False
    """They are gathered, and told together. Off: each by itself."""
    inter_digit_timeout_ms: int = Field(2000, ge=100, le=60_000)
    """Milliseconds without another key after which the entry is complete."""
    max_digits: int = Field(5, ge=1, le=128)
    """Keys with which the entry is complete."""
    submit_digit: Annotated[str | None, BeforeValidator(_empty_is_none), Field(pattern=r"^[0-9*#A-D]$")] = "#"
    """The key that completes the entry, and is no part of it. Empty: none does."""
    barge_in: bool = False
    """A key interrupts the agent."""
    inband: Annotated[Inband, BeforeValidator(_worded)] = "off"
    """Keys are listened for in the audio: "off"; "auto", where the caller's side has no telephone events; "always"."""


class TransferCall(Part):
    """How "transfer_call" among the tools transfers the caller."""

    default_number: Number | None = None
    """Where to, always: the model has no choice then. A number, or a SIP URI."""
    valid_numbers: tuple[Number, ...] = ()
    """Where the model may transfer to. Empty, and no default: wherever outgoing calls may go."""
    style: TransferStyle | None = None
    """"refer" hands the call over, "invite" calls and bridges, "attended" calls first and hands over then.

    None: as the trunk has it.
    """
    wait_result: bool = True
    """The agent stays until the outcome is known, and goes on if the transfer fails. Off: its part is over."""
    default_message: str | None = Field(None, max_length=1000)
    """What the caller is told before, if the model has said nothing."""
    headers: dict[HeaderName, str] = {}
    """SIP headers of the INVITE or REFER, with {variables}."""
    ignore_first: bool = False
    """The first wish is not granted: the model is to try once more by itself."""


class Fallback(Part):
    """A model that takes over when the one before it cannot be used."""

    model: str
    """A name of the model catalogue."""
    deployment: str | None = None
    """Azure: the deployment's name where it is not the model's."""
    voice: str | None = None
    """Its voice; None: its usual one."""
    api_key: SecretStr | None = None
    """Short for `access.api_key`."""
    access: Access | None = None
    """Keys of the agent's own for it. None: the server's."""


class AgentDefinition(Part):
    """One agent: who it is, which model speaks for it, and how it is spoken to."""

    model_config = ConfigDict(title="Agent")

    name: str = Field(min_length=1, max_length=64, pattern=r"^[^\s/@:]([^/@:]*[^\s/@:])?$")
    """By which it is called; unique."""
    description: str = ""
    """For people."""
    model: str
    """A name of the model catalogue (`mediaserver agents models`); "chat/NAME" is an ordinary text model."""
    deployment: str | None = None
    """Azure: the deployment's name where it is not the model's."""
    prompt: str = Field(min_length=1)
    """Instructions to the model, with {variables}. Its language is set here too."""
    variables: dict[Variable, str] = {}
    """Values for prompt and welcome. The call's own data go before them.

    `timezone`, as "Europe/Berlin", is also whose date and time it is.
    """
    welcome: OptionalText = Field(None, validation_alias=AliasChoices("welcome", "greeting"))
    """What the agent opens with, with {variables}; empty: the caller speaks first."""
    max_output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    """Longest answer, in the provider's tokens; speech takes many. None: no limit of ours."""
    temperature: float | None = Field(None, ge=0, le=2)
    """Where the model takes one."""
    voice: str | None = None
    """The model's voice while voice streaming is on. None: its usual one."""
    voice_streaming: bool | None = None
    """On: audio goes to the model and comes from it. Off: the model works in text, between speech services.

    None: on for speech-to-speech models; off for text models, which cannot do otherwise.
    """
    speech_to_text: Speech | None = None
    """How the caller's words become text, with voice streaming off."""
    text_to_speech: Speech | None = None
    """How the model's text is spoken, with voice streaming off."""
    interruption: Literal["provider", "local"] = "provider"
    """Who decides that the caller interrupts: the model's own detector, or the server."""
    barge_in: BargeIn = BargeIn()
    """How the server decides."""
    echo: Annotated[EchoGuarding, BeforeValidator(_worded)] = "auto"
    """Whether the agent's own voice, coming back from the caller's side, is kept from being taken for the caller.

    "auto": on telephones from the first word, of a browser (which cancels echoes itself) once one is found; "on": from
    the first word everywhere; "off": never.
    """
    tools: tuple[Tool, ...] = ("end_call",)
    """What the model may use: async Python functions as "package.module:function", and what is built in.

    That is "end_call", "transfer_call" and "press_keys".
    """
    transfer_call: TransferCall = TransferCall()
    """How "transfer_call" transfers."""
    dtmf: Dtmf = Dtmf()
    """What becomes of the caller's keys."""
    tool_timeout_s: float = Field(10.0, gt=0, le=300)
    """Seconds a tool may take."""
    stall_timeout_s: float = Field(12.0, ge=1, le=120)
    """Seconds a due answer may fail to come before the model counts as lost."""
    fault_audio: Path | None = None
    """WAV file played to the caller when every model is lost. None: a tone."""
    fallback: tuple[Annotated[Fallback, BeforeValidator(_named)], ...] = Field((), max_length=4)
    """Models that take over, in this order; a name, or an object with more."""
    limits: Limits = Limits()
    """What ends a call politely."""
    api_key: SecretStr | None = None
    """A key of the agent's own. None: the server's. Short for `access.api_key`."""
    access: Access | None = None
    """All else that reaching the provider with keys of one's own may take."""
    advanced_configuration: dict[str, Any] = {}
    """Provider settings by key: openai_realtime, xai_realtime, gemini_audio, nova_sonic, silero_vad."""

    @property
    def known_variables(self) -> tuple[str, ...]:
        """Everything {…} may name in its texts."""
        return tuple(dict.fromkeys((*CALL_VARIABLES, *self.variables)))


class LocalModel(Part):
    """The offline model."""

    script: Path | dict[str, Any] | None = None
    """What it answers: a TOML file of intents, or the same as an object."""


def own_access(holder: AgentDefinition | Fallback | Speech) -> Mapping[str, object]:
    """What is given of one's own to reach the provider, secrets still covered."""
    given = {} if holder.access is None else holder.access.given()
    if holder.api_key is not None:
        given["api_key"] = holder.api_key
    return given
