"""The models known from the start, as data: names, what the providers call them, voices, modalities, prices."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from mediaproviders.contract import Usage

type Chat = Literal["text", "transcription"]
"""How a chat reaches the model: in its text modality, or through its audio and the transcript of it (slow)."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, or per minute of connection; 0 where nothing is charged."""

    text_input: float = 0.0
    text_output: float = 0.0
    audio_input: float = 0.0
    audio_output: float = 0.0
    cached_input: float | None = None
    """Of input tokens that were cached, the dearer kind where kinds differ; None: as much as the others."""
    per_minute: float = 0.0
    as_of: str = ""
    """Year and month of the list."""
    sure: bool = True
    """False: of another vendor of the same model, or of a list that others contradict."""

    def of(self, usage: Usage) -> float:
        """Dollars of one response. Minutes are charged apart."""
        cached = min(usage.cached_tokens, usage.input_tokens) if self.cached_input is not None else 0
        # The kind that was cached is not told. What every request begins with is text: instructions and tools.
        text = max(0, usage.input_tokens - usage.input_audio_tokens)
        cached_text = min(cached, text)
        return (
            (text - cached_text) * self.text_input
            + (usage.input_tokens - text - (cached - cached_text)) * self.audio_input
            + cached * (self.cached_input or 0.0)
            + (usage.output_tokens - usage.output_audio_tokens) * self.text_output
            + usage.output_audio_tokens * self.audio_output
        ) / 1_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """A model an agent can name. What its sessions can do are the traits of the adapter that serves it."""

    name: str
    provider: str
    """A key of the adapters."""
    provider_model: str
    """What goes into :attr:`mediaproviders.contract.Brief.model`."""
    deprecated: str | None = None
    """Why it should no longer be chosen, and what to choose instead."""
    advanced: str | None = None
    """Its key in an agent's advanced configuration."""
    voices: tuple[str, ...] = ()
    """Voices it is known to have; empty: unknown, or none."""
    realtime: bool = True
    """It hears and speaks itself. False: an ordinary text model, which needs speech services to be called."""
    text: bool = False
    """It can be run in text, with speech services around it: voice streaming off."""
    chat: Chat = "text"
    local_interruption: bool = True
    """We may decide when the caller interrupts it."""
    audio_flow: bool = False
    """It gives up on a caller from whom no audio comes, not even silence."""
    vertex_model: str | None = None
    """Google: what Vertex AI calls it."""
    price: Price | None = None
    generation: int | None = None
    """Amazon: of Nova Sonic."""

    @property
    def streaming(self) -> bool:
        """It can be called with voice streaming on."""
        return self.realtime


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OPENAI_OLD_VOICES: Final = _names("alloy ash ballad coral echo sage shimmer verse")
OPENAI_VOICES: Final = (*OPENAI_OLD_VOICES, "marin", "cedar")
GEMINI_VOICES: Final = _names(
    "Zephyr Puck Charon Kore Fenrir Leda Orus Aoede Callirrhoe Autonoe Enceladus Iapetus Umbriel Algieba Despina"
    " Erinome Algenib Rasalgethi Laomedeia Achernar Alnilam Schedar Gacrux Pulcherrima Achird Zubenelgenubi"
    " Vindemiatrix Sadachbia Sadaltager Sulafat"
)
NOVA_VOICES: Final = _names("matthew tiffany amy lupe carlos ambre florian greta lennart beatrice lorenzo")
NOVA_2_VOICES: Final = _names(
    "matthew tiffany amy olivia lupe carlos ambre florian tina lennart beatrice lorenzo carolina leo arjun kiara"
)
GROK_VOICES: Final = _names(
    "eve ara rex sal leo carina zagan helix orion luna iris altair zenith perseus helios lux kepler rigel cosmo celeste"
    " ursa sirius lumen castor naksh atlas"
)

