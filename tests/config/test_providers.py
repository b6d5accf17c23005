"""Access to the models: what is not set here comes from the variables the providers' own tools read."""

import pytest

from mediaserver.config.providers import OpenAISettings, Providers


@pytest.mark.parametrize(
    ("variable", "table", "field"),
    [
        ("OPENAI_BASE_URL", "openai", "base_url"),
        ("AZURE_OPENAI_ENDPOINT", "azure", "endpoint"),
        ("GOOGLE_CLOUD_PROJECT", "google", "project"),
        ("GOOGLE_CLOUD_LOCATION", "google", "location"),
        ("AWS_REGION", "amazon", "region"),
        ("AWS_DEFAULT_REGION", "amazon", "region"),
    ],
)
def test_a_variable_fills_in_what_is_not_set(variable: str, table: str, field: str) -> None:
    assert getattr(getattr(Providers().with_environment({variable: "x"}), table), field) == "x"
    assert getattr(getattr(Providers().with_environment({variable: ""}), table), field) is None


@pytest.mark.parametrize(
    ("variable", "table"),
    [
        ("OPENAI_API_KEY", "openai"),
        ("AZURE_OPENAI_API_KEY", "azure"),
        ("XAI_API_KEY", "xai"),
        ("GEMINI_API_KEY", "google"),
        ("GOOGLE_API_KEY", "google"),
    ],
)
def test_a_key_is_read_and_not_shown(variable: str, table: str) -> None:
    providers = Providers().with_environment({variable: "very-secret"})
    assert getattr(providers, table).api_key.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(providers) and "very-secret" not in providers.model_dump_json()


def test_what_is_set_here_wins_and_the_first_variable_before_the_second() -> None:
    own = Providers(openai=OpenAISettings(base_url="http://127.0.0.1:1/v1"))
    assert own.with_environment({"OPENAI_BASE_URL": "http://127.0.0.1:2/v1"}) == own
    both = Providers().with_environment({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-east-1"})
    assert both.amazon.region == "eu-north-1"
