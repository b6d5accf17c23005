"""All emulators by name: each listens, and the settings told reach it."""

import tomllib
from contextlib import AsyncExitStack

import pytest

from mediaproviders.emulators import ensemble
from mediaproviders.emulators.ensemble import NAMES, Rehearsal, access, as_toml, build
from mediaserver.config import Settings


@pytest.mark.parametrize("name", NAMES)
async def test_each_listens_and_is_reached_by_what_is_told(tmp_path, name):
    async with build(name, Rehearsal(certificates=tmp_path, session_s=60.0, answer_ms=500)) as emulator:
        tables = tomllib.loads(as_toml(access(name, emulator))).get("providers", {})
        settings = Settings(providers=tables)
        told = [value for table in tables.values() for value in table.values()]
        assert emulator.url in told or not tables
        for table in tables:
            ca_file = getattr(getattr(settings.providers, table), "ca_file", None)
            assert ca_file is None or ca_file.read_text().startswith("-----BEGIN CERTIFICATE")


async def test_all_of_them_at_once(tmp_path):
    async with AsyncExitStack() as stack:
        asked = Rehearsal(certificates=tmp_path)
        urls = {(await stack.enter_async_context(build(name, asked))).url for name in NAMES}
    assert len(urls) == len(NAMES)


def test_what_was_asked_for_is_what_it_takes(tmp_path):
    asked = Rehearsal(latency_ms=77.0, rate=0, answer_ms=640, session_s=9.0, key="k", certificates=tmp_path)
    for name in ("openai", "azure", "xai", "gemini", "nova"):
        settings = build(name, asked, 0, answer_texts=("Yes.",)).settings
        assert (settings.pace.first_audio_ms, settings.answer_ms, settings.session_s) == (77.0, 640, 9.0)
        assert settings.answer_texts == ("Yes.",)
    assert build("chat", asked).settings.accepted_key == "k"


def test_an_unknown_name():
    with pytest.raises(KeyError):
        ensemble.build("nobody", Rehearsal())
