"""From a definition to providers, with adapters that write down how they were made."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from mediaproviders.cascade import Cascade
from mediaproviders.catalog import MODELS, extend
from mediaproviders.continuity import ContinuitySettings
from mediaserver.agents.checks import examine
from mediaserver.agents.file import loads
from mediaserver.agents.provision import Provision
from mediaserver.agents.ready import ReadyAgent
from mediaserver.config.providers import Providers
from mediaserver.errors import ConfigurationError
from support import scripted_model
from support.scripted_model import ScriptedProvider

SERVER: dict[str, Any] = {
    "openai": {"api_key": "sk-server", "base_url": "http://127.0.0.1:9/v1"},
    "azure": {"endpoint": "https://server.openai.azure.com", "api_key": "azure-server"},
    "xai": {"api_key": "xai-server"},
    "google": {"api_key": "AIza-server"},
    "amazon": {"region": "eu-north-1", "access_key_id": "AKIA-server", "secret_access_key": "secret"},
}
SPEECH = {"speech_to_text": {"service": "openai"}, "text_to_speech": {"service": "openai", "voice": "coral"}}


class Probe(ScriptedProvider):
    """Every adapter in one; of what model it is, its arguments tell."""

    made: ClassVar[list["Probe"]] = []

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.given = given
        self.calls: list[str] = []
        if "generation" in given:
            self.traits = replace(
                self.traits, text_output=False, text_input=given["generation"] > 1, reversible_interrupt=False
            )
        Probe.made.append(self)

    async def start(self) -> None:
        self.calls.append("start")

    async def close(self) -> None:
        self.calls.append("close")


PROBES = dict.fromkeys(("openai", "azure", "xai", "google", "amazon", "openai-chat"), "support_probe:Probe")


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Probe.made.clear()
    monkeypatch.setitem(__import__("sys").modules, "support_probe", type("m", (), {"Probe": Probe}))
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield


def provision(server: dict[str, Any] | None = None, **more: Any) -> Provision:
    return Provision(Providers.model_validate(SERVER if server is None else server), adapters=PROBES, **more)


def prepared(provided: Provision, model: str = "gpt-realtime-2.1", models: Any = None, **changes: Any) -> ReadyAgent:
    definition, found = examine({"name": "a", "model": model, "prompt": "p", **changes}, *([models] if models else []))
    assert definition is not None, [str(fault) for fault in found.faults]
    return provided.agent(definition)


def made(model: str, server: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    prepared(provision(server), model, **changes)
    (only,) = Probe.made
    return only.given


def refused(server: dict[str, Any], model: str = "gpt-realtime-2.1", **changes: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        prepared(provision(server), model, **changes)
    return error.value.faults


# --- access ---


def test_the_servers_access():
    openai = made("gpt-realtime-2.1")
    assert openai == {"api_key": "sk-server", "base_url": "http://127.0.0.1:9/v1", "uplink_ms": 20}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("azure/gpt-realtime", {"endpoint": "https://server.openai.azure.com", "api_key": "azure-server"}),
        ("grok-voice", {"api_key": "xai-server"}),
        ("gemini-2.5-flash-native-audio", {"api_key": "AIza-server"}),
        ("nova-2-sonic", {"region": "eu-north-1", "access_key_id": "AKIA-server", "generation": 2}),
        ("chat/x", {"api_key": "sk-server", "base_url": "http://127.0.0.1:9/v1"}),
    ],
)
def test_every_provider_gets_its_own(model, expected):
    given = made(model, **SPEECH if model == "chat/x" else {})
    assert expected.items() <= given.items()
    assert "vertexai" not in given and "entra" not in given


def test_an_agents_own_key_comes_first_and_brings_nothing_of_the_servers():
    assert made("gpt-realtime-2.1", api_key="sk-own") == {
        "api_key": "sk-own",
        "base_url": "http://127.0.0.1:9/v1",
        "uplink_ms": 20,
    }
    Probe.made.clear()
    given = made("nova-2-sonic", access={"profile": "own"})
    assert given["profile"] == "own" and "access_key_id" not in given and given["region"] == "eu-north-1"
    Probe.made.clear()
    vertex = {"google": {"vertexai": True, "project": "p", "location": "l"}}
    assert made("gemini-2.5-flash-native-audio", vertex, api_key="AIza-own") == {"api_key": "AIza-own", "uplink_ms": 40}


def test_openais_key_is_not_sent_to_another_chat_endpoint():
    elsewhere = {**SERVER, "chat": {"base_url": "http://127.0.0.1:11434/v1"}}
    assert made("chat/llama", elsewhere, **SPEECH) == {"base_url": "http://127.0.0.1:11434/v1", "api_key": "none"}
    Probe.made.clear()
    keyed = {**SERVER, "chat": {"base_url": "http://127.0.0.1:11434/v1", "api_key": "own"}}
    assert made("chat/llama", keyed, **SPEECH)["api_key"] == "own"


def test_secrets_are_looked_up_wherever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    key = tmp_path / "key"
    key.write_text("sk-file\n")
    monkeypatch.setenv("AGENT_KEY", "sk-env")
    assert made("gpt-realtime-2.1", {"openai": {"api_key": f"file:{key}"}})["api_key"] == "sk-file"
    Probe.made.clear()
    assert made("gpt-realtime-2.1", api_key="env:AGENT_KEY")["api_key"] == "sk-env"
    assert refused({"openai": {"api_key": "env:NOBODY"}}) == [
        "providers.openai.api_key: the environment has no NOBODY; set it"
    ]
    assert refused(SERVER, api_key="env:NOBODY") == ["api_key: the environment has no NOBODY; set it"]
    fallback = [{"model": "grok-voice", "access": {"api_key": "env:NOBODY"}}]
    assert refused(SERVER, fallback=fallback) == ["fallback.0.access.api_key: the environment has no NOBODY; set it"]


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        (
            "gpt-realtime-2.1",
            ["providers.openai.api_key: model 'gpt-realtime-2.1' needs one; set it there or as OPENAI_A"],
        ),
        ("azure/gpt-realtime", ["providers.azure.endpoint", "providers.azure.api_key"]),
        ("grok-voice", ["providers.xai.api_key"]),
        ("gemini-2.5-flash-native-audio", ["providers.google.api_key"]),
    ],
)
def test_a_missing_key_says_where_to_put_it(model, missing):
    told = refused({}, model)
    assert len(told) == len(missing) and all(map(str.startswith, told, missing)), told


def test_vertex_has_its_own_names_and_needs():
    vertex = {"google": {"vertexai": True, "project": "p", "location": "l"}}
    ready = prepared(provision(vertex), "gemini-2.5-flash-native-audio")
    assert ready.provider_model == "gemini-live-2.5-flash-native-audio"
    told = refused({"google": {"vertexai": True}}, "gemini-2.5-flash-native-audio")
    assert [each.partition(":")[0] for each in told] == ["providers.google.project", "providers.google.location"]
    models = extend({"new": {"provider": "google", "provider_model": "gemini-new"}})
    with pytest.raises(ConfigurationError) as error:
        prepared(provision(vertex, models=models), "new", models)
    assert error.value.faults == ["model: new is not known of Vertex AI; name it under `models`"]


def test_an_agent_may_keep_out_of_vertex():
    vertex = {"google": {"vertexai": True, "project": "p", "location": "l"}}
    access = {"api_key": "own", "vertexai": False}
    ready = prepared(provision(vertex), "gemini-2.5-flash-native-audio", access=access)
    assert ready.provider_model == ready.model.provider_model


async def test_entra_and_tokens_are_asked_for_at_every_connect():
    entra = {"azure": {"endpoint": "https://x.openai.azure.com", "entra": True}}
    given = made("azure/gpt-realtime", entra)
    assert callable(given["token"]) and "api_key" not in given and "entra" not in given
    Probe.made.clear()
    own = made("azure/gpt-realtime", entra, access={"endpoint": "https://own.example", "token": "ey-own"})
    assert await own["token"]() == "ey-own" and own["endpoint"] == "https://own.example"


def test_deployments():
    assert prepared(provision(), "azure/gpt-realtime").provider_model == "gpt-realtime"
    assert prepared(provision(), "azure/gpt-realtime", deployment="voice-eu").provider_model == "voice-eu"


# --- sharing and life ---


def test_adapters_are_shared_by_equal_access():
    provided = provision()
    for changes in ({}, {"voice": "marin"}, {"api_key": "sk-own"}, {"api_key": "sk-own"}):
        prepared(provided, **changes)
    prepared(provided, "gpt-realtime-mini")
    assert [probe.given["api_key"] for probe in Probe.made] == ["sk-server", "sk-own"]
    prepared(provided, "nova-sonic")
    prepared(provided, "nova-2-sonic")
    assert len(Probe.made) == 4  # generations differ


def test_the_price_of_whoever_may_speak_is_known():
    agent = prepared(provision(), fallback=["grok-voice", "gpt-realtime-2.1-mini"]).agent()
    assert agent.prices["gpt-realtime-2.1"] == agent.price
    assert agent.prices["grok-voice"] == MODELS["grok-voice"].price
    assert agent.prices["gpt-realtime-2.1-mini"] is None


async def test_they_are_started_once_and_closed_once():
    provided = provision()
    first = prepared(provided, fallback=["grok-voice"])
    prepared(provided, voice="marin")
    await provided.start()
    await provided.start_chat(first)
    assert [probe.calls for probe in Probe.made] == [["start"], ["start"]]
    await first.provider.close()
    assert [probe.calls for probe in Probe.made] == [["start"], ["start"]]
    await provided.close()
    assert [probe.calls for probe in Probe.made] == [["start", "close"], ["start", "close"]]


async def test_one_that_cannot_be_closed_does_not_keep_the_others_open(monkeypatch: pytest.MonkeyPatch):
    provided = provision()
    prepared(provided, fallback=["grok-voice"])

    async def fails() -> None:
        raise OSError("stuck")

    monkeypatch.setattr(Probe.made[1], "close", fails)
    with pytest.raises(OSError, match="stuck"):
        await provided.close()
    assert Probe.made[0].calls == ["close"]


# --- what is built of them ---


async def test_candidates_have_their_own_model_voice_and_settings():
    ready = prepared(
        provision(),
        voice="marin",
        fallback=[{"model": "grok-voice", "voice": "ara"}],
        advanced_configuration={"openai_realtime": {"speed": 1.1}, "xai_realtime": {"voice": "rex"}},
    )
    from mediaproviders.contract import PCMU, Brief, ProviderError

    Probe.made[0].refuses = ProviderError("down", code="unreachable", retryable=False)
    agent = ready.agent()
    brief = Brief(agent.model, agent.prompt, PCMU, PCMU, voice=agent.voice, advanced=agent.advanced)
    async with ready.provider.connect(brief):
        pass
    (first, *_), (second, *_) = Probe.made[0].briefs, Probe.made[1].briefs
    assert (first.model, first.voice, first.advanced) == (
        "gpt-realtime-2.1",
        "marin",
        {"openai_realtime": {"speed": 1.1}},
    )
    assert (second.model, second.voice, second.advanced) == (
        "grok-voice-latest",
        "ara",
        {"xai_realtime": {"voice": "rex"}},
    )


def test_with_voice_streaming_off_speech_services_stand_around_the_model(monkeypatch: pytest.MonkeyPatch):
    cascades: list[Any] = []

    class Watched(Cascade):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            self.more = more
            cascades.append(self)

    monkeypatch.setattr("mediaproviders.cascade.Cascade", Watched)
    provided = provision()
    ready = prepared(provided, voice_streaming=False, fallback=["chat/gpt-4.1"], **SPEECH)
    assert len(cascades) == 2 and not ready.streaming and ready.chat == "text"
    assert ready.provider.traits.reversible_interrupt and ready.provider.traits.uplink_ms == 20
    prepared(provided, voice_streaming=False, **SPEECH)
    assert cascades[0]._ears is cascades[2]._ears and cascades[0]._voice is cascades[2]._voice
    prepared(provided, voice_streaming=False, **SPEECH | {"text_to_speech": {"service": "openai", "voice": "sage"}})
    assert cascades[3]._voice is not cascades[0]._voice
    assert cascades[3].more == {"pace": None, "speculate": False}
    silero = {"silero_vad": {"min_speech_ms": 100, "redemption_ms": 300}}
    prepared(provided, voice_streaming=False, advanced_configuration=silero, **SPEECH)
    pace = cascades[4].more["pace"]
    assert (pace.onset_ms, pace.guess_ms, pace.end_ms) == (100, 150, 300)


async def test_speech_services_with_entra_and_with_the_machines_own_credentials():
    server = {**SERVER, "azure": {"endpoint": "https://x.openai.azure.com", "entra": True}, "google": {}}
    azure = {"service": "azure", "model": "transcribe-eu"}
    google = {"service": "google", "language": "de-DE"}
    pytest.importorskip("google.cloud.texttospeech")
    provided = provision(server)
    prepared(provided, voice_streaming=False, speech_to_text=azure, text_to_speech=google)
    assert await provided.close() is None


def test_speech_services_need_keys_too():
    told = refused({"xai": {"api_key": "xai"}, "chat": {"base_url": "http://x/v1"}}, "chat/x", **SPEECH)
    assert len(told) == 2 and all("the openai service needs one" in each for each in told)


def test_sessions_are_limited_as_the_agent_says(monkeypatch: pytest.MonkeyPatch):
    seen: list[ContinuitySettings] = []
    monkeypatch.setattr(
        "mediaserver.agents.provision.Continuous",
        lambda candidates, settings: seen.append(settings) or ScriptedProvider(),
    )
    provided = provision(continuity=ContinuitySettings(lead_s=5.0))
    prepared(provided)
    prepared(provided, limits={"max_session_s": 60})
    assert [(each.lead_s, each.connection_s) for each in seen[::2]] == [(5.0, None), (5.0, 60.0)]


def test_local_interruption_is_checked_with_the_adapter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scripted_model, "TRAITS", replace(scripted_model.TRAITS, reversible_interrupt=False))
    assert refused(SERVER, interruption="local") == [
        "interruption: is local, but gpt-realtime-2.1 decides interruptions itself; use provider"
    ]


def test_chats_go_by_audio_where_the_adapter_has_no_text(monkeypatch: pytest.MonkeyPatch):
    assert prepared(provision()).chat == "text"
    assert prepared(provision(), "nova-2-sonic").chat == "transcription"
    monkeypatch.setattr(scripted_model, "TRAITS", replace(scripted_model.TRAITS, text_output=False))
    assert prepared(provision()).chat == "transcription"


def test_a_model_that_only_hears_gets_a_voice_and_a_cue():
    ready = prepared(provision(), "nova-sonic", welcome="Hello", text_to_speech={"service": "openai"})
    assert ready.chat_voice is not None and Probe.made[0].given["cue"].voice is ready.chat_voice
    assert prepared(provision(), "nova-2-sonic").chat_voice is None


def test_everything_missing_comes_at_once(tmp_path: Path):
    told = refused(
        {},
        tools=["no_such_package:f"],
        fault_audio=str(tmp_path / "none.wav"),
        fallback=["grok-voice"],
    )
    assert len(told) == 4
    assert told[0].startswith("tools 'no_such_package:f': ModuleNotFoundError")
    assert told[1].startswith("fault_audio ") and "cannot be read" in told[1]


def test_agents_of_a_roster():
    text = "agents:\n- {name: a, model: gpt-realtime-2.1, prompt: p}\n- {name: b, model: grok-voice, prompt: p}\n"
    roster = loads(text).roster
    assert list(provision().all(roster)) == ["a", "b"]
    with pytest.raises(ConfigurationError) as error:
        provision({}).all(roster)
    assert [each.partition(":")[0] for each in error.value.faults] == ["agent 'a'", "agent 'b'"]


def test_own_models():
    models = extend({"house": {"like": "gpt-realtime-2.1", "provider_model": "gpt-x"}})
    assert prepared(provision(models=models), "house", models).provider_model == "gpt-x"


def test_nothing_shows_a_secret():
    ready = prepared(provision(), api_key="sk-own-secret")
    shown = repr(ready) + repr(ready.definition) + repr(ready.provider) + repr(SecretStr("x"))
    assert "sk-own-secret" not in shown and "sk-server" not in repr(Providers.model_validate(SERVER))
