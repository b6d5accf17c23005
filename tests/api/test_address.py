"""Who asks, by address: what a proxy says is taken as far as it is an address."""

import pytest
from starlette.requests import HTTPConnection

from mediaserver.api.origin import address_of


def asked(*client: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "client": (client[0], 1) if client else None})


@pytest.mark.parametrize(
    ("client", "address"),
    [("198.51.100.7", "198.51.100.7"), ("2001:DB8::7", "2001:db8::7"), ("unknown", "0.0.0.0"), ("_hidden", "0.0.0.0")],
)
def test_it_is_an_address_whatever_a_proxy_says(client: str, address: str) -> None:
    assert address_of(asked(client)) == address


def test_who_comes_by_no_network_is_here() -> None:
    assert address_of(asked()) == "127.0.0.1"
