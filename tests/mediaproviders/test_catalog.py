import os
import subprocess
import sys

import pytest

from mediaproviders.catalog import ADAPTERS, MODELS, Model, build, find


@pytest.mark.parametrize(
    ("name", "provider", "provider_model"),
    [
        ("gpt-realtime", "openai", "gpt-realtime"),
        ("gpt-realtime-mini", "openai", "gpt-realtime-mini"),
        ("gpt-4o-realtime", "openai", "gpt-4o-realtime-preview"),
        ("gpt-4o-mini-realtime", "openai", "gpt-4o-mini-realtime-preview"),
        ("local", "local", "local"),
    ],
)
def test_seed_names(name, provider, provider_model):
    model = find(name)
    assert (model.name, model.provider, model.provider_model) == (name, provider, provider_model)


def test_every_model_has_an_adapter_and_its_own_name():
    assert all(model.provider in ADAPTERS and model.name == name for name, model in MODELS.items())
    assert all(model.deprecated is None or "use " in model.deprecated for model in MODELS.values())


@pytest.mark.parametrize(("name", "nearest"), [("gpt-realtme", "gpt-realtime"), ("lokal", "local")])
def test_unknown_name_gets_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"did you mean {nearest}"):
        build(name, {})


def test_nothing_near_gets_the_list():
    with pytest.raises(ValueError, match="known are"):
        find("zzzz")


def test_build():
    provider = build("gpt-realtime", {"api_key": "sk", "base_url": "http://127.0.0.1:1/v1", "uplink_ms": 40})
    assert provider.traits.uplink_ms == 40


def test_own_names_and_aliases():
    models = {**MODELS, "house": Model("house", "openai", "gpt-realtime-2025-08-28")}
    assert build("house", {"api_key": "sk"}, models=models).traits.can_truncate
    with pytest.raises(ValueError, match="no adapter"):
        build("x", {}, models={"x": Model("x", "nobody", "x")})


def test_wrong_settings():
    with pytest.raises(ValueError, match="settings of openai"):
        build("gpt-realtime", {"api_key": "sk", "colour": "red"})


def test_adapters_are_imported_only_when_built():
    code = (
        "import sys, mediaproviders.catalog; print([m for m in sys.modules if m.startswith(('openai','websockets'))])"
    )
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert ran.stdout.strip() == "[]"
