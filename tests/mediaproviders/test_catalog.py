import os
import subprocess
import sys
from dataclasses import replace

import pytest

from mediaproviders.advanced.nova import VOICES
from mediaproviders.catalog import ADAPTERS, MODELS, Model, Price, build, cost, cost_per_minute, extend, find
from mediaproviders.contract import Usage


@pytest.mark.parametrize(
    ("name", "provider", "provider_model"),
    [
        ("gpt-realtime", "openai", "gpt-realtime"),
        ("gpt-realtime-mini", "openai", "gpt-realtime-mini"),
        ("gpt-4o-realtime", "openai", "gpt-4o-realtime-preview"),
        ("gpt-4o-mini-realtime", "openai", "gpt-4o-mini-realtime-preview"),
        ("azure/gpt-realtime", "azure", "gpt-realtime"),
        ("azure/gpt-realtime-mini", "azure", "gpt-realtime-mini"),
        ("azure/gpt-4o-realtime", "azure", "gpt-4o-realtime"),
        ("azure/gpt-4o-mini-realtime", "azure", "gpt-4o-mini-realtime"),
        ("nova-sonic", "amazon", "amazon.nova-sonic-v1:0"),
        ("nova-2-sonic", "amazon", "amazon.nova-2-sonic-v1:0"),
        ("gemini-2.5-flash-native-audio", "google", "gemini-2.5-flash-native-audio-preview-12-2025"),
        ("grok-voice", "xai", "grok-voice-latest"),
        ("chat/gpt-4.1-mini", "openai-chat", "gpt-4.1-mini"),
        ("chat/meta/llama-4:free", "openai-chat", "meta/llama-4:free"),
        ("local", "local", "local"),
    ],
)
def test_seed_names(name, provider, provider_model):
    model = find(name)
    assert (model.name, model.provider, model.provider_model) == (name, provider, provider_model)


def test_every_model_has_an_adapter_and_its_own_name():
    assert all(model.provider in ADAPTERS and model.name == name for name, model in MODELS.items())
    assert all(model.deprecated is None or "use " in model.deprecated for model in MODELS.values())
    for model in MODELS.values():
        if model.deprecated:
            assert find(model.deprecated.rpartition("use ")[2]).deprecated is None


def test_modalities_are_as_promised():
    both = {name for name, model in MODELS.items() if model.text}
    assert both == {name for name, model in MODELS.items() if model.provider in ("openai", "azure")}
    assert {name for name, model in MODELS.items() if not model.streaming} == set()
    slow = {model.provider for model in MODELS.values() if model.chat == "transcription"}
    assert slow == {"amazon", "google", "xai", "local"}
    assert not find("chat/x").streaming and find("chat/x").text and find("chat/x").chat == "text"
    assert [name for name, model in MODELS.items() if not model.local_interruption] == ["nova-sonic", "nova-2-sonic"]


def test_voices():
    assert set(find("nova-sonic").voices) == set(VOICES[1]) and set(find("nova-2-sonic").voices) == set(VOICES[2])
    assert "marin" in find("gpt-realtime").voices and "marin" not in find("gpt-4o-realtime").voices
    assert len(find("gemini-2.5-flash-native-audio").voices) == 30
    assert "tina" in find("nova-2-sonic").voices and "tina" not in find("nova-sonic").voices


@pytest.mark.parametrize(
    ("name", "nearest"), [("gpt-realtme", "gpt-realtime"), ("lokal", "local"), ("nova-3-sonic", "nova-2-sonic")]
)
def test_unknown_name_gets_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"did you mean {nearest}"):
        build(name, {})


@pytest.mark.parametrize("name", ["zzzz"])
def test_nothing_near_gets_the_list(name):
    with pytest.raises(ValueError, match="known are"):
        find(name)


def test_a_prefix_alone_is_no_model():
    with pytest.raises(ValueError, match="model 'chat/' is unknown"):
        find("chat/")


# --- building ---


def test_build():
    provider = build("gpt-realtime", {"api_key": "sk", "base_url": "http://127.0.0.1:1/v1", "uplink_ms": 40})
    assert provider.traits.uplink_ms == 40


def test_wrong_settings():
    with pytest.raises(ValueError, match="settings of openai"):
        build("gpt-realtime", {"api_key": "sk", "colour": "red"})


