"""Our own addresses, as the system knows them."""

from mediaserver.net.interfaces import Interfaces


def test_this_machine_has_loopback_and_nothing_of_a_link_alone() -> None:
    found = Interfaces().addresses()
    assert "127.0.0.1" in found
    assert not [each for each in found if each.startswith(("fe80:", "169.254."))]


def test_what_was_found_is_kept_for_a_while() -> None:
    now, there = 0.0, ["192.0.2.1", "fe80::1", "169.254.7.7"]
    interfaces = Interfaces(lambda: there, lambda: now)
    assert interfaces.addresses() == ["192.0.2.1"]
    there = ["192.0.2.2"]
    now = 29.0
    assert interfaces.addresses() == ["192.0.2.1"]
    now = 30.0
    assert interfaces.addresses() == ["192.0.2.2"]
