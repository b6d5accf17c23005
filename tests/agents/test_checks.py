"""What an agent may not say, and what it is told about it."""

import pytest

from mediaproviders.catalog import extend
from mediaserver.agents.checks import examine
from mediaserver.agents.definition import AgentDefinition, own_access

SPEECH = {"speech_to_text": {"service": "openai"}, "text_to_speech": {"service": "openai"}}


def agent(**changes):
    written = {"name": "clinic", "model": "gpt-realtime-2.1", "prompt": "Answer {caller}.", **changes}
    return {key: value for key, value in written.items() if value is not None}


def faults(models=None, **changes):
    definition, found = examine(agent(**changes), *([models] if models else []))
    assert (definition is None) is bool(found.faults)
    return [str(fault) for fault in found.faults]


def fault(**changes):
    told = faults(**changes)
    assert len(told) == 1, told
    return told[0]


def warnings(**changes):
    definition, found = examine(agent(**changes))
    assert definition is not None, [str(each) for each in found.faults]
    return [str(warning) for warning in found.warnings]


def warning(**changes):
    told = warnings(**changes)
    assert len(told) == 1, told
    return told[0]


# --- shape ---


def test_a_minimal_agent_has_nothing_to_be_said_about():
    definition, found = examine(agent())
    assert definition is not None and not found.faults and not found.warnings
    assert definition.tools == ("end_call",) and definition.welcome is None and definition.voice_streaming is None


def test_greeting_is_welcome():
    definition, _ = examine(agent(greeting="Hello"))
    assert definition is not None and definition.welcome == "Hello"
    definition, _ = examine(agent(welcome=""))
    assert definition is not None and definition.welcome is None


def test_yamls_booleans_are_the_words_they_were_written_as():
    definition, _ = examine(agent(echo=False, dtmf={"inband": False}))
    assert definition is not None and (definition.echo, definition.dtmf.inband) == ("off", "off")
    definition, _ = examine(agent(echo=True))
    assert definition is not None and definition.echo == "on"
    assert "has to be 'off', 'auto' or 'always'" in fault(dtmf={"inband": True})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"promt": "x"}, "promt: is unknown; did you mean prompt?"),
        ({"prompt": None}, "prompt: is missing; give it"),
        ({"barge_in": {"confirm": 3}}, "barge_in.confirm: is unknown; did you mean confirm_ms?"),
        ({"barge_in": {"confirm_ms": 3}}, "barge_in.confirm_ms: is 3: has to be greater than or equal to 40"),
        ({"temperature": 3}, "temperature: is 3: has to be less than or equal to 2"),
        ({"interruption": "both"}, "interruption: is 'both': has to be 'provider' or 'local'"),
        ({"echo": "yes"}, "echo: is 'yes': has to be 'auto', 'on' or 'off'"),
        ({"tools": ["weather"]}, "tools.0: is 'weather': write \"package.module:function\", or the built-in"),
        ({"tools": "end_call"}, "tools: has to be a list"),
        ({"limits": 3}, "limits: has to be an object"),
        ({"name": "a@b"}, "name: has to be without /, @ and :"),
        ({"name": " a"}, "name: has to be without /, @ and :, and without a space at either end"),
        ({"variables": {"2x": "y"}}, "variables.2x: a variable's name is letters"),
        ({"fallback": [{"modle": "local"}]}, "fallback.0.modle: is unknown; did you mean model?"),
        ({"fallback": ["local"] * 5}, "fallback"),
        ({"access": {"base_url": "gateway"}, "api_key": "env:X"}, "access.base_url: write a URL with its scheme"),
        ({"text_to_speech": {"service": "festival"}}, "text_to_speech.service: is 'festival': has to be 'openai'"),
    ],
)
def test_malformed(changes, words):
    assert any(told.startswith(words) for told in faults(**changes)), faults(**changes)


def test_a_document_that_is_no_agent():
    definition, found = examine(["x"])
    assert definition is None and [str(each) for each in found.faults] == [
        "agent: has to be an object: keys with values"
    ]


def test_malformed_and_senseless_come_at_once():
    told = faults(promt="x", model="gpt-realtme", welcome="{caler}", barge_in={"confirm_ms": 1})
    assert len(told) == 4
    assert any(each.startswith("model: model 'gpt-realtme' is unknown; did you mean gpt-realtime") for each in told)


