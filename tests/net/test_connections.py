"""Which connection a message goes by."""

import asyncio
from pathlib import Path

from mediaserver.net.flows import ShellSettings
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.listener import Listener
from mediaserver.net.tls import TlsSettings
from mediaserver.sip.events import Acknowledged, Answered, Ended, IncomingCall, Progress, Refused
from support.sip_party import HOST, Party, party
from support.tls import Authority


async def answered(caller: Party, callee: Party) -> IncomingCall:
    incoming = await callee.next(IncomingCall)
    await caller.next(Progress)
    await caller.next(Answered)
    await callee.next(Acknowledged)
    return incoming


async def test_a_connection_opened_to_us_is_used_back() -> None:
    async with party("a") as caller, party("b") as callee:
        callee.answer_all()
        caller.answer_all()
        await caller.call(f"sip:agent@{HOST}:{callee.port('tcp')};transport=tcp")
        incoming = await answered(caller, callee)
        host, port = incoming.flow.remote
        await callee.call(f"sip:caller@{host}:{port};transport=tcp")
        back = await answered(callee, caller)
        assert back.flow.remote == (HOST, callee.port("tcp"))
        assert caller.shell.connections == callee.shell.connections == 1


async def test_by_tls_a_connection_is_used_back_only_by_who_has_proved_the_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue(HOST), authority.issue("sbc.example.com", "localhost")
    listener = Listener("tls", (HOST, 0), TlsSettings(server.certificate, server.key, client_ca=authority.file))
    trunk = TlsSettings(client.certificate, client.key, ca=authority.file)
    mine = ShellSettings(profiles={"": trunk})
    async with party("a", mine) as caller, party("b", ShellSettings(), [listener]) as callee:
        callee.answer_all()
        caller.answer_all()
        await caller.call(f"sip:agent@{HOST}:{callee.port('tls')};transport=tls")
        incoming = await answered(caller, callee)
        assert incoming.flow.name == "sbc.example.com"
        host, port = incoming.flow.remote
        stranger = callee.shell._connections.flow_to("tls", (host, port), "other.example.com")
        callee.call_by(stranger, f"sip:caller@{host}:{port};transport=tls")
        assert (await callee.next(Refused)).status == 503, "nobody listens there"
        proven = callee.shell._connections.flow_to("tls", (host, port), "sbc.example.com")
        callee.call_by(proven, f"sip:caller@{host}:{port};transport=tls")
        await answered(callee, caller)
        assert callee.shell.connections == 1


async def test_trunks_with_tls_of_their_own_share_no_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue(HOST)
    trusting = TlsSettings(ca=authority.file)
    listener = Listener("tls", (HOST, 0), TlsSettings(issued.certificate, issued.key))
    settings = ShellSettings(profiles={"one": trusting, "two": trusting})
    async with party("a", settings) as caller, party("b", listeners=[listener]) as callee:
        callee.answer_all()
        for profile in ("one", "two", "one"):
            await caller.call(f"sip:agent@{HOST}:{callee.port('tls')};transport=tls", profile)
            await answered(caller, callee)
        assert caller.shell.connections == 2


async def test_a_connection_that_breaks_is_told_and_opened_again_when_needed() -> None:
    async with party("a") as caller, party("b") as callee:
        callee.answer_all()
        uri = f"sip:agent@{HOST}:{callee.port('tcp')};transport=tcp"
        leg = await caller.call(uri)
        incoming = await answered(caller, callee)
        callee.shell._connections.abort(incoming.flow, "pulled")
        flow, error = await callee.next_closed()
        assert (flow, error) == (incoming.flow, "pulled")
        assert (await caller.next_closed())[0].remote == (HOST, callee.port("tcp"))
        caller.endpoint.bye(leg, caller.shell.now())
        caller.shell.pump()
        ended = await caller.next(Ended)
        assert (ended.by_peer, ended.status) == (False, 200)


async def test_nobody_listens_and_that_is_said() -> None:
    async with party("a") as caller:
        probe = await asyncio.start_server(lambda reader, writer: None, HOST, 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        for transport in ("tcp", "tls", "ws"):
            await caller.call(f"sip:x@{HOST}:{port};transport={transport}")
            assert (await caller.next(Refused)).status == 503
            assert (await caller.next_closed())[1] == f"cannot connect to {HOST} port {port}: connection refused"


async def test_more_connections_than_allowed_are_not_opened() -> None:
    settings = ShellSettings(limits=ConnectionLimits(connections=1))
    async with party("a", settings) as caller, party("b") as one, party("c") as other:
        one.answer_all()
        await caller.call(f"sip:x@{HOST}:{one.port('tcp')};transport=tcp")
        await answered(caller, one)
        await caller.call(f"sip:x@{HOST}:{other.port('tcp')};transport=tcp")
        assert (await caller.next(Refused)).status == 503
        assert (await caller.next_closed())[1] == "too many connections"


async def test_what_is_sent_while_an_idle_connection_closes_goes_by_a_new_one() -> None:
    async with party("a") as caller, party("b") as callee:
        callee.answer_all()
        uri = f"sip:agent@{HOST}:{callee.port('tcp')};transport=tcp"
        await caller.call(uri)
        await answered(caller, callee)
        (connection,) = caller.shell._connections._connections
        connection.close()
        flow, error = await caller.next_closed()
        assert (flow.remote, error) == ((HOST, callee.port("tcp")), None)
        await caller.call(uri)
        await answered(caller, callee)
        assert caller.closed.empty(), "told once"


async def test_nothing_is_left_of_connections_however_they_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue(HOST)
    tls = TlsSettings(issued.certificate, issued.key)
    listeners = [Listener(transport, (HOST, 0), tls) for transport in ("tcp", "tls", "ws", "wss")]  # type: ignore[arg-type]
    fast = ConnectionLimits(handshake_s=0.3, linger_s=0.1)
    async with party("b", ShellSettings(limits=fast), listeners) as callee:
        callee.answer_all()
        for name, profile in (("a", TlsSettings(ca=authority.file)), ("c", TlsSettings())):
            async with party(name, ShellSettings(limits=fast, profiles={"": profile})) as caller:
                for transport in ("tcp", "tls", "ws", "wss"):
                    await caller.call(f"sip:x@{HOST}:{callee.port(transport)};transport={transport}")  # type: ignore[arg-type]
                    trusted = transport in ("tcp", "ws") or profile.ca is not None
                    assert isinstance(await caller.next(Progress if trusted else Refused), Progress | Refused)
                    if trusted:
                        await caller.next(Answered)
        for bound in callee.shell.bound:
            for said in (b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"INVITE sip:x SIP/2.0\r\n"):
                _, writer = await asyncio.open_connection(*bound.address)
                writer.write(said)
                writer.transport.abort() if len(said) % 2 else writer.close()
        connections = callee.shell._connections
        async with asyncio.timeout(5):
            while connections._connections or connections._beginning:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not connections._by_flow and not connections._by_way and not connections._waiting
        assert not connections._from
