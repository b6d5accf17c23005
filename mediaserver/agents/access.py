"""How a provider is reached: with the server's keys, or with the agent's own, which come first."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from mediaproviders.entra import EntraToken
from mediaserver.agents.definition import AgentDefinition, Fallback, Speech, own_access
from mediaserver.agents.secrets import SecretError, Secrets
from mediaserver.config.providers import Providers

_CREDENTIALS: Final = frozenset(
    {"api_key", "token", "entra", "vertexai", "project", "location", "credentials_file"}
    | {"access_key_id", "secret_access_key", "session_token", "profile"}
)
"""Ways to say who one is. Whoever gives one of them gives all."""
_OF_MODELS: Final[Mapping[str, frozenset[str]]] = {
    "amazon": frozenset({"endpoint_url"}),  # Bedrock's
    "google": frozenset({"api_key", "base_url"}),  # the Gemini API's; Google's speech services are another one
}
"""What of the server's settings is for a provider's models alone, and not for its speech services."""
_NO_KEY: Final = "none"
"""For endpoints that want no key; the SDK wants a text."""

_NEEDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "openai": (("api_key", "OPENAI_API_KEY"),),
    "azure": (("endpoint", "AZURE_OPENAI_ENDPOINT"),),
    "xai": (("api_key", "XAI_API_KEY"),),
    "openai-chat": (("api_key", "OPENAI_API_KEY"),),
}
"""What reaching a provider cannot do without, and the variable of the environment it is also read from."""


class Doors:
    """Settings of adapters, from the server's tables and what agents bring of their own. Looking up secrets blocks."""

    def __init__(self, providers: Providers, secrets: Secrets) -> None:
        self._providers = providers
        self._secrets = secrets

    def settings(
        self, holder: AgentDefinition | Fallback | Speech, prefix: str, provider: str
    ) -> tuple[dict[str, object], list[str]]:
        """What reaches `provider` for an agent, a fall-back or a speech service of one; and the faults in it.

        `prefix` is where the holder stands, as "fallback.0.".
        """
        server = self._of_server(provider)
        if isinstance(holder, Speech):
            server = {name: value for name, value in server.items() if name not in _OF_MODELS.get(provider, ())}
        own = own_access(holder)
        if own.keys() & _CREDENTIALS:
            server = {name: value for name, value in server.items() if name not in _CREDENTIALS}
        table = "chat" if provider == "openai-chat" else provider
        faults: list[str] = []
        found: dict[str, object] = {}
        for source, where in ((server, f"providers.{table}."), (own, prefix)):
            for name, value in source.items():
                short = where == prefix and name == "api_key" and holder.api_key is not None
                field = f"{where}{name}" if short or where != prefix else f"{prefix}access.{name}"
                try:
                    found[name] = self._uncovered(value, field)
                except SecretError as error:
                    faults += error.faults
        if provider == "google" and isinstance(holder, Speech):
            return found, faults  # its speech services go by the machine's own credentials
        return found, faults or _missing(found, table, provider)

    def _of_server(self, provider: str) -> dict[str, object]:
        if provider == "openai-chat":
            return self._of_chat()
        table = getattr(self._providers, provider)
        return {
            name: value for name in type(table).model_fields if (value := getattr(table, name)) not in (None, False)
        }

    def _of_chat(self) -> dict[str, object]:
        """A key goes to the endpoint it is for: OpenAI's to OpenAI's, and to no other."""
        chat, openai = self._providers.chat, self._providers.openai
        if chat.base_url is not None:
            return {"base_url": chat.base_url, "api_key": chat.api_key or SecretStr(_NO_KEY)}
        both = {"base_url": openai.base_url, "api_key": chat.api_key or openai.api_key}
        return {name: value for name, value in both.items() if value is not None}

    def _uncovered(self, value: object, field: str) -> object:
        return self._secrets.resolve(value, field) if isinstance(value, SecretStr) else value


def _missing(found: Mapping[str, object], table: str, provider: str) -> list[str]:
    needed = list(_NEEDS.get(provider, ()))
    if provider == "azure" and not {"api_key", "token", "entra"} & found.keys():
        needed.append(("api_key", "AZURE_OPENAI_API_KEY"))
    if provider == "google" and found.get("vertexai"):
        needed += [("project", "GOOGLE_CLOUD_PROJECT"), ("location", "GOOGLE_CLOUD_LOCATION")]
    elif provider == "google":
        needed.append(("api_key", "GEMINI_API_KEY"))
    return [
        f"providers.{table}.{name}: {{model}} needs one; set it there or as {variable}, or give the agent its own"
        for name, variable in needed
        if name not in found
    ]


def arguments(provider: str, settings: Mapping[str, object]) -> dict[str, Any]:
    """The settings as the adapter's constructor takes them."""
    given = dict(settings)
    token = given.pop("token", None)
    if given.pop("entra", False):
        given["token"] = _entra()
    elif isinstance(token, str):
        given["token"] = _Fixed(token)
    if provider == "google" and isinstance(authorities := given.pop("ca_file", None), Path):
        given["tls"] = _trust(authorities)
    elif provider == "amazon" and "ca_file" in given:
        given["ca_file"] = str(given["ca_file"])
    return given


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A token that is given once and for all, as the adapters ask for one."""

    token: str = field(repr=False)

    async def __call__(self) -> str:
        return self.token


@lru_cache(1)
def _entra() -> EntraToken:
    """The machine's own identity; its tokens are shared by all that need one."""
    return EntraToken()


@lru_cache(8)
def _trust(authorities: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)
