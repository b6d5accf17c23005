"""Settings: mediaserver.toml and the environment, checked as a whole; every fault is reported at once."""

import copy
import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from mediaserver.config import cross
from mediaserver.config.faults import sentences
from mediaserver.config.http import Http
from mediaserver.config.ladder import Ladder
from mediaserver.config.outbound import Outbound, Transfer
from mediaserver.config.phones import Phones
from mediaserver.config.providers import Providers
from mediaserver.config.routing import Rule
from mediaserver.config.section import Ip, OrNone, PortSpan, Section
from mediaserver.config.sip import Sip
from mediaserver.config.trunks import TrunkSettings
from mediaserver.config.values import Codec, Dscp, Name
from mediaserver.config.webrtc import WebRtc
from mediaserver.errors import ConfigurationError

DEFAULT_FILE = "mediaserver.toml"
PREFIX = "MEDIASERVER_"
NOT_SETTINGS = frozenset(
    {
        "MEDIASERVER_REQUIRE_TOOLS", "MEDIASERVER_TORTURE", "MEDIASERVER_SECRET_KEY", "MEDIASERVER_SECRET_KEY_FILE",
        "MEDIASERVER_TOKEN", "MEDIASERVER_ADMIN_KEY",
    }
)  # fmt: skip
"""Variables of that prefix that are for the tests, for sealed secrets, or for `mediaserver call`."""


class Rtp(Section):
    """Media sockets and their timing."""

    address: Ip = "0.0.0.0"
    """Local address of the media sockets."""
    ports: PortSpan = "20000-29999"
    """Range of UDP ports; a call takes two."""
    ptime_ms: Literal[10, 20, 30, 40, 50, 60] = 20
    """Packet length when the caller does not say."""
    codecs: tuple[Codec, ...] = Field(("PCMU", "PCMA", "G722", "OPUS", "L16"), min_length=1)
    """What is accepted, and offered, most wanted first."""
    codec_order: Literal["caller", "ours"] = "caller"
    """Whose order of preference an offer is answered in (RFC 3264 6.1 recommends the caller's)."""
    opus_complexity: Literal["auto"] | Annotated[int, Field(ge=0, le=10)] = "auto"
    """Effort of encoding Opus: 1 takes a third of the time of 5; "auto": as much as the machine has to spare."""
    opus_bitrate: int = Field(32_000, ge=6000, le=128_000)
    """Bits per second of the Opus we send, unless the peer wants less; a quarter more while packets are lost."""
    comfort_noise: bool = True
    """Accept comfort noise (RFC 3389) when it is offered: silence is then left out."""
    receiver_buffer_ms: int = Field(40, ge=0, le=500)
    """Assumed delay of the caller's own jitter buffer, used to know what was heard."""
    silence_timeout_s: float = Field(30.0, ge=1, le=3600)
    """Seconds without a packet from the caller after which the call is ended."""
    srtp: Literal["never", "optional", "required"] = "optional"
    """Encrypted media: refused, taken when it is offered, or demanded of every call."""
    dscp: Dscp = 46
    """Code point of media packets: "EF", "AF41", a number."""


class Limits(Section):
    """What one server takes on."""

    max_calls: int = Field(200, ge=1, le=10_000)
    """Calls at once; the next gets 503 with Retry-After."""
    max_call_s: float = Field(3600.0, gt=0, le=86_400)
    """Longest call in seconds."""
    max_lag_s: float = Field(1.0, gt=0, le=60)
    """Seconds the server may be late with its work; above that it takes on no call, for those that stand come first."""


class Continuity(Section):
    """How hard a conversation is kept going when sessions end or break."""

    lead_s: float = Field(30.0, gt=0, le=600)
    """Seconds before the end of a model's session at which the next one is opened."""
    session_s: float | None = Field(None, ge=1, le=86_400)
    """Longest session in seconds, below the provider's own limit; none: only the provider's."""
    reconnect_delays_s: tuple[float, ...] = Field((0.0, 0.5, 1.5), min_length=1)
    """Waits before the attempts to replace a lost session, and between those to open the first, in seconds."""
    reconnect_total_s: float = Field(6.0, gt=0, le=60)
    """Seconds that all these attempts may take together; `sip.answer_deadline_s` has to be longer."""


