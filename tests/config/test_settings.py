from pathlib import Path

import pytest

from mediaserver.config import load, split_host
from mediaserver.errors import ConfigurationError


def faults_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "mediaserver.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return caught.value.faults


def test_all_faults_at_once_with_field_value_and_remedy(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """
        [sip]
        udp = "5060"
        allow = ["not a network"]
        [rtp]
        ptime_ms = 25
        ports = "10-5"
        [limits]
        max_calls = 0
        max_cals = 1
        """,
    )
    assert len(faults) == 6
    text = "\n".join(faults)
    assert "sip.udp is '5060': write it as \"address:port\"" in text
    assert "rtp.ptime_ms is 25" in text
    assert "limits.max_cals: unknown setting; did you mean max_calls?" in text
    assert "limits.max_calls is 0" in text


def test_one_wrong_item_is_one_fault(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, '[rtp]\ncodecs = ["G729"]')
    assert fault.startswith("rtp.codecs.0 is 'G729'")


@pytest.mark.parametrize("table", ["providers", "agent"])
def test_a_secret_in_the_place_of_a_table_is_not_repeated(tmp_path: Path, table: str) -> None:
    (fault,) = faults_of(tmp_path, f'{table} = "sk-misplaced"')
    assert fault.startswith(f"{table}: ") and "sk-misplaced" not in fault


def test_the_key_of_an_agent_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "mediaserver.toml"
    path.write_text('[agent]\nmodel = "gpt-realtime"\napi_key = "sk-own"')
    settings = load(path)
    assert settings.agent["api_key"] == "sk-own" and "sk-own" not in repr(settings)


def test_secrets_are_not_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in str(faults_of(tmp_path, '[sip.users]\nalice = ["hunter2"]'))
    assert "hunter2" not in str(faults_of(tmp_path, '[providers]\nopenai = "hunter2"'))


def test_not_toml_and_not_there(tmp_path: Path) -> None:
    assert "is not TOML" in faults_of(tmp_path, "[sip")[0]
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_no_transport_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"sip\.udp, tcp, tls, ws and wss are all off"):
        load_with(tmp_path, {"MEDIASERVER_SIP__UDP": "", "MEDIASERVER_SIP__TCP": ""})


def test_empty_says_without(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text('[sip]\ntcp = ""\n[providers.openai]\nbase_url = ""')
    settings = load(path)
    assert settings.sip.udp and settings.sip.tcp == ()
    assert settings.providers.openai.base_url is None


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("MEDIASERVER_SIP__ALLOW", "192.0.2.0/24", "written as JSON"),
        ("MEDIASERVER_LIMIT__MAX_CALLS", "5", "did you mean MEDIASERVER_LIMITS__…?"),
        ("MEDIASERVER_SIP", "{}", "MEDIASERVER_SIP"),
        ("MEDIASERVER_SIP__UDPP", "x", "sip.udpp: unknown setting; did you mean udp?"),
    ],
)
def test_faults_of_the_environment_are_faults_too(tmp_path: Path, variable: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_with(tmp_path, {variable: value})
    assert expected in str(caught.value)


def test_what_other_commands_read_of_the_environment_is_no_fault(tmp_path: Path) -> None:
    load_with(tmp_path, {"MEDIASERVER_TOKEN": "x", "MEDIASERVER_ADMIN_KEY": "y"})


def load_with(tmp_path: Path, environment: dict[str, str]) -> object:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        path = tmp_path / "m.toml"
        path.write_text('[sip]\nudp = "127.0.0.1:5060"')
        return load(path)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {"MEDIASERVER_SIP__UDP": "127.0.0.1:5099", "OPENAI_API_KEY": "sk-test"})
    assert settings.sip.udp == ("127.0.0.1:5099",)  # type: ignore[attr-defined]
    key = settings.providers.openai.api_key  # type: ignore[attr-defined]
    assert key.get_secret_value() == "sk-test" and "sk-test" not in repr(settings)


def test_the_example_is_valid_and_complete() -> None:
    """Every setting appears in the commented example, and the example loads."""
    from mediaserver.config import Settings

    example = Path(__file__).parents[2] / "deploy" / "mediaserver.example.toml"
    load(example)
    text = example.read_text()
    for table, field in Settings.model_fields.items():
        model = field.annotation
        for name in getattr(model, "model_fields", {}):
            if table != "providers":
                assert f"\n{name} =" in text or f"\n# {name} =" in text or f"[{table}.{name}]" in text, name


@pytest.mark.parametrize(("text", "pair"), [("0.0.0.0:5060", ("0.0.0.0", 5060)), ("[::1]:5060", ("::1", 5060))])
def test_split_host(text: str, pair: tuple[str, int]) -> None:
    assert split_host(text) == pair
