"""Names, by a real name server on loopback."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from mediaserver.net.dns import Dns, DnsSettings
from mediaserver.net.flows import ShellSettings
from mediaserver.net.hosts import HostsFile, parsed
from mediaserver.net.listener import Listener
from mediaserver.net.locating import Naptr, Srv, UnreachableError
from mediaserver.sip.events import Acknowledged, Answered, Flow, IncomingCall, Progress, Refused
from mediaserver.sip.uri import SipUri
from support.dns_server import NameServer, name_server
from support.sip_party import HOST, party
from support.sip_rig import SDP
from support.sip_wire import sip_wire

ZONE = (
    'example.com. 60 IN NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp.example.com.',
    'example.com. 60 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.example.com.',
    'example.com. 60 IN NAPTR 30 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.',
    "_sip._udp.example.com. 60 IN SRV 2 0 5062 backup.example.com.",
    "_sip._udp.example.com. 60 IN SRV 1 0 5061 main.example.com.",
    "_sip._tcp.example.com. 60 IN SRV 1 0 5063 main.example.com.",
    "_sips._tcp.example.com. 60 IN SRV 1 0 5064 main.example.com.",
    "main.example.com. 60 IN A 127.0.0.1",
    "main.example.com. 60 IN AAAA ::1",
    "backup.example.com. 60 IN A 127.0.0.2",
    "only.example.net. 60 IN A 127.0.0.3",
    "none.example.org. 60 IN A 127.0.0.4",
    "_sip._udp.none.example.org. 60 IN SRV 0 0 0 .",
    "alias.example.com. 60 IN CNAME main.example.com.",
)


def settings_of(server: NameServer, **how: object) -> DnsSettings:
    return DnsSettings(servers=(server.address,), timeout_s=0.3, hosts="/nonexistent", **how)  # type: ignore[arg-type]


def listeners() -> list[Listener]:
    return [Listener(transport, (host, 0)) for transport in ("udp", "tcp") for host in (HOST, "::1")]  # type: ignore[arg-type]


async def ways(server: NameServer, uri: str) -> list[tuple[str, str, int]]:
    async with party("a", ShellSettings(dns=settings_of(server)), listeners()) as it:
        return [(flow.transport, *flow.remote) for flow in await it.shell.resolve(SipUri.parse(uri))]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            "sip:a@example.com",
            [
                ("udp", HOST, 5061),
                ("udp", "::1", 5061),
                ("udp", "127.0.0.2", 5062),
                ("tcp", HOST, 5063),
                ("tcp", "::1", 5063),
                ("tls", HOST, 5064),
                ("tls", "::1", 5064),
            ],
        ),
        ("sips:a@example.com", [("tls", HOST, 5064), ("tls", "::1", 5064)]),
        ("sip:a@example.com;transport=tcp", [("tcp", HOST, 5063), ("tcp", "::1", 5063)]),
        ("sip:a@main.example.com:5099", [("udp", HOST, 5099), ("udp", "::1", 5099)]),
        ("sip:a@only.example.net", [("udp", "127.0.0.3", 5060)]),
        ("sip:a@only.example.net;transport=ws", [("ws", "127.0.0.3", 80)]),
        ("sips:a@only.example.net", [("tls", "127.0.0.3", 5061)]),
    ],
)
async def test_the_ways_to_a_uri_in_order(uri: str, expected: list[tuple[str, str, int]]) -> None:
    async with name_server(*ZONE) as server:
        assert await ways(server, uri) == expected


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("sip:a@nowhere.example", "nowhere.example has no address"),
        ("sip:a@none.example.org", "none.example.org says that it has no SIP service"),
        ("sip:a@example.com:5060", "example.com has no address"),
    ],
)
async def test_no_way(uri: str, sentence: str) -> None:
    async with name_server(*ZONE) as server:
        with pytest.raises(OSError, match=sentence):
            await ways(server, uri)


@pytest.mark.parametrize("how", ["silent", "broken"])
async def test_no_name_server_answers(how: str) -> None:
    async with name_server(*ZONE) as server:
        setattr(server, how, True)
        with pytest.raises(UnreachableError, match=r"no name server answers for main\.example\.com"):
            await ways(server, "sip:a@main.example.com:5060")


async def test_the_tls_name_is_the_domain_called_and_no_server_of_it() -> None:
    async with name_server(*ZONE) as server, party("a", ShellSettings(dns=settings_of(server)), listeners()) as it:
        assert (await it.flow("sips:a@Example.com", "trunk")).name == "example.com"
        assert (await it.flow("sip:a@example.com")).name == ""


class Clock:
    """Seconds, moved by the test."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_answer_is_kept_as_long_as_it_lives() -> None:
    clock = Clock()
    async with name_server(*ZONE) as server:
        dns = Dns(settings_of(server), clock)
        for clock.now, asked in ((0.0, 1), (59.0, 1), (61.0, 2)):
            assert await dns.addresses("MAIN.example.com.", 4) == [HOST]
            assert server.asked["main.example.com", "A"] == asked
        assert await dns.srv("_sip._tcp.example.com") == [Srv(1, 0, 5063, "main.example.com")]
        assert Naptr(10, 10, "s", "SIP+D2U", "_sip._udp.example.com") in await dns.naptr("example.com")


async def test_that_there_is_nothing_is_kept_for_a_while() -> None:
    clock = Clock()
    async with name_server(*ZONE) as server:
        dns = Dns(settings_of(server, nothing_s=30.0), clock)
        for clock.now, asked in ((0.0, 1), (29.0, 1), (31.0, 2)):
            assert await dns.addresses("nowhere.example", 4) == []
            assert await dns.addresses("only.example.net", 6) == []
            assert server.asked["nowhere.example", "A"] == server.asked["only.example.net", "AAAA"] == asked


