"""What a server refuses to be built from, and in which words."""

from pathlib import Path

import pytest

from mediaproviders import catalog
from mediaserver import app_parts
from mediaserver.agents import source
from mediaserver.app import Server
from mediaserver.config import Settings, load
from mediaserver.errors import ConfigurationError
from mediaserver.talk.ringback import RingTone
from mediaserver.webrtc.patience import Patience
from support.scripted_model import ScriptedProvider


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedProvider:
    """The provider of every model."""
    provider = ScriptedProvider()
    monkeypatch.setattr(catalog, "build", lambda name, access, **_: provider)
    return provider


def faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "mediaserver.toml"
    path.write_text(text)
    settings = load(path)
    with pytest.raises(ConfigurationError) as caught:
        Server(settings)
    return caught.value.faults


KEY = '[providers.openai]\napi_key = "sk-secret"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('[agent]\nmodel = "gpt-realtme"', ["agent.model", "gpt-realtme", "did you mean gpt-realtime?"]),
        pytest.param('[agent]\nmodel = "zzz"', ["agent.model", "zzz", "known are"]),
        pytest.param('[agent]\nmodel = "gpt-realtime"', ["providers.openai.api_key", "OPENAI_API_KEY"]),
        pytest.param(
            KEY + '[agent]\nmodel = "gpt-realtime"\n[agent.advanced_configuration.openai_realtime]\nspeeed = 1.5',
            ["openai_realtime", "speeed", "speed"],
        ),
    ],
)
def test_a_model_that_cannot_be_used(tmp_path: Path, text: str, expected: list[str]) -> None:
    (fault,) = faults(tmp_path, text)
    assert [part for part in expected if part not in fault] == []
    assert "sk-secret" not in fault


def test_all_that_is_wrong_with_a_model_at_once(tmp_path: Path) -> None:
    advanced = "[agent.advanced_configuration.openai_realtime]\nspeeed = 1.5"
    told = faults(tmp_path, f'[agent]\nmodel = "gpt-realtime"\n{advanced}')
    assert len(told) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('tools = ["no.such.module:tool"]', ["agent.tools", "no.such.module:tool"]),
        ('tools = ["support.phone_tools:no_such_tool"]', ["agent.tools", "no_such_tool"]),
        ('tools = ["json:dumps"]', ["agent.tools", "async def"]),
        ('fault_audio = "missing.wav"', ["agent.fault_audio", "missing.wav"]),
    ],
)
def test_an_agent_that_cannot_be_built(
    tmp_path: Path, scripted: ScriptedProvider, text: str, expected: list[str]
) -> None:
    (fault,) = faults(tmp_path, "[agent]\n" + text)
    assert [part for part in expected if part not in fault] == []


def test_local_interruption_needs_a_model_that_can_be_resumed(
    tmp_path: Path, scripted: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(agent={"interruption": "local"})
    Server(settings)
    stubborn = ScriptedProvider(reversible_interrupt=False)
    monkeypatch.setattr(catalog, "build", lambda name, access, **_: stubborn)
    (fault,) = faults(tmp_path, '[agent]\ninterruption = "local"')
    assert "agent.interruption" in fault and "use provider" in fault


def test_what_the_settings_say_is_what_the_parts_get(tmp_path: Path, scripted: ScriptedProvider) -> None:
    path = tmp_path / "mediaserver.toml"
    path.write_text(
        """
        [agent]
        name = "desk"
        model = "gpt-4o-realtime"
        stall_timeout_s = 7
        [agent.advanced_configuration.openai_realtime]
        speed = 1.1
        [providers.openai]
        api_key = "sk-secret"
        [sip]
        answer_deadline_s = 3
        retry_after_s = 11
        [rtp]
        codecs = ["PCMA"]
        ptime_ms = 30
        receiver_buffer_ms = 25
        silence_timeout_s = 9
        [limits]
        max_call_s = 60
        [transfer]
        fallback = false
        hold = true
        ringback_hz = [440, 480]
        ringback_ms = [2000, 4000]
        """
    )
    settings = load(path)
    loaded = source.of(settings)
    agent = source.ready(loaded, app_parts.provision(settings, loaded))["desk"].agent()
    assert (agent.name, agent.model) == ("desk", "gpt-4o-realtime-preview")
    assert agent.advanced == {"openai_realtime": {"speed": 1.1}}
    engine = app_parts.engine_settings(settings, Patience())
    assert engine.media.media_lost_after_s == 9
    assert (engine.talk.receiver_buffer_ms, agent.stall_timeout_s) == (25, 7)
    assert engine.ringback == RingTone((440, 480), (2000, 4000))
    call = app_parts.call_settings(settings)
    assert (call.transfer_fallback, call.transfer_hold) == (False, True)
    assert (call.answer_deadline_s, call.max_call_s, call.retry_after_s) == (3, 60, 11)
    assert (call.capabilities.codecs, call.capabilities.default_ptime) == (("PCMA",), 30)


def test_the_address_a_caller_reaches_us_by(scripted: ScriptedProvider) -> None:
    def address(**tables: object) -> str:
        return Server(Settings(**tables))._address_towards("127.0.0.1")  # type: ignore[arg-type]

    assert address() == "127.0.0.1"
    assert address(rtp={"address": "192.0.2.5"}) == "192.0.2.5"
    assert address(sip={"advertise": "198.51.100.1"}, rtp={"address": "192.0.2.5"}) == "198.51.100.1"