def test_what_is_malformed_is_not_called_missing_too():
    told = faults(voice_streaming=False, **SPEECH | {"speech_to_text": {"service": "x"}})
    assert [each.partition(":")[0] for each in told] == ["speech_to_text.service"]


# --- texts ---


def test_variables():
    assert fault(prompt="Hi {caler}") == "prompt: {caler} is no variable; did you mean caller?"
    assert fault(welcome="Hi {").startswith("welcome: line 1: {")
    assert not faults(prompt="{shop} {call_id} {callee} {caller_name} {agent} {date} {time}", variables={"shop": "x"})
    assert not faults(prompt='{{"json": 1}}')


def test_time_zone():
    assert not faults(variables={"timezone": "Europe/Berlin"})
    for wrong in ("Berlin", "", "../etc/passwd", "/etc/localtime"):
        assert fault(variables={"timezone": wrong}).startswith("variables.timezone: is ")


# --- models and modalities ---


@pytest.mark.parametrize("model", ["gemini-2.5-flash-native-audio", "nova-2-sonic", "grok-voice"])
def test_voice_streaming_cannot_be_off_where_the_model_answers_in_audio_only(model):
    told = fault(model=model, voice_streaming=False, **SPEECH)
    assert told.startswith(f"voice_streaming: is false, but {model} (") and "answers in audio only" in told
    assert not faults(model=model, voice_streaming=True)


def test_unless_a_configuration_says_it_can():
    models = extend({"grok-voice": {"text": True}})
    assert not faults(models, model="grok-voice", voice_streaming=False, **SPEECH)


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-4o-mini-realtime", "azure/gpt-realtime-mini"])
def test_openai_and_azure_models_run_in_text_between_speech_services(model):
    assert not faults(model=model, voice_streaming=False, **SPEECH)
    told = faults(model=model, voice_streaming=False)
    assert [each.partition(":")[0] for each in told] == ["speech_to_text", "text_to_speech"]


def test_text_models_need_speech_services_and_cannot_stream():
    assert not faults(model="chat/gpt-4.1-mini", **SPEECH)
    assert not faults(model="chat/gpt-4.1-mini", voice_streaming=False, **SPEECH)
    assert fault(model="chat/gpt-4.1-mini", voice_streaming=True, **SPEECH).startswith("voice_streaming: chat/gpt")
    assert len(faults(model="chat/gpt-4.1-mini")) == 2


def test_speech_services_are_ignored_while_voice_streaming_is_on():
    told = warnings(**SPEECH)
    assert len(told) == 2 and all("has no effect" in each for each in told)
    typed = {"text_to_speech": {"service": "local"}}
    assert not any("text_to_speech" in each for each in warnings(model="nova-sonic", **typed))


def test_a_voice_of_the_model_is_ignored_while_voice_streaming_is_off():
    told = warning(voice="marin", voice_streaming=False, **SPEECH)
    assert told.startswith("voice: has no effect") and "text_to_speech.voice" in told


@pytest.mark.parametrize(
    ("direction", "given", "words"),
    [
        ("speech_to_text", {"service": "amazon", "promt": "x"}, "promt: is unknown to amazon; known are language"),
        ("text_to_speech", {"service": "openai", "voise": "x"}, "voise: is unknown to openai; did you mean voice?"),
        ("text_to_speech", {"service": "local", "speed": 1}, "speed: is unknown to local; "),
        ("text_to_speech", {"service": "openai", "speed": 9}, "speed: 9 has to be a number from 0.25 to 4"),
        ("speech_to_text", {"service": "azure"}, "model: is missing"),
        (
            "speech_to_text",
            {"service": "openai", "base_url": "x"},
            "base_url: is not a setting of the service; give it",
        ),
        ("speech_to_text", {"service": "local", "api_key": "env:X"}, "api_key: does not belong to the local service"),
    ],
)
def test_settings_a_service_does_not_take(direction, given, words):
    told = fault(voice_streaming=False, **SPEECH | {direction: given})
    assert told.startswith(f"{direction}.{words}")


def test_local_interruption():
    assert not faults(interruption="local")
    told = fault(model="nova-2-sonic", interruption="local")
    assert told == "interruption: is local, but nova-2-sonic (Amazon) decides interruptions itself; use provider"


def test_few_tokens_warn_on_realtime_models_only():
    assert warning(max_output_tokens=999).startswith("max_output_tokens: is 999: ")
    assert not warnings(max_output_tokens=1000)
    assert not warnings(model="chat/gpt-4.1-mini", max_output_tokens=100, **SPEECH)


