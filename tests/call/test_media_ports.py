"""Which port each peer of a call is told: a pair of the call's own, or a place on the one that browsers share."""

import os

import pytest

from mediaserver.call.media_ports import MediaPorts
from mediaserver.errors import LocalProtocolError
from mediaserver.sdp.ice import IceLite
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.security import Protection
from mediaserver.talk.orders import Agent, Open, Order

PRINT = "sha-256 " + ":".join(["AB"] * 32)
AGENT = Agent("a", "model", "prompt")


class Plane:
    """Lends ports."""

    def __init__(self) -> None:
        self.opened: list[Open] = []

    def open(self, order: Open) -> int:
        self.opened.append(order)
        return 7882 if order.ufrag is not None else 20_000 + 2 * len(self.opened)

    def order(self, order: Order) -> None:
        raise AssertionError(order)


def path(*hosts: str) -> MediaPath:
    return MediaPath(
        Protection("optional", os.urandom, PRINT, browser=bool(hosts)),
        IceLite(os.urandom),
        browser=bool(hosts),
        hosts=hosts,
    )


def ports(plane: Plane) -> MediaPorts:
    return MediaPorts(plane, Open("c1", AGENT, "always"))


def test_all_ordinary_peers_are_told_the_same_pair() -> None:
    plane = Plane()
    made = ports(plane)
    assert made.pair() == 20_002
    assert [made.towards(path(), lambda: "192.0.2.1") for _ in range(3)] == [("192.0.2.1", 20_002)] * 3
    assert plane.opened == [Open("c1", AGENT, "always")]


def test_each_browser_has_a_place_under_the_name_it_is_told() -> None:
    plane = Plane()
    made = ports(plane)
    for _ in range(2):
        assert made.towards(path("203.0.113.1", "192.0.2.1"), lambda: "unused") == ("203.0.113.1", 7882)
    names = [order.ufrag for order in plane.opened]
    assert len(set(names)) == 2 and None not in names
    assert made.towards(path(), lambda: "192.0.2.1") == ("192.0.2.1", 20_006), (
        "and a pair for whom it is put through to"
    )
    assert plane.opened[-1].ufrag is None


def test_a_browser_that_offers_what_cannot_be_shared_has_the_pair() -> None:
    plane = Plane()
    assert ports(plane).towards(path("203.0.113.1"), lambda: "192.0.2.1", b"v=0\r\n") == ("192.0.2.1", 20_002)


def test_a_call_that_is_over_takes_no_port() -> None:
    plane = Plane()
    made = ports(plane)
    made.close()
    for ask in (made.pair, lambda: made.towards(path("203.0.113.1"), lambda: "unused")):
        with pytest.raises(LocalProtocolError, match="over"):
            ask()
    assert plane.opened == []