async def test_who_asks_at_the_same_time_shares_the_question_and_can_give_up_alone() -> None:
    async with name_server(*ZONE) as server:
        dns = Dns(settings_of(server))
        hasty = asyncio.create_task(dns.addresses("main.example.com", 4))
        await asyncio.sleep(0)
        others = [asyncio.create_task(dns.addresses("main.example.com", 4)) for _ in range(20)]
        await asyncio.sleep(0)
        hasty.cancel()
        assert await asyncio.gather(*others) == [[HOST]] * 20
        assert server.asked["main.example.com", "A"] == 1


async def test_while_nobody_answers_what_was_known_still_counts() -> None:
    clock = Clock()
    async with name_server(*ZONE) as server:
        dns = Dns(settings_of(server, stale_s=3600.0), clock)
        assert await dns.addresses("main.example.com", 4) == [HOST]
        server.broken = True
        clock.now = 1000.0
        assert await dns.addresses("main.example.com", 4) == [HOST]
        with pytest.raises(UnreachableError):
            await dns.addresses("only.example.net", 4)
        asked = server.asked.total()
        with pytest.raises(UnreachableError):
            await dns.addresses("only.example.net", 4)
        assert server.asked.total() == asked, "nobody is asked again so soon"
        server.broken = False
        clock.now = 1010.0
        assert await dns.addresses("only.example.net", 4) == ["127.0.0.3"]
        server.broken = True
        clock.now = 10_000.0
        with pytest.raises(UnreachableError):
            await dns.addresses("main.example.com", 4)


async def test_what_failed_is_tried_last_until_it_is_forgiven() -> None:
    async with name_server(*ZONE) as server, party("a", ShellSettings(dns=settings_of(server)), listeners()) as it:
        uri = SipUri.parse("sip:a@example.com")
        first, second, *rest = await it.shell.resolve(uri)
        it.shell.avoid(first, 60.0)
        assert await it.shell.resolve(uri) == [second, *rest, first]
        it.shell.avoid(first, 0.0)
        assert (await it.shell.resolve(uri))[0] == first


async def test_a_call_goes_to_the_next_server_when_the_first_is_dead() -> None:
    async with party("b") as callee, name_server() as server:
        port = callee.port("tcp")
        server.records = [
            "_sip._tcp.example.com. 60 IN SRV 1 0 1 main.example.com.",
            f"_sip._tcp.example.com. 60 IN SRV 2 0 {port} main.example.com.",
            "main.example.com. 60 IN A 127.0.0.1",
        ]
        callee.answer_all()
        async with party("a", ShellSettings(dns=settings_of(server))) as caller:
            uri = "sip:agent@example.com;transport=tcp"
            await caller.call(uri)
            assert (await caller.next(Refused)).status == 503
            dead, _ = await caller.next_closed()
            caller.shell.avoid(dead, 30.0)
            await caller.call(uri)
            assert (await callee.next(IncomingCall)).request.uri.host == "example.com"
            await caller.next(Progress)
            await caller.next(Answered)


def test_the_hosts_file(tmp_path: Path) -> None:
    assert parsed("127.0.0.1 localhost me # us\n::1 LOCALHOST ip6\n#192.0.2.1 no\nrubbish x\n192.0.2.7\n") == {
        "localhost": ["127.0.0.1", "::1"],
        "me": ["127.0.0.1"],
        "ip6": ["::1"],
    }
    path = tmp_path / "hosts"
    hosts = HostsFile(str(path))
    assert hosts.addresses("pbx") == []
    path.write_text("192.0.2.5 pbx\n")
    assert hosts.addresses("PBX.") == ["192.0.2.5"]
    path.unlink()
    assert hosts.addresses("pbx") == []


async def test_a_name_of_the_hosts_file_asks_nobody(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 pbx.example.com\n")
    async with name_server(*ZONE) as server:
        dns = DnsSettings(servers=(server.address,), hosts=str(hosts))
        async with party("a", ShellSettings(dns=dns), listeners()) as it:
            for uri in ("sip:a@pbx.example.com", "sip:a@pbx.example.com;transport=tcp"):
                assert (await it.flow(uri)).remote == (HOST, 5060)
        assert not server.asked


async def test_the_next_hop_of_a_call_is_looked_up() -> None:
    async with (
        name_server("edge.test. 60 IN A 127.0.0.1") as names,
        party("a", ShellSettings(dns=settings_of(names))) as callee,
    ):
        looked_up: asyncio.Queue[list[Flow]] = asyncio.Queue()
        resolved = callee.endpoint.resolved

        def note(leg: int, ways: Sequence[Flow], now: float) -> None:
            looked_up.put_nowait(list(ways))
            resolved(leg, ways, now)

        callee.endpoint.resolved = note  # type: ignore[method-assign]
        callee.answer_all()
        async with sip_wire((HOST, callee.port("udp"))) as wire:
            ok = await wire.invite(SDP, extra=("Record-Route: <sip:edge.test:5099;lr>",))
            wire.acknowledge(ok)
            async with asyncio.timeout(5):
                (way,) = await looked_up.get()
            assert (way.transport, way.remote) == ("udp", (HOST, 5099))


async def test_a_look_up_that_is_under_way_does_not_outlive_the_shell() -> None:
    async with name_server() as names:
        names.silent = True
        async with party("a", ShellSettings(dns=settings_of(names))) as callee:
            callee.answer_all()
            async with sip_wire((HOST, callee.port("udp"))) as wire:
                wire.acknowledge(await wire.invite(SDP, extra=("Record-Route: <sip:edge.test;lr>",)))
                await callee.next(IncomingCall)
                await callee.next(Acknowledged)
        assert not callee.shell._looking
