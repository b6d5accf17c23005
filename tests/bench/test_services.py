import tomllib

import pytest

from bench.modes import SCENARIOS
from bench.programs import reach_of, start_emulator
from bench.services import SERVICES
from mediaserver.agents.checks import examine
from mediaserver.config.providers import Providers

UPLINK_MS = {"openai": 20, "azure": 20, "xai": 20, "gemini": 40, "nova": 60}


@pytest.mark.parametrize("name", SERVICES)
def test_messages_are_as_long_as_the_settings_have_them_by_default(name):
    assert SERVICES[name].uplink_ms == UPLINK_MS[name]


@pytest.mark.parametrize("name", SERVICES)
def test_the_lines_for_an_agent_are_an_agent(name):
    given = tomllib.loads(SERVICES[name].agent(700))
    definition, found = examine({"name": "bench", "prompt": "Hello.", **given})
    assert not found.faults
    assert definition is not None
    assert definition.model == SERVICES[name].model
    if name != "nova":
        assert "700" in str(definition.advanced_configuration)


@pytest.mark.parametrize("mode", ["xai", "gemini"])  # OpenAI's and Nova Sonic's are started in rounds
def test_the_emulator_says_how_the_server_reaches_it(mode, tmp_path):
    scenario = SCENARIOS[mode]
    emulator = start_emulator(tmp_path / "timeline.jsonl", scenario, tmp_path, None)
    try:
        reach = reach_of(emulator)
    finally:
        emulator.end()
    assert list(reach) == [scenario.connected.table]
    Providers.model_validate(reach)
    assert (tmp_path / "timeline.jsonl").read_bytes() == b""
