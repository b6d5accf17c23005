"""What reaches an agent's speech services: all that is theirs, and nothing that is their provider's models' alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from mediaproviders.contract import PCMU
from mediaproviders.entra import EntraToken
from mediaproviders.speech import catalog
from mediaserver.agents.checks import examine
from mediaserver.agents.provision import Provision
from mediaserver.config.providers import Providers
from support.scripted_model import ScriptedProvider

SERVER: dict[str, Any] = {
    "openai": {"api_key": "sk-server", "base_url": "http://gateway.example/v1"},
    "azure": {"endpoint": "https://server.openai.azure.com", "api_key": "azure-server", "transcription": "whisper-eu"},
    "google": {"api_key": "AIza-server", "base_url": "https://gemini.example"},
    "amazon": {
        "region": "eu-north-1",
        "access_key_id": "AKIA-server",
        "secret_access_key": "secret",
        "endpoint_url": "https://bedrock.example",
        "ca_file": "/etc/ssl/authority.pem",
    },
}
ALONE: dict[str, dict[str, str]] = {
    "openai": {},
    "azure": {"model": "deployed"},
    "amazon": {},
    "google": {},
}


class Model(ScriptedProvider):
    """The model between the services, reached by whatever is given."""

    def __init__(self, **given: Any) -> None:
        super().__init__()


class Service:
    """Every speech service in one; it keeps its arguments."""

    made: ClassVar[list[dict[str, Any]]] = []
    formats = (PCMU,)

    def __init__(self, **given: Any) -> None:
        Service.made.append(given)


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(__import__("sys").modules, "support_service", type("m", (), {"Service": Service}))
    monkeypatch.setitem(__import__("sys").modules, "support_model", type("m", (), {"Model": Model}))
    for known in (catalog.SPEECH_TO_TEXT, catalog.TEXT_TO_SPEECH):
        for name, service in list(known.items()):
            monkeypatch.setitem(known, name, replace(service, face="support_service:Service"))
    Service.made.clear()
    yield


def made(service: str, server: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The arguments of a service as recogniser; those as voice are the same."""
    speech = {"service": service, **ALONE[service], **more}
    definition, found = examine(
        {
            "name": "a",
            "model": "chat/x",
            "prompt": "p",
            "speech_to_text": speech,
            "text_to_speech": speech,
        }
    )
    assert definition is not None, [str(fault) for fault in found.faults]
    adapters = {"openai-chat": "support_model:Model"}
    Provision(Providers.model_validate({**SERVER, **(server or {})}), adapters=adapters).agent(definition)
    hearing, speaking = Service.made
    assert hearing == speaking
    return hearing


def test_bedrocks_address_is_not_that_of_amazons_speech_services():
    assert made("amazon") == {
        "region": "eu-north-1",
        "access_key_id": "AKIA-server",
        "secret_access_key": "secret",
        "ca_file": "/etc/ssl/authority.pem",
    }


def test_an_agents_own_keys_for_amazons_speech_services_keep_the_servers_region():
    own = {"access_key_id": "AKIA-own", "secret_access_key": "own"}
    assert made("amazon", access=own) == {**own, "region": "eu-north-1", "ca_file": "/etc/ssl/authority.pem"}


def test_geminis_key_and_address_are_not_those_of_googles_speech_services():
    assert made("google") == {}


def test_googles_speech_services_take_an_agents_own_key():
    assert made("google", api_key="AIza-own") == {"api_key": "AIza-own"}


def test_openais_address_is_that_of_its_models_and_of_its_speech_services():
    assert made("openai") == {"api_key": "sk-server", "base_url": "http://gateway.example/v1"}


def test_an_agents_own_address_of_openai_comes_first():
    own = {"api_key": "sk-own", "base_url": "https://own.example/v1"}
    assert made("openai", access=own) == own


def test_the_resources_endpoint_is_the_address_of_azures_speech_services():
    assert made("azure") == {
        "api_key": "azure-server",
        "base_url": "https://server.openai.azure.com",
        "model": "deployed",
        "azure": True,
    }


async def test_azures_speech_services_ask_for_tokens_whenever_they_need_one():
    entra = made("azure", {"azure": {"endpoint": "https://server.openai.azure.com", "entra": True}})
    assert isinstance(entra["api_key"], EntraToken)
    assert entra["base_url"] == "https://server.openai.azure.com"
    Service.made.clear()
    own = made("azure", access={"endpoint": "https://own.example", "token": "ey-own"})
    assert await own["api_key"]() == "ey-own"
    assert own["base_url"] == "https://own.example"
