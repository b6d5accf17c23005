"""The `[http]` table: what it refuses, and in which words."""

from pathlib import Path

import pytest

from mediaserver.config import load
from mediaserver.config.http import Http, origin_of
from mediaserver.errors import ConfigurationError


def read(folder: Path, text: str) -> Http:
    path = folder / "mediaserver.toml"
    path.write_text(f"[http]\n{text}")
    return load(path).http


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('address = "8080"', ["http.address is '8080'", "address:port"]),
        ('key = "k.pem"', ["http", "certificate is missing"]),
        ('self_signed = true\ncertificate = "c.pem"', ["self_signed makes a certificate"]),
        ('origins = ["shop.example"]', ["http.origins.0 is 'shop.example'", "https://www.example.com"]),
        ('origins = ["https://shop.example/path"]', ["http.origins.0"]),
        ('origins = ["*"]', ["http.origins.0"]),
        ('proxies = ["proxy.example"]', ["http.proxies.0", "address or a network"]),
        ('page = "everyone"', ["http.page is 'everyone'", "'loopback', 'anyone' or 'off'"]),
        ("token_ttl_s = 1", ["http.token_ttl_s is 1", "greater than or equal to 5"]),
        ("max_body = 100", ["http.max_body is 100"]),
        ("adress = 1", ["http.adress: unknown setting; did you mean address?"]),
    ],
)
def test_what_cannot_be(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    (fault,) = caught.value.faults
    assert [each for each in words if each not in fault] == []


@pytest.mark.parametrize("field", ["token_secret", "admin_key"])
def test_secrets_are_not_shown(tmp_path: Path, field: str) -> None:
    for value in ('["geheim"]', '"geheim"'):
        if value == '"geheim"' and field == "admin_key":
            assert "geheim" not in repr(read(tmp_path, f"{field} = {value}"))
            continue
        with pytest.raises(ConfigurationError) as caught:
            read(tmp_path, f"{field} = {value}")
        assert f"http.{field}" in str(caught.value) and "geheim" not in str(caught.value)


def test_a_secret_that_signs_is_long_or_elsewhere(tmp_path: Path) -> None:
    assert read(tmp_path, 'token_secret = "env:TOKENS"').token_secret is not None
    assert read(tmp_path, f'token_secret = "{"a" * 32}"').token_secret is not None
    assert read(tmp_path, 'token_secret = ""\nadmin_key = ""').admin_key is None


def test_whether_the_address_was_chosen(tmp_path: Path) -> None:
    assert not Http().chosen and not read(tmp_path, 'page = "off"').chosen
    assert read(tmp_path, 'address = "127.0.0.1:8080"').chosen
    assert read(tmp_path, 'address = ""').address is None


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example:443/", "https://shop.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://localhost:00080", "http://localhost:80"),
    ],
)
def test_an_origin_as_browsers_write_it(given: str, origin: str) -> None:
    assert origin_of(given) == origin