def test_deprecated_models_warn():
    assert warning(model="gpt-4o-realtime") == ("model: gpt-4o-realtime is not served any more; use gpt-realtime-2.1")


def test_unknown_voice_warns():
    assert warning(voice="corral").startswith("voice: 'corral' is not known of gpt-realtime-2.1; known are alloy")
    assert not warnings(voice="coral")
    assert not warnings(model="grok-voice", voice="Eve")


def test_a_voice_that_the_service_refuses_is_a_fault():
    assert fault(model="nova-2-sonic", voice="coral").startswith("voice: 'coral' is not known of nova-2-sonic")
    told = fault(fallback=[{"model": "nova-2-sonic", "voice": "coral"}])
    assert told.startswith("fallback.0.voice: 'coral' is not known of nova-2-sonic")
    assert not faults(model="nova-2-sonic", voice="Tiffany")


def test_a_cost_limit_without_a_price_warns():
    assert "price of gpt-realtime-2.1-mini is not known" in warning(
        model="gpt-realtime-2.1-mini", limits={"max_cost": 1}
    )
    assert not warnings(limits={"max_cost": 1})


# --- fall-back ---


def test_fallbacks_are_names_or_objects():
    definition, found = examine(agent(fallback=["grok-voice", {"model": "nova-2-sonic", "voice": "tiffany"}]))
    assert definition is not None and not found.warnings
    assert [each.model for each in definition.fallback] == ["grok-voice", "nova-2-sonic"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fallback": ["grok-voise"]}, "fallback.0.model: model 'grok-voise' is unknown; did you mean grok-voice?"),
        ({"fallback": ["local", "chat/x"]}, "fallback.1.model: chat/x is a text model, and voice streaming is on"),
        ({"fallback": ["nova-2-sonic"], "interruption": "local"}, "fallback.0.model: nova-2-sonic (Amazon) decides"),
        ({"fallback": [{"model": "local", "deployment": "x"}]}, "fallback.0.deployment: is for Azure models"),
        ({"fallback": [{"model": "local", "api_key": "env:X"}]}, "fallback.0.api_key: does not belong to the offline"),
        (
            {"fallback": ["grok-voice"], "voice_streaming": False, **SPEECH},
            "fallback.0.model: grok-voice (xAI) answers in audio only, and voice streaming is off",
        ),
    ],
)
def test_a_fallback_that_cannot_take_over_is_refused(changes, words):
    assert fault(**changes).startswith(words)


def test_a_fallback_to_itself_and_to_an_unknown_voice_warn():
    assert warning(fallback=["gpt-realtime-2.1"]).startswith("fallback.0.model: is gpt-realtime-2.1 again")
    assert "fallback.0.voice" in warning(fallback=[{"model": "grok-voice", "voice": "marin"}])


# --- keys of one's own ---


def test_a_key_belongs_to_the_provider():
    assert not faults(model="azure/gpt-realtime", access={"endpoint": "https://x.example", "api_key": "env:X"})
    told = fault(access={"region": "eu-north-1"})
    assert told.startswith("access.region: does not belong to OpenAI (gpt-realtime-2.1), which takes api_key, base_url")
    assert fault(model="local", api_key="env:X").startswith("api_key: does not belong to the offline model (local)")
    assert fault(deployment="x").startswith("deployment: is for Azure models, and gpt-realtime-2.1 is of OpenAI")


def test_the_servers_key_does_not_go_to_an_address_of_the_agents():
    told = fault(access={"base_url": "https://elsewhere.example/v1"})
    assert told == "access.base_url: give api_key too: the server's own key is not sent elsewhere"
    assert not faults(access={"base_url": "https://elsewhere.example/v1"}, api_key="env:X")


def test_halves_and_doubles():
    assert "go together" in fault(model="nova-2-sonic", access={"access_key_id": "env:X"})
    assert fault(api_key="env:X", access={"api_key": "env:Y"}).startswith("access.api_key: is given as api_key too")


def test_a_key_in_plain_text_warns_and_shows_nowhere():
    written = agent(api_key="sk-top-secret")
    definition, found = examine(written)
    assert definition is not None
    assert str(found.warnings[0]) == "api_key: is written in plain text; write env:NAME or file:/path, or seal it"
    shown = [repr(definition), str(definition), str(definition.model_dump()), definition.model_dump_json()]
    shown += [repr(own_access(definition)), str(AgentDefinition.model_json_schema())]
    assert all("sk-top-secret" not in each for each in shown)