def test_generation_is_a_setting_of_the_adapter(tmp_path, monkeypatch):
    (tmp_path / "catalog_probe.py").write_text("class Adapter:\n    def __init__(self, **given): self.given = given\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    adapters = {"amazon": "catalog_probe:Adapter"}
    assert build("nova-sonic", {"region": "x"}, adapters=adapters).given == {"generation": 1, "region": "x"}
    assert build("nova-2-sonic", {}, adapters=adapters).given == {"generation": 2}


def test_adapters_are_imported_only_when_built():
    code = (
        "import sys, mediaproviders.catalog; print([m for m in sys.modules"
        " if m.startswith(('openai','websockets','google.genai','aws_sdk','boto3','awscrt'))])"
    )
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert ran.stdout.strip() == "[]"


# --- prices ---


def priced(**price):
    return replace(find("gpt-realtime"), price=Price(**price))


def test_cost_of_text_and_audio():
    model = priced(text_input=4, text_output=16, audio_input=32, audio_output=64, cached_input=0.4)
    usage = Usage(1000, 500, input_audio_tokens=600, output_audio_tokens=400)
    assert cost(model, usage) == pytest.approx((400 * 4 + 600 * 32 + 100 * 16 + 400 * 64) / 1e6)


def test_cached_tokens_are_text_first_and_never_more_than_the_input():
    model = priced(text_input=4, audio_input=32, cached_input=0.5)
    within = Usage(1000, 0, input_audio_tokens=600, cached_tokens=300)
    assert cost(model, within) == pytest.approx((100 * 4 + 600 * 32 + 300 * 0.5) / 1e6)
    beyond = Usage(1000, 0, input_audio_tokens=600, cached_tokens=500)
    assert cost(model, beyond) == pytest.approx((500 * 32 + 500 * 0.5) / 1e6)
    senseless = Usage(1000, 0, input_audio_tokens=600, cached_tokens=5000)
    assert cost(model, senseless) == pytest.approx(1000 * 0.5 / 1e6)


def test_cached_tokens_cost_the_same_where_there_is_no_price_for_them():
    assert cost(priced(text_input=4), Usage(1000, 0, cached_tokens=900)) == pytest.approx(0.004)


def test_minutes_and_the_unknown():
    assert cost_per_minute(find("grok-voice")) == 0.05
    assert cost_per_minute(find("gpt-realtime")) == 0
    assert cost(find("chat/x"), Usage(1, 1)) is None and cost_per_minute(find("chat/x")) is None


def test_every_price_says_when():
    assert all(model.price is None or model.price.as_of for model in MODELS.values())


# --- names of one's own ---


def test_own_names_and_aliases():
    models = {**MODELS, "house": Model("house", "openai", "gpt-realtime-2025-08-28")}
    assert build("house", {"api_key": "sk"}, models=models).traits.can_truncate
    with pytest.raises(ValueError, match="no adapter"):
        build("x", {}, models={"x": Model("x", "nobody", "x")})


def test_a_known_model_is_changed():
    models = extend({"gpt-realtime": {"provider_model": "gpt-realtime-2025-08-28", "deprecated": None}})
    changed = find("gpt-realtime", models)
    assert changed.provider_model == "gpt-realtime-2025-08-28" and changed.deprecated is None
    assert changed.voices == find("gpt-realtime").voices and changed.price == find("gpt-realtime").price
    assert find("gpt-realtime").provider_model == "gpt-realtime"


def test_a_new_one_is_like_another():
    model = find("gpt-9", extend({"gpt-9": {"like": "gpt-realtime-2.1", "provider_model": "gpt-9-x", "voices": ["a"]}}))
    assert (model.name, model.provider_model, model.voices, model.text) == ("gpt-9", "gpt-9-x", ("a",), True)


def test_a_new_one_of_a_provider_is_as_its_others():
    model = find(
        "n3", extend({"n3": {"provider": "amazon", "provider_model": "amazon.nova-3", "price": {"per_minute": 1}}})
    )
    assert model.advanced == "nova_sonic" and not model.text and not model.local_interruption
    assert cost_per_minute(model) == 1
    assert not find("llm", extend({"llm": {"provider": "openai-chat", "provider_model": "x"}})).realtime


def test_xai_may_be_run_in_text_by_configuration():
    known = {"api_key": "xai-1"}
    assert (find("grok-voice").text, find("grok-voice").chat) == (False, "transcription")
    assert not build("grok-voice", known).traits.text_output
    models = extend({"grok-voice": {"text": True}})
    assert (find("grok-voice", models).text, find("grok-voice", models).chat) == (True, "text")
    assert build("grok-voice", known, models=models).traits.text_output


def access(provider):
    return {
        "openai": {"api_key": "sk"},
        "azure": {"api_key": "k", "endpoint": "https://x.openai.azure.com"},
        "xai": {"api_key": "xai-1"},
        "openai-chat": {"api_key": "sk"},
        "google": {"api_key": "AIza"},
        "amazon": {"region": "us-east-1"},
    }.get(provider)


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if access(model.provider)] + ["chat/x"])
def test_the_catalogue_says_of_modalities_what_the_adapter_does(name):
    model = find(name)
    traits = build(name, access(model.provider)).traits
    assert traits.text_output is model.text
    assert bool(traits.output_formats) is model.streaming
    assert (model.chat == "text") is traits.text_output
    assert not model.realtime or traits.reversible_interrupt is model.local_interruption


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"x": {}}, "models.x: a new name needs `like`"),
        ({"x": {"like": "gpt-realtme"}}, "models.x.like: model 'gpt-realtme' is unknown; did you mean gpt-realtime"),
        ({"x": {"provider": "openia", "provider_model": "y"}}, "models.x.provider is 'openia'; known are openai"),
        ({"x": {"like": "local", "voces": []}}, "models.x.voces is unknown; did you mean voices?"),
        ({"x": {"like": "local", "price": {"per_minute": -1}}}, "models.x.price.per_minute is -1"),
        ({"x": "gpt-realtime"}, "models.x is 'gpt-realtime'"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(overrides, words):
    with pytest.raises(ValueError, match=words.replace("?", r"\?").replace(".", r"\.")):
        extend(overrides)


def test_faults_of_all_overrides_come_at_once():
    with pytest.raises(ValueError) as refused:
        extend({"a": {}, "b": {"voices": 3}})
    assert "models.a" in str(refused.value) and "models.b.voices" in str(refused.value)