class Log(Section):
    """What is written to standard output."""

    format: Literal["json", "console"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """All of it. The environment overrides the file: MEDIASERVER_SIP__UDP sets `sip.udp`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    sip: Sip = Sip()
    rtp: Rtp = Rtp()
    limits: Limits = Limits()
    agent: dict[str, Any] = Field(default_factory=dict, repr=False)
    """The one agent of a server that has no file of them. It may hold a key, and is not shown."""
    agents: OrNone[Path] = None
    """YAML file with agents; a call to sip:NAME@… is answered by the one of that name."""
    models: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Models of one's own, or other ids for known ones: name → provider, provider_model, …"""
    trunks: dict[Name, TrunkSettings] = Field(default_factory=dict)
    """Carriers, SBCs and PBXs by name."""
    phones: Phones = Phones()
    http: Http = Http()
    webrtc: WebRtc = WebRtc()
    outbound: Outbound = Outbound()
    transfer: Transfer = Transfer()
    routing: tuple[Rule, ...] = ()
    """Which agent answers which call; before the trunks' own `numbers`."""
    continuity: Continuity = Continuity()
    ladder: Ladder = Ladder()
    providers: Providers = Providers()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file, which comes as arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _reachable(self) -> "Settings":
        if not any(self.sip.addresses.values()):
            raise ValueError("sip.udp, tcp, tls, ws and wss are all off: give at least one address")
        return self

    @model_validator(mode="after")
    def _named(self) -> "Settings":
        """What the tables say of each other."""
        faults = list(cross.faults(self.trunks, self.phones, self.sip.users, self.routing, self.outbound))
        if faults:
            raise ValueError("\n".join(faults))
        return self


def load(path: Path | None) -> Settings:
    """Settings from `path` (none: mediaserver.toml if there is one) and the environment.

    Raises ConfigurationError with one sentence per fault.
    """
    if path is None:
        path = Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None
    written: dict[str, Any] = {}
    if path is not None:
        try:
            written = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError([f"{path}: cannot be read ({error.strerror}); give an existing file"]) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError([f"{path}: is not TOML: {error}"]) from None
    faults = _unknown_variables()
    try:
        settings = Settings(**written)
    except ValidationError as error:
        usable, further = _without(written, error)
        raise ConfigurationError(faults + sentences(error, Settings) + further, usable) from None
    except SettingsError as error:  # a list or a table that is not JSON; the cause quotes the value, so it is left out
        why = 'lists and tables are written as JSON in the environment: ["192.0.2.0/24"]'
        raise ConfigurationError([*faults, f"environment: {error}: {why}"]) from None
    if faults:
        raise ConfigurationError(faults)
    return _complete(settings)


def _complete(settings: "Settings") -> "Settings":
    """With what the providers' own tools read from the environment too."""
    return settings.model_copy(update={"providers": settings.providers.with_environment(os.environ)})


def _without(written: dict[str, Any], error: ValidationError) -> tuple["Settings | None", list[str]]:
    """The settings less what is faulty, None if that is not in the file or they need it; and what is wrong with those.

    What the tables say of each other is only looked at when each of them is sound.
    """
    rest = copy.deepcopy(written)
    for fault in error.errors():
        match [str(part) for part in fault["loc"]]:
            case [table, name, *_] if isinstance(rest.get(table), dict):
                rest[table].pop(name, None)
            case [table, *_]:
                rest.pop(table, None)
            case _:
                return None, []
    try:
        return _complete(Settings(**rest)), []
    except ValidationError as further:
        return None, sentences(further, Settings) if all(not fault["loc"] for fault in further.errors()) else []
    except SettingsError:
        return None, []


def _unknown_variables() -> list[str]:
    """MEDIASERVER_… variables of the environment that set nothing."""
    faults = []
    for name in os.environ:
        table, _, rest = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and (table not in Settings.model_fields or not rest):
            near = difflib.get_close_matches(table, Settings.model_fields, 1)
            hint = f"did you mean {PREFIX}{near[0].upper()}__…?" if near else "write MEDIASERVER_TABLE__SETTING"
            faults.append(f"{name}: sets nothing; {hint}")
    return faults
