"""Access to the models: one table per provider, and what the providers' own tools read from the environment.

A secret may be written as it is, or as a reference: "env:NAME", "file:/path", "aws-secretsmanager:name#key" or
"sealed:…".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr

from mediaserver.config.section import OrNone, Section, Url

type UplinkMs = Literal[20, 40, 60, 80, 100]
"""Milliseconds of caller audio in one message."""


class OpenAISettings(Section):
    """Access to OpenAI, or to anything that speaks its protocol."""

    api_key: OrNone[SecretStr] = None
    """Also read from OPENAI_API_KEY."""
    base_url: OrNone[Url] = None
    """Also read from OPENAI_BASE_URL; empty: the public service."""
    uplink_ms: UplinkMs = 20
    """Milliseconds of caller audio in one message."""


class AzureSettings(Section):
    """Access to Azure OpenAI."""

    endpoint: OrNone[Url] = None
    """As in "https://NAME.openai.azure.com"; also read from AZURE_OPENAI_ENDPOINT."""
    api_key: OrNone[SecretStr] = None
    """Also read from AZURE_OPENAI_API_KEY."""
    entra: bool = False
    """Ask Microsoft Entra for a token instead of using a key (managed identity, workload identity, az login, …)."""
    api_version: OrNone[str] = None
    """Empty: the GA interface; a preview version for deployments that speak nothing else."""
    transcription: OrNone[str] = None
    """Name of the deployment that transcribes the caller; empty: that of the usual model."""
    uplink_ms: UplinkMs = 20


class XAISettings(Section):
    """Access to xAI."""

    api_key: OrNone[SecretStr] = None
    """Also read from XAI_API_KEY."""
    base_url: OrNone[Url] = None
    """Empty: the public service."""
    uplink_ms: UplinkMs = 20


class GoogleSettings(Section):
    """Access to Gemini: the Developer API by a key, or Vertex AI by a project."""

    api_key: OrNone[SecretStr] = None
    """Gemini's alone; also read from GEMINI_API_KEY and GOOGLE_API_KEY. Google's speech services go by the machine's
    credentials."""
    vertexai: bool = False
    """Use Vertex AI, with the credentials Google's libraries find."""
    project: OrNone[str] = None
    """Also read from GOOGLE_CLOUD_PROJECT."""
    location: OrNone[str] = None
    """Also read from GOOGLE_CLOUD_LOCATION."""
    base_url: OrNone[Url] = None
    """Empty: the public service."""
    ca_file: OrNone[Path] = None
    """Certificates to trust instead of the system's."""
    uplink_ms: UplinkMs = 40


class AmazonSettings(Section):
    """Access to Amazon Bedrock, Polly and Transcribe. Without keys, the chain of boto3 finds them."""

    region: OrNone[str] = None
    """Also read from AWS_REGION and AWS_DEFAULT_REGION."""
    endpoint_url: OrNone[Url] = None
    """Bedrock's address; empty: the public service of the region. Polly and Transcribe have their own."""
    access_key_id: OrNone[SecretStr] = None
    secret_access_key: OrNone[SecretStr] = None
    session_token: OrNone[SecretStr] = None
    profile: OrNone[str] = None
    """A profile of the AWS configuration files."""
    ca_file: OrNone[Path] = None
    """Certificates to trust instead of the system's."""
    uplink_ms: UplinkMs = 60


class ChatSettings(Section):
    """Access to ordinary text models at an endpoint that speaks OpenAI's chat completions."""

    api_key: OrNone[SecretStr] = None
    """Empty: OpenAI's key."""
    base_url: OrNone[Url] = None
    """Empty: OpenAI's."""


class LocalSettings(Section):
    """The offline model and the offline speech services."""

    script: OrNone[Path] = None
    """TOML file of intents; empty: the built-in receptionist."""
    workers: int = Field(1, ge=1, le=16)
    """Processes that recognise and synthesise speech."""


_CONVENTIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "openai": {"api_key": ("OPENAI_API_KEY",), "base_url": ("OPENAI_BASE_URL",)},
    "azure": {"api_key": ("AZURE_OPENAI_API_KEY",), "endpoint": ("AZURE_OPENAI_ENDPOINT",)},
    "xai": {"api_key": ("XAI_API_KEY",)},
    "google": {
        "api_key": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "project": ("GOOGLE_CLOUD_PROJECT",),
        "location": ("GOOGLE_CLOUD_LOCATION",),
    },
    "amazon": {"region": ("AWS_REGION", "AWS_DEFAULT_REGION")},
}
_SECRET: Final = "api_key"


class Providers(Section):
    """One table per provider."""

    openai: OpenAISettings = OpenAISettings()
    azure: AzureSettings = AzureSettings()
    xai: XAISettings = XAISettings()
    google: GoogleSettings = GoogleSettings()
    amazon: AmazonSettings = AmazonSettings()
    chat: ChatSettings = ChatSettings()
    local: LocalSettings = LocalSettings()

    def with_environment(self, environment: Mapping[str, str]) -> "Providers":
        """What is not set here, filled in by the variables that the providers' own tools read."""
        tables = {}
        for name, conventions in _CONVENTIONS.items():
            table: Section = getattr(self, name)
            found = {
                field: SecretStr(value) if field == _SECRET else value
                for field, variables in conventions.items()
                if getattr(table, field) is None
                and (value := next(filter(None, map(environment.get, variables)), None)) is not None
            }
            if found:
                tables[name] = table.model_copy(update=found)
        return self.model_copy(update=tables) if tables else self
