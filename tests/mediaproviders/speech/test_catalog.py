"""Names of services, and their settings as data."""

import inspect
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

from mediaproviders.contract import ProviderError
from mediaproviders.speech import catalog
from mediaproviders.speech.catalog import SPEECH_TO_TEXT, TEXT_TO_SPEECH, Service, Setting
from mediaproviders.speech.openai import OpenAISpeechToText, OpenAITextToSpeech

BOTH = [("speech_to_text", SPEECH_TO_TEXT), ("text_to_speech", TEXT_TO_SPEECH)]
ALL = [(direction, name, service) for direction, services in BOTH for name, service in services.items()]


@pytest.mark.parametrize(("direction", "name", "service"), ALL, ids=str)
def test_the_settings_are_the_arguments_of_the_class(direction, name, service):
    module, _, attribute = service.face.partition(":")
    if find_spec(module) is None:
        pytest.skip(f"{module} is not here")
    taken = inspect.signature(getattr(import_module(module), attribute)).parameters
    assert set(service.settings) | set(service.fixed) <= set(taken)
    needed = {each for each, parameter in taken.items() if parameter.default is parameter.empty}
    assert needed <= {each for each, setting in service.settings.items() if setting.required}


async def test_building():
    hearing = catalog.build_speech_to_text("openai", {"api_key": "sk-1", "language": "en"})
    speaking = catalog.build_text_to_speech("openai", {"api_key": "sk-1", "voice": "coral", "speed": 1})
    assert isinstance(hearing, OpenAISpeechToText) and isinstance(speaking, OpenAITextToSpeech)
    await hearing.close()
    await speaking.close()
    azure = {"api_key": "k", "base_url": "https://name.openai.azure.com", "model": "voice"}
    speaking = catalog.build_text_to_speech("azure", azure)
    assert str(speaking._client.base_url) == "https://name.openai.azure.com/openai/v1/"
    await speaking.close()


@pytest.mark.parametrize(
    ("service", "settings", "said"),
    [
        ("opnai", {}, "text_to_speech service 'opnai' is unknown; did you mean openai?"),
        ("zzz", {}, "text_to_speech service 'zzz' is unknown; known are amazon, azure, google, local, openai"),
        ("openai", {}, "text_to_speech openai: api_key is missing"),
        ("openai", {"api_key": 7}, "text_to_speech openai: api_key has to be a text, or a coroutine function"),
        ("openai", {"api_key": "k", "vioce": "x"}, "text_to_speech openai: vioce is unknown; did you mean voice?"),
        ("openai", {"api_key": "k", "speed": 9}, "text_to_speech openai: speed 9 has to be a number from 0.25 to 4"),
        ("openai", {"api_key": "k", "speed": True}, "speed True has to be a number"),
        ("openai", {"api_key": "k", "voice": ""}, "voice '' has to be a text"),
        ("azure", {"api_key": "k", "model": "m"}, "text_to_speech azure: base_url is missing"),
        ("amazon", {"engine": "steam"}, "engine 'steam' has to be one of standard, neural, long-form, generative"),
        ("amazon", {"threads": 2.5}, "threads 2.5 has to be a whole number from 1 to 256"),
        ("amazon", {"lexicons": "names"}, "lexicons 'names' has to be a list of texts"),
    ],
)
def test_settings_that_are_refused(service, settings, said):
    (fault,) = catalog.faults("text_to_speech", service, settings)
    assert said in fault
    with pytest.raises(ValueError, match="text_to_speech"):
        catalog.build_text_to_speech(service, settings)


def test_every_fault_is_told_and_no_secret():
    found = catalog.faults("speech_to_text", "amazon", {"secret_access_key": ["hush"], "colour": "red"})
    assert len(found) == 2 and "hush" not in "".join(found)


def test_right_settings_have_no_faults():
    assert catalog.faults("speech_to_text", "openai", {"api_key": "k", "timeout_s": 5}) == []
    assert catalog.faults("text_to_speech", "amazon", {"lexicons": ["a"], "threads": 4}) == []
    assert Setting("flag").fault(True) is None and Setting("flag").fault("yes") == "true or false"


def test_what_is_not_installed_says_so(monkeypatch):
    missing = {"missing": Service("mediaproviders.speech.nowhere:Nothing")}
    monkeypatch.setitem(catalog._SERVICES, "speech_to_text", missing)
    with pytest.raises(ProviderError, match="missing is not installed") as raised:
        catalog.build_speech_to_text("missing", {})
    assert (raised.value.code, raised.value.retryable) == ("not-installed", False)


def test_checking_settings_imports_no_sdk():
    code = (
        "import sys; from mediaproviders.speech import catalog; catalog.faults('text_to_speech', 'amazon', {});"
        "print([name for name in ('openai', 'boto3', 'google.cloud', 'grpc') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert ran.stdout.strip() == "[]", ran.stderr
