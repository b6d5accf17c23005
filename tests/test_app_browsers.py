"""The port of browsers as the settings say: when it is opened, and what each browser is told of where we are."""

import asyncio
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mediaserver.app_browsers import Browsers, Hosts
from mediaserver.config import load
from mediaserver.config.network import Networks

LAN, OUTSIDE = "192.168.1.20", "198.51.100.7"
INTERFACES = ["127.0.0.1", "::1", "192.168.1.5", "10.8.0.1", "2001:db8::5"]


def browsers(folder: Path, text: str) -> Browsers:
    path = folder / "mediaserver.toml"
    path.write_text(text)
    return Browsers(load(path))


def hosts(*listening: str, advertise: dict[str, str] | None = None, source: str | None = None) -> Hosts:
    table = None if advertise is None else Networks(advertise)
    return Hosts(listening, table, lambda: list(INTERFACES), lambda peer: source)


# --- what each is told ------------------------------------------------------------------------------------------------


def test_at_all_addresses_the_one_on_the_way_to_the_peer_comes_first() -> None:
    told = hosts("0.0.0.0", source="10.8.0.1").towards(OUTSIDE)
    assert told == ("10.8.0.1", "192.168.1.5")


def test_both_families_the_peers_own_first() -> None:
    both = hosts("0.0.0.0", "::", source="2001:db8::5")
    assert both.towards("2001:db8::99") == ("2001:db8::5", "192.168.1.5", "10.8.0.1")
    assert hosts("0.0.0.0", "::", source="192.168.1.5").towards(LAN) == ("192.168.1.5", "10.8.0.1", "2001:db8::5")


def test_loopback_is_for_who_is_there_and_not_alone() -> None:
    """Its HTTP may have come through a proxy on this machine."""
    told = hosts("0.0.0.0", source="127.0.0.1").towards("127.0.0.1")
    assert told == ("127.0.0.1", "192.168.1.5", "10.8.0.1")


def test_an_address_listened_at_is_told_alone() -> None:
    assert hosts("192.168.1.5").towards(OUTSIDE) == ("192.168.1.5",)
    assert hosts("127.0.0.1").towards("127.0.0.1") == ("127.0.0.1",)
    assert hosts("127.0.0.1").towards(LAN) == ("127.0.0.1",), "there is none better"


def test_what_is_advertised_to_a_network_stands_for_all_of_ours() -> None:
    given = hosts("0.0.0.0", advertise={"0.0.0.0/0": "203.0.113.7", "192.168.0.0/16": "192.168.1.5"}, source="10.8.0.1")
    assert given.towards(OUTSIDE) == ("203.0.113.7",)
    assert given.towards(LAN) == ("192.168.1.5",)
    assert given.towards("127.0.0.1") == ("203.0.113.7", "127.0.0.1")
    assert given.towards("2001:db8::99") == ("10.8.0.1", "192.168.1.5")


def test_a_machine_with_many_addresses_tells_a_few() -> None:
    many = Hosts(("0.0.0.0",), None, lambda: [f"10.0.0.{number}" for number in range(1, 100)], lambda peer: "10.0.0.50")
    told = many.towards(OUTSIDE)
    assert len(told) == 8 and told[0] == "10.0.0.50"


# --- the port ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ('[http]\naddress = ""', False),
        ('[http]\naddress = ""\n[sip]\nws = "127.0.0.1:0"', True),
        ('[http]\naddress = "127.0.0.1:0"', True),
        ('[http]\naddress = "127.0.0.1:0"\n[webrtc]\nudp = ""', False),
    ],
)
async def test_it_is_there_when_browsers_may_come(tmp_path: Path, text: str, there: bool) -> None:
    made = browsers(tmp_path, f'{text}\n[rtp]\naddress = "127.0.0.1"\n')
    opened = made.open(asyncio.get_running_loop())
    assert (opened is not None) is there and (made.hosts is not None) is there
    expected = {} if opened is None else {"webrtc_udp": f"127.0.0.1:{opened.number}"}
    assert made.address() == expected and made.counters() == {}
    made.close()


async def test_both_families_have_one_number(tmp_path: Path) -> None:
    made = browsers(tmp_path, '[webrtc]\nudp = "127.0.0.1:0, [::1]:0"\n')
    opened = made.open(asyncio.get_running_loop())
    assert opened is not None
    assert made.address() == {"webrtc_udp": f"127.0.0.1:{opened.number}, [::1]:{opened.number}"}
    made.close()


async def test_a_port_that_was_given_and_cannot_be_had_is_a_fault_that_names_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        made = browsers(tmp_path, f'[webrtc]\nudp = "127.0.0.1:{port}"\n')
        with pytest.raises(OSError, match=rf"udp port {port} of 127\.0\.0\.1 \(webrtc\.udp\).*give an address"):
            made.open(asyncio.get_running_loop())


async def test_an_address_that_is_not_ours_is_a_fault_too(tmp_path: Path) -> None:
    made = browsers(tmp_path, '[webrtc]\nudp = "203.0.113.200:7882"\n')
    with pytest.raises(OSError, match=r"webrtc\.udp"):
        made.open(asyncio.get_running_loop())


async def test_the_usual_port_may_be_another_when_it_is_in_use(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        try:
            other.bind(("0.0.0.0", 7882))
        except OSError:
            pass  # somebody has it anyhow
        made = browsers(tmp_path, "")
        with capture_logs() as lines:
            opened = made.open(asyncio.get_running_loop())
        assert opened is not None and opened.number != 7882
        assert [line["event"] for line in lines] == ["webrtc.port"] and "7882" in lines[0]["message"]
        made.close()


async def test_strangers_are_counted(tmp_path: Path) -> None:
    made = browsers(tmp_path, '[webrtc]\nudp = "127.0.0.1:0"\n')
    opened = made.open(asyncio.get_running_loop())
    assert opened is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"hello", ("127.0.0.1", opened.number))
        async with asyncio.timeout(5):
            while not made.counters():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert made.counters() == {"webrtc_strangers": 1}
    made.close()
