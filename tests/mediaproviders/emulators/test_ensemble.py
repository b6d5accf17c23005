"""All emulators by name: each listens, and the settings told reach it."""

import sys
import tomllib
from contextlib import AsyncExitStack

import pytest

from mediaproviders.emulators import ensemble
from mediaproviders.emulators.ensemble import NAMES, Rehearsal, access, as_toml, build
from mediaserver.cli.emulate import Service
from mediaserver.config import Settings


@pytest.fixture
def names():
    """Those whose extras are installed."""
    try:
        import google.cloud.speech_v1
        import google.cloud.texttospeech_v1  # noqa: F401
    except ImportError:
        return tuple(name for name in NAMES if name != "google-speech")
    return NAMES


@pytest.mark.parametrize("name", NAMES)
async def test_each_listens_and_is_reached_by_what_is_told(tmp_path, names, name):
    if name not in names:
        pytest.skip("its extra is not installed")
    async with build(name, Rehearsal(certificates=tmp_path, session_s=60.0, answer_ms=500)) as emulator:
        tables = tomllib.loads(as_toml(access(name, emulator))).get("providers", {})
        settings = Settings(providers=tables)
        told = [value for table in tables.values() for value in table.values()]
        assert emulator.url in told or not tables
        for table in tables:
            ca_file = getattr(getattr(settings.providers, table), "ca_file", None)
            assert ca_file is None or ca_file.read_text().startswith("-----BEGIN CERTIFICATE")


async def test_all_of_them_at_once(tmp_path, names):
    async with AsyncExitStack() as stack:
        asked = Rehearsal(certificates=tmp_path)
        urls = {(await stack.enter_async_context(build(name, asked))).url for name in names}
    assert len(urls) == len(names)


def test_what_was_asked_for_is_what_it_takes(tmp_path):
    asked = Rehearsal(latency_ms=77.0, rate=0, answer_ms=640, session_s=9.0, key="k", certificates=tmp_path)
    for name in ("openai", "azure", "xai", "gemini", "nova"):
        settings = build(name, asked, 0, answer_texts=("Yes.",)).settings
        assert (settings.pace.first_audio_ms, settings.answer_ms, settings.session_s) == (77.0, 640, 9.0)
        assert settings.answer_texts == ("Yes.",)
    for name in ("chat", "speech", "openai-live"):
        assert build(name, asked).settings.accepted_key == "k"
    assert build("transcribe", asked).settings.certificates == tmp_path / "transcribe"


def test_an_extra_that_is_not_installed(monkeypatch):
    package = "mediaproviders.emulators.speech_services.google"
    for module in [each for each in sys.modules if each.startswith(package)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "google.cloud.speech_v1.types", None)
    with pytest.raises(ImportError, match="google-speech needs the extra google-speech"):
        build("google-speech", Rehearsal())


def test_the_command_knows_all_of_them():
    assert {*NAMES, "all"} == {*Service}


def test_an_unknown_name():
    with pytest.raises(KeyError):
        ensemble.build("nobody", Rehearsal())
