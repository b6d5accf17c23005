"""The table of browsers' media: what it defaults to, and which faults it names."""

from pathlib import Path

import pytest

from mediaserver.config import Settings, load
from mediaserver.errors import ConfigurationError


def settings_of(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "mediaserver.toml"
    path.write_text(text)
    return load(path)


@pytest.mark.parametrize(
    ("given", "rtp", "expected"),
    [
        ("", "0.0.0.0", [("0.0.0.0", 7882)]),
        ("", "203.0.113.5", [("203.0.113.5", 7882)]),
        ("", "127.0.0.1", [("127.0.0.1", 0)]),
        ("", "::1", [("::1", 0)]),
        ('udp = "127.0.0.1:4000"', "0.0.0.0", [("127.0.0.1", 4000)]),
        ('udp = "0.0.0.0:7882, [::]:7882"', "0.0.0.0", [("0.0.0.0", 7882), ("::", 7882)]),
        ('udp = ""', "0.0.0.0", []),
    ],
)
def test_where_browsers_find_us(tmp_path: Path, given: str, rtp: str, expected: list[tuple[str, int]]) -> None:
    settings = settings_of(tmp_path, f'[rtp]\naddress = "{rtp}"\n[webrtc]\n{given}\n')
    assert settings.webrtc.listening(settings.rtp.address) == expected
    assert settings.webrtc.chosen is bool(given)


def test_the_environment_may_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIASERVER_WEBRTC__UDP", "127.0.0.1:4000")
    monkeypatch.setenv("MEDIASERVER_WEBRTC__ADVERTISE", "203.0.113.7")
    settings = settings_of(tmp_path, "")
    assert settings.webrtc.listening("0.0.0.0") == [("127.0.0.1", 4000)]
    assert settings.webrtc.advertise == {"0.0.0.0/0": "203.0.113.7", "::/0": "203.0.113.7"}
    monkeypatch.setenv("MEDIASERVER_WEBRTC__ADVERTISE", '{"10.0.0.0/8": "10.0.0.5"}')
    assert settings_of(tmp_path, "").webrtc.advertise == {"10.0.0.0/8": "10.0.0.5"}
    monkeypatch.setenv("MEDIASERVER_WEBRTC__ADVERTISE", "{10.0.0.0/8}")
    with pytest.raises(ConfigurationError, match=r"webrtc\.advertise"):
        settings_of(tmp_path, "")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('udp = "7882"', "webrtc.udp is '7882': write it as \"address:port\""),
        ('udp = "10.0.0.1:7882, 10.0.0.2:7882"', "several addresses of a family"),
        ('udp = "0.0.0.0:7882, [::]:7883"', "several ports"),
        ('advertise = "media.example.com"', "webrtc.advertise"),
        ("connect_s = 0", "webrtc.connect_s"),
        ("consent_s = 1", "webrtc.consent_s"),
        ('ports = "1-2"', "webrtc.ports"),
    ],
)
def test_every_fault_names_its_setting(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, f"[webrtc]\n{text}\n")
    assert fault in "\n".join(caught.value.faults)
