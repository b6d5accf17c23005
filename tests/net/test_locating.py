"""Which questions a URI asks, and the order of what the records say (RFC 3263 4, RFC 2782)."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.net.locating import (
    Domain,
    Host,
    Naptr,
    Services,
    Srv,
    UnreachableError,
    begin,
    by_naptr,
    by_srv,
)
from mediaserver.sip.events import Transport
from mediaserver.sip.uri import SipUri

ALL: tuple[Transport, ...] = ("udp", "tcp", "tls", "ws", "wss")


@pytest.mark.parametrize(
    ("uri", "transport", "host", "port"),
    [
        ("sip:a@192.0.2.1", "udp", "192.0.2.1", 5060),
        ("sips:a@192.0.2.1", "tls", "192.0.2.1", 5061),
        ("sip:a@192.0.2.1:5070", "udp", "192.0.2.1", 5070),
        ("sip:a@[2001:db8::1]", "udp", "2001:db8::1", 5060),
        ("sip:a@192.0.2.1;transport=tls", "tls", "192.0.2.1", 5061),
        ("sip:a@192.0.2.1;transport=WS", "ws", "192.0.2.1", 80),
        ("sips:a@192.0.2.1;transport=ws", "wss", "192.0.2.1", 443),
        ("sips:a@192.0.2.1;transport=tcp", "tls", "192.0.2.1", 5061),
        ("sip:a@example.com:5070", "udp", "example.com", 5070),
        ("sips:a@example.com:5070", "tls", "example.com", 5070),
        ("sip:a@example.com:5070;transport=tcp", "tcp", "example.com", 5070),
        ("sip:a@example.com;maddr=192.0.2.9", "udp", "192.0.2.9", 5060),
    ],
)
def test_what_needs_no_services(uri: str, transport: Transport, host: str, port: int) -> None:
    assert begin(SipUri.parse(uri), ALL) == Host(transport, host, port)


def test_a_transport_that_is_named_asks_for_its_service_alone() -> None:
    assert begin(SipUri.parse("sip:a@example.com;transport=tcp"), ALL) == Services(
        (("tcp", "_sip._tcp.example.com"),), Host("tcp", "example.com", 5060)
    )
    assert begin(SipUri.parse("sips:a@example.com;transport=tcp"), ALL) == Services(
        (("tls", "_sips._tcp.example.com"),), Host("tls", "example.com", 5061)
    )
    assert begin(SipUri.parse("sip:a@example.com;transport=wss"), ALL) == Services((), Host("wss", "example.com", 443))


def test_a_bare_domain_is_asked_for_naptr_and_then_for_every_service() -> None:
    domain = begin(SipUri.parse("sip:a@example.com"), ALL)
    assert isinstance(domain, Domain)
    assert domain.fallback == Services(
        (
            ("udp", "_sip._udp.example.com"),
            ("tcp", "_sip._tcp.example.com"),
            ("tls", "_sips._tcp.example.com"),
        ),
        Host("udp", "example.com", 5060),
    )
    secure = begin(SipUri.parse("sips:a@example.com"), ALL)
    assert isinstance(secure, Domain)
    assert secure.fallback == Services((("tls", "_sips._tcp.example.com"),), Host("tls", "example.com", 5061))
    without_udp = begin(SipUri.parse("sip:a@example.com"), ALL[1:])
    assert isinstance(without_udp, Domain)
    assert without_udp.fallback.fallback == Host("tcp", "example.com", 5060)


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("sips:a@example.com;transport=udp", "sips needs TLS, and udp has none"),
        ("sip:a@example.com;transport=sctp", "unknown transport 'sctp'"),
        ("sip:a@example.com;transport=udp", "no udp here, only tcp, tls, ws, wss"),
    ],
)
def test_what_cannot_be_called_at_all(uri: str, sentence: str) -> None:
    with pytest.raises(UnreachableError, match=sentence):
        begin(SipUri.parse(uri), ALL[1:])


def test_a_number_is_no_address() -> None:
    with pytest.raises(UnreachableError, match=r"tel:\+15550100 is no SIP address"):
        begin(SipUri.parse_any("tel:+15550100"), ALL)


# The records of RFC 3263 section 4.1.
RECORDS = [
    Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
    Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
    Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
]


def domain(uri: str, able: tuple[Transport, ...] = ALL) -> Domain:
    question = begin(SipUri.parse(uri), able)
    assert isinstance(question, Domain)
    return question


def test_naptr_in_the_order_of_the_domain() -> None:
    found = by_naptr(domain("sip:a@example.com"), RECORDS, ALL)
    assert [transport for transport, _ in found.names] == ["tls", "tcp", "udp"]
    assert found.names[0] == ("tls", "_sips._tcp.example.com")


def test_naptr_of_what_we_do_not_speak_is_left_out() -> None:
    able: tuple[Transport, ...] = ("udp", "tcp")
    others = [Naptr(1, 1, "u", "E2U+sip", ""), Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.example.com")]
    found = by_naptr(domain("sip:a@example.com", able), [*others, *RECORDS], able)
    assert [transport for transport, _ in found.names] == ["tcp", "udp"]


def test_a_sips_uri_takes_nothing_less() -> None:
    asked = domain("sips:a@example.com")
    assert by_naptr(asked, RECORDS, ALL).names == (("tls", "_sips._tcp.example.com"),)
    assert by_naptr(asked, RECORDS[:2], ALL) == asked.fallback


def test_without_naptr_the_services_are_asked_for() -> None:
    asked = domain("sip:a@example.com")
    assert by_naptr(asked, [], ALL) == asked.fallback


def test_srv_by_priority_then_by_weight() -> None:
    records = [Srv(2, 0, 5060, "c"), Srv(1, 10, 5060, "a"), Srv(1, 30, 5070, "b")]
    assert [host.host for host in by_srv("udp", records, lambda most: 0)] == ["a", "b", "c"]
    assert [host.host for host in by_srv("udp", records, lambda most: most)] == ["b", "a", "c"]
    assert by_srv("tcp", records, lambda most: most)[0] == Host("tcp", "b", 5070)


def test_a_target_of_weight_0_is_chosen_only_by_the_lowest_number() -> None:
    records = [Srv(1, 0, 1, "rare"), Srv(1, 100, 1, "usual")]
    first = Counter(by_srv("udp", records, lambda most, n=number: min(n, most))[0].host for number in range(101))  # type: ignore[misc]
    assert first == {"rare": 1, "usual": 100}


def test_no_such_service() -> None:
    assert by_srv("udp", [Srv(0, 0, 0, ".")], lambda most: 0) == []


@given(
    st.lists(
        st.builds(Srv, st.integers(0, 3), st.integers(0, 65535), st.integers(1, 65535), st.sampled_from("abcdef"))
    ),
    st.randoms(use_true_random=False),
)
def test_every_target_comes_once_and_never_before_a_better_priority(records: list[Srv], random) -> None:  # type: ignore[no-untyped-def]
    hosts = by_srv("udp", records, lambda most: random.randint(0, most))
    assert Counter((host.host, host.port) for host in hosts) == Counter((each.target, each.port) for each in records)
    best = {(each.target, each.port): [] for each in records}
    for each in records:
        best[each.target, each.port].append(each.priority)
    priorities = [min(best[host.host, host.port]) for host in hosts]
    assert priorities[:1] == [min(each.priority for each in records)] if records else not hosts