_LIST: Final = "2026-11"
_REALTIME: Final = Price(4.0, 16.0, 32.0, 64.0, 0.4, as_of=_LIST)
_REALTIME_MINI: Final = Price(0.6, 2.4, 10.0, 20.0, 0.3, as_of=_LIST)
_4O: Final = Price(5.0, 20.0, 40.0, 80.0, 2.5, as_of=_LIST)
_4O_MINI: Final = Price(0.6, 2.4, 10.0, 20.0, 0.3, as_of=_LIST)
_REALTIME_2: Final = Price(4.0, 24.0, 32.0, 64.0, 0.4, as_of="2026-06", sure=False)
_AZURE: Final = {
    "gpt-realtime": _REALTIME,
    "gpt-realtime-mini": _REALTIME_MINI,
    "gpt-4o-realtime": _4O,
    "gpt-4o-mini-realtime": _4O_MINI,
}
_GEMINI: Final = Price(0.5, 2.0, 3.0, 12.0, as_of=_LIST)
_GROK: Final = Price(per_minute=0.05, as_of="2026-04", sure=False)
_NOVA: Final = Price(0.06, 0.24, 3.4, 13.6, as_of=_LIST, sure=False)
_NOVA_2: Final = Price(0.33, 2.75, 3.0, 12.0, as_of=_LIST, sure=False)


def _openai(
    name: str, own: str | None = None, deprecated: str | None = None, price: Price | None = None, old: bool = False
) -> Model:
    return Model(
        name,
        "openai",
        own or name,
        deprecated,
        advanced="openai_realtime",
        voices=OPENAI_OLD_VOICES if old else OPENAI_VOICES,
        text=True,
        price=price,
    )


def _azure(name: str, price: Price) -> Model:
    """On Azure a model is known by the name of its deployment, which is the model's unless the agent gives another."""
    return Model(
        f"azure/{name}",
        "azure",
        name,
        advanced="openai_realtime",
        voices=OPENAI_OLD_VOICES if name.startswith("gpt-4o") else OPENAI_VOICES,
        text=True,
        price=replace(price, sure=False),
    )


def _google(name: str, own: str, vertex: str | None, price: Price | None) -> Model:
    return Model(
        name,
        "google",
        own,
        advanced="gemini_audio",
        voices=GEMINI_VOICES,
        chat="transcription",
        vertex_model=vertex,
        price=price,
    )


def _amazon(name: str, own: str, generation: int, deprecated: str | None = None) -> Model:
    first = generation == 1
    return Model(
        name,
        "amazon",
        own,
        deprecated,
        advanced="nova_sonic",
        voices=NOVA_VOICES if first else NOVA_2_VOICES,
        chat="transcription",
        local_interruption=False,
        audio_flow=True,
        price=_NOVA if first else _NOVA_2,
        generation=generation,
    )


_KNOWN: Final = (
    _openai("gpt-realtime", deprecated="ends on 2027-01-20; use gpt-realtime-2.1", price=_REALTIME),
    _openai("gpt-realtime-mini", deprecated="ends on 2027-01-20; use gpt-realtime-2.1-mini", price=_REALTIME_MINI),
    _openai("gpt-realtime-1.5", price=_REALTIME),
    _openai("gpt-realtime-2.1", price=_REALTIME_2),
    _openai("gpt-realtime-2.1-mini"),
    _openai(
        "gpt-4o-realtime", "gpt-4o-realtime-preview", "is not served any more; use gpt-realtime-2.1", _4O, old=True
    ),
    _openai(
        "gpt-4o-mini-realtime",
        "gpt-4o-mini-realtime-preview",
        "is not served any more; use gpt-realtime-2.1-mini",
        _4O_MINI,
        old=True,
    ),
    *(_azure(name, price) for name, price in _AZURE.items()),
    _amazon("nova-sonic", "amazon.nova-sonic-v1:0", 1, "ended on 2026-09-14; use nova-2-sonic"),
    _amazon("nova-2-sonic", "amazon.nova-2-sonic-v1:0", 2),
    _google(
        "gemini-2.5-flash-native-audio",
        "gemini-2.5-flash-native-audio-preview-12-2025",
        "gemini-live-2.5-flash-native-audio",
        _GEMINI,
    ),
    Model(
        "grok-voice",
        "xai",
        "grok-voice-latest",
        advanced="xai_realtime",
        voices=GROK_VOICES,
        chat="transcription",
        price=_GROK,
    ),
    Model("local", "local", "local", advanced="local", chat="transcription", price=Price(as_of=_LIST)),
)

MODELS: Final[Mapping[str, Model]] = {model.name: model for model in _KNOWN}
"""The names known from the start."""

CHAT: Final = "chat/"
"""What the names of ordinary text models begin with; the rest is the endpoint's own name of the model."""


def ordinary(name: str) -> Model | None:
    """The ordinary text model `name` stands for; None if it is no such name."""
    own = name.removeprefix(CHAT)
    if own == name or not own:
        return None
    return Model(name, "openai-chat", own, realtime=False, text=True)
