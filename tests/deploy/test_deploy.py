"""What can be checked of the deployment files without an engine to run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mediaserver.agents import source
from mediaserver.config import Settings, load
from support import rig

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"


def test_every_file_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = set((TOP / ".dockerignore").read_text().split())
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = [source for line in copies for source in line.split()]
    assert {"mediaserver", "codecs", "providers", "constraints.txt"} <= set(sources)
    for copied in sources:
        assert (TOP / copied).exists(), copied
        assert copied.split("/")[0] not in ignored


def test_the_image_is_multi_stage_runs_unprivileged_and_checks_its_health() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    final = text[text.rindex("\nFROM ") :]
    assert text.count("FROM ") == 2 and "COPY --from=build" in final
    assert re.search(r"^USER \d+$", final, re.MULTILINE), "a numeric user, so that runAsNonRoot can be verified"
    assert "HEALTHCHECK" in final and "healthcheck.py" in final


def test_the_composition_names_what_exists() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for service in services.values():
        build = service["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
        for volume in service.get("volumes", ()):
            assert (DEPLOY / volume.split(":")[0]).exists()
    command = services["emulator"]["command"]
    help_text = subprocess.run(
        [sys.executable, "-m", "mediaserver", *command, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "Stand in for a provider" in help_text


def test_what_the_composition_sets_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["mediaserver"]["environment"]
    for name, value in environment.items():
        default = re.fullmatch(r"\$\{\w+:?-(.*)\}", value)
        monkeypatch.setenv(name, default[1] if default else value)
    settings = load(DEPLOY / "mediaserver.example.toml")
    assert settings.agent["model"] == "gpt-realtime-2.1"
    assert settings.providers.openai.base_url == "http://127.0.0.1:8090/v1"


def test_the_example_holds_the_defaults() -> None:
    """The example says "with its default": changing one without the other is a fault."""
    written = load(DEPLOY / "mediaserver.example.toml")
    assert written.model_copy(update={"agent": {}}) == Settings()
    assert source.of(written).roster == source.of(Settings()).roster


@pytest.mark.tool("systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    # The unit's program is not installed here: verify a copy that names one that is.
    unit = tmp_path / "mediaserver.service"
    unit.write_text(
        (DEPLOY / "mediaserver.service").read_text().replace("/opt/mediaserver/bin/mediaserver", "/bin/true")
    )
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in verdict.stderr.splitlines() if "mediaserver.service" in line]
    assert not complaints


async def test_the_health_check_tells_a_living_server_from_a_dead_port(tmp_path: Path) -> None:
    import asyncio

    async def check(address: str) -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, str(DEPLOY / "healthcheck.py"), address)
        return await process.wait()

    async with rig.with_emulator(tmp_path) as (server, _):
        address = f"{server.host}:{server.port}"
        assert await check(address) == 0
    assert await check(address) == 1
