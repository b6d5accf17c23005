from pathlib import Path

import pytest

from mediaserver.agents import source
from mediaserver.config import Settings
from mediaserver.errors import ConfigurationError

FILE = "agents:\n- {name: shop, model: local, prompt: Sell.}\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(settings: Settings, path: Path | None = None) -> list[str]:
    return list(source.of(settings, path).roster.agents)


def test_without_anything_there_is_an_agent() -> None:
    agent = source.of(Settings()).roster.find()
    assert (agent.name, agent.model) == ("assistant", "local") and agent.welcome


def test_the_settings_own_agent() -> None:
    agent = source.of(Settings(agent={"model": "grok-voice", "greeting": ""})).roster.find()
    assert (agent.name, agent.model, agent.welcome) == ("assistant", "grok-voice", None)
    with pytest.raises(ConfigurationError) as error:
        source.of(Settings(agent={"model": "grok-voise", "voise": "eve"}))
    assert error.value.faults[0] == "agent.voise: is unknown; did you mean voice?"
    assert "agent.model: model 'grok-voise' is unknown; did you mean grok-voice?" in error.value.faults


def test_a_file_comes_before_it_only_where_it_is_named() -> None:
    Path("agents.yaml").write_text(FILE)
    assert names(Settings()) == ["shop"]
    assert names(Settings(agent={"name": "own"})) == ["own"]
    Path("other.yaml").write_text(FILE.replace("shop", "other"))
    assert names(Settings(agents=Path("other.yaml"))) == ["other"]
    assert names(Settings(agent={"name": "own"}), Path("other.yaml")) == ["other"]
    with pytest.raises(ConfigurationError, match="agent and agents are both given"):
        source.of(Settings(agent={"name": "own"}, agents=Path("other.yaml")))


def test_models_of_the_settings_are_known() -> None:
    settings = Settings(agent={"model": "house"}, models={"house": {"like": "local"}})
    assert source.of(settings).roster.find().model == "house"
    with pytest.raises(ConfigurationError, match=r"models\.house: a new name needs `like`"):
        source.of(Settings(models={"house": {}}))