@pytest.mark.parametrize(
    "changes",
    [
        {"api_key": ["sk-top-secret"]},
        {"api_key": {"key": "sk-top-secret"}},
        {"api_kee": "sk-top-secret"},
        {"access": "sk-top-secret"},
        {"access": {"key": "sk-top-secret"}},
        {"access": {"base_url": "sk-top-secret"}},
        {"fallback": [{"model": "local", "api_key": 7, "secret": "sk-top-secret"}]},
        {"fallback": [{"model": "local", "access": {"region": ["sk-top-secret"]}}]},
        {"speech_to_text": {"service": "openai", "access": {"token": 3, "api_kez": "sk-top-secret"}}},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(changes):
    told = faults(**changes)
    assert told and all("sk-top-secret" not in each for each in told)


# --- advanced configuration ---


def advanced(model="gpt-realtime-2.1", **objects):
    return {"model": model, "advanced_configuration": objects}


def test_every_provider_has_its_object():
    assert not faults(**advanced(openai_realtime={"voice": "coral"}))
    assert not faults(**advanced("azure/gpt-realtime", openai_realtime={"voice": "coral"}))
    assert not faults(**advanced("grok-voice", xai_realtime={"voice": "eve"}))
    assert not faults(**advanced("local", local={"script": "intents.toml"}))


def test_an_object_of_another_provider_names_the_right_one():
    told = fault(**advanced("gpt-realtime-2.1", xai_realtime={"voice": "eve"}))
    assert told.startswith("advanced_configuration.xai_realtime: belongs to models of another provider")
    assert told.endswith("write openai_realtime")
    assert fault(**advanced("gemini-2.5-flash-native-audio", nova_sonic={})).endswith("write gemini_audio")
    assert fault(model="chat/x", advanced_configuration={"nova_sonic": {}}, **SPEECH).endswith("remove it")


def test_what_is_said_in_openais_words_of_xais_model():
    assert not faults(**advanced("grok-voice", openai_realtime={"voice": "eve"}))
    assert "noise_reduction" in fault(**advanced("grok-voice", openai_realtime={"noise_reduction": "near_field"}))
    both = {"openai_realtime": {"noise_reduction": "near_field"}, "xai_realtime": {"voice": "eve"}}
    assert not faults(fallback=["grok-voice"], **advanced("gpt-realtime-2.1", **both))


def test_what_a_service_of_the_same_protocol_does_not_take():
    semantic = {"turn_detection": {"type": "semantic_vad"}}
    assert not faults(**advanced("gpt-realtime-2.1", openai_realtime=semantic))
    assert "semantic_vad" in fault(**advanced("azure/gpt-realtime", openai_realtime=semantic))


def test_what_the_generation_does_not_have():
    told = fault(**advanced("nova-sonic", nova_sonic={"endpointing_sensitivity": "HIGH"}))
    assert told.startswith("advanced_configuration.nova_sonic.endpointing_sensitivity: is for the second generation")
    assert not faults(**advanced("nova-2-sonic", nova_sonic={"endpointing_sensitivity": "HIGH"}))


def test_an_object_for_a_fallback_is_welcome():
    assert not faults(fallback=["grok-voice"], **advanced(openai_realtime={}, xai_realtime={"voice": "eve"}))


def test_unknown_objects_and_keys_name_the_nearest():
    assert fault(**advanced(openai={})) == "advanced_configuration.openai: is unknown; did you mean openai_realtime?"
    told = fault(**advanced(openai_realtime={"voise": "coral"}))
    assert told == "advanced_configuration.openai_realtime.voise: is unknown; did you mean voice?"
    assert "speed" in fault(**advanced(openai_realtime={"speed": 9}))


def test_silero_vad():
    silero = {"min_speech_ms": 250, "redemption_ms": 700}
    assert "has no effect" in warning(**advanced(silero_vad=silero))
    assert not warnings(
        **advanced("gemini-2.5-flash-native-audio", gemini_audio={"vad_mode": "silero"}, silero_vad=silero)
    )
    assert not warnings(voice_streaming=False, **SPEECH, **advanced(silero_vad=silero))
    assert "redemption_ms" in fault(**advanced(silero_vad={"redemption": 700}))
