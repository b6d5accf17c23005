"""TLS: who is trusted, who is refused and in which words; names, client certificates, and certificates anew."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mediaserver.errors import ConfigurationError
from mediaserver.net.flows import ShellSettings
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.listener import Listener
from mediaserver.net.tls import TlsClient, TlsServer, TlsSettings
from mediaserver.sip.events import IncomingCall, Refused
from support.sip_party import HOST, Party, party
from support.tls import Authority

FAST = ConnectionLimits(handshake_s=0.2, linger_s=0.1)


@contextlib.asynccontextmanager
async def listening(tls: TlsSettings) -> AsyncIterator[Party]:
    async with party("b", ShellSettings(limits=FAST), [Listener("tls", (HOST, 0), tls)]) as callee:
        callee.react = lambda event: (
            callee.endpoint.reject(event.leg, 486, callee.shell.now()) if isinstance(event, IncomingCall) else None
        )
        yield callee


async def calls(callee: Party, client: TlsSettings, host: str = HOST) -> tuple[Refused, str | None]:
    """How a call by `client` ends (486 is reaching it), and what became of its flow until then."""
    async with party("a", ShellSettings(profiles={"trunk": client}, limits=FAST), [Listener("udp", (HOST, 0))]) as it:
        await it.call(f"sip:agent@{host}:{callee.port('tls')};transport=tls", "trunk")
        refused = await it.next(Refused)
        return refused, None if it.closed.empty() else it.closed.get_nowait()[1]


def served(authority: Authority, *hosts: str, days: float = 30) -> TlsSettings:
    issued = authority.issue(*hosts, days=days, file=f"{hosts[0]}-{days}")
    return TlsSettings(issued.certificate, issued.key)


async def test_a_trusted_server_is_reached(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(served(authority, "localhost", HOST)) as callee:
        for host in (HOST, "localhost"):
            refused, error = await calls(callee, TlsSettings(ca=authority.file), host)
            assert (refused.status, error) == (486, None)


async def test_a_server_that_is_not_trusted_is_named_with_the_reason(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    trusting = TlsSettings(ca=authority.file)
    stories = [
        (served(other, HOST), trusting, f"certificate of {HOST}: its authority is not trusted"),
        (served(authority, "sip.example.com"), trusting, f"certificate of {HOST}: it does not name this address"),
        (served(authority, HOST, days=-1), trusting, f"certificate of {HOST}: it has expired"),
        (served(authority, HOST), replace(trusting, server_name="x.org"), "certificate of x.org: it does not name"),
    ]
    for server, client, sentence in stories:
        async with listening(server) as callee:
            refused, error = await calls(callee, client)
            assert refused.status == 503
            assert error is not None and error.startswith(sentence)


async def test_the_name_expected_can_be_set(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(served(authority, "sip.example.com")) as callee:
        refused, _ = await calls(callee, TlsSettings(ca=authority.file, server_name="sip.example.com"))
        assert refused.status == 486


async def test_a_certificate_against_the_rfc_passes_only_when_allowed_and_never_unseen(tmp_path: Path) -> None:
    lax = Authority(tmp_path, strict=False)
    async with listening(served(lax, HOST)) as callee:
        refused, error = await calls(callee, TlsSettings(ca=lax.file))
        assert refused.status == 503
        assert error is not None and "(RFC 5280): strict_x509 = false lets it pass" in error
        with capture_logs() as lines:
            refused, _ = await calls(callee, TlsSettings(ca=lax.file, strict_x509=False))
        assert refused.status == 486
        assert ("tls.lenient", "trunk.tls.strict_x509") in [(line["event"], line.get("setting")) for line in lines]


async def test_clients_are_told_apart_by_their_certificates(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    server = replace(served(authority, HOST), client_ca=authority.file, require_client_certificate=True)
    trusting = TlsSettings(ca=authority.file)
    known, stranger = authority.issue("sbc.example.com"), other.issue("sbc.example.com")
    async with listening(server) as callee:
        good = replace(trusting, certificate=known.certificate, key=known.key)
        assert (await calls(callee, good))[0].status == 486
        assert (await callee.next(IncomingCall)).flow.name == "sbc.example.com"
        for client in (trusting, replace(trusting, certificate=stranger.certificate, key=stranger.key)):
            refused, error = await calls(callee, client)
            assert refused.status == 503
            assert error is not None and error.startswith(f"{HOST} refused our certificate, or that we showed none")
        assert callee.events.empty()


async def test_a_client_certificate_that_is_not_required_names_whom_it_can(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(replace(served(authority, HOST), client_ca=authority.file)) as callee:
        assert (await calls(callee, TlsSettings(ca=authority.file)))[0].status == 486
        assert (await callee.next(IncomingCall)).flow.name == ""


async def shown(port: int, name: str | None, authority: Authority) -> set[str]:
    """The names in the certificate that a server shows to who asks for `name`."""
    context = ssl.create_default_context(cafile=authority.file)
    context.check_hostname = False
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname=name)
        certificate = writer.get_extra_info("peercert")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return {value for _, value in certificate["subjectAltName"]}


async def test_the_certificate_shown_is_the_one_for_the_name_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, second, third = (authority.issue(name) for name in ("one.example.com", "two.example.com", "*.example.net"))
    tls = TlsSettings(first.certificate, first.key, identities=(second, third))
    async with listening(tls) as callee:
        port = callee.port("tls")
        assert await shown(port, "two.example.com", authority) == {"two.example.com"}
        assert await shown(port, "TWO.example.com", authority) == {"two.example.com"}
        assert await shown(port, "pbx.example.net", authority) == {"*.example.net"}
        for other in ("one.example.com", "a.b.example.net", "unknown.org", ""):
            assert await shown(port, other, authority) == {"one.example.com"}


def spoil(file: str) -> None:
    Path(file).write_text("nonsense")


async def test_certificates_are_read_anew_while_connections_last(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    identity = authority.issue("old.example.com", file="server")
    async with listening(TlsSettings(identity.certificate, identity.key)) as callee:
        port = callee.port("tls")
        context = ssl.create_default_context(cafile=authority.file)
        context.check_hostname = False
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        spoil(identity.certificate)
        (fault,) = callee.shell.reload()
        assert identity.certificate in fault
        assert await shown(port, "", authority) == {"old.example.com"}, "as it was"
        authority.issue("new.example.com", file="server")
        assert callee.shell.reload() == []
        assert await shown(port, "", authority) == {"new.example.com"}
        writer.write(b"\r\n\r\n")
        async with asyncio.timeout(5):
            assert await reader.readexactly(2) == b"\r\n", "the old connection lives on"
        writer.close()


@pytest.mark.parametrize("offered", [b"REGISTER sip:x SIP/2.0\r\n\r\n" * 3, b"GET / HTTP/1.1\r\n\r\n", bytes(100)])
async def test_what_is_no_tls_is_cut_off_at_once(offered: bytes, tmp_path: Path) -> None:
    async with listening(served(Authority(tmp_path), HOST)) as callee:
        reader, writer = await asyncio.open_connection(HOST, callee.port("tls"))
        writer.write(offered)
        async with asyncio.timeout(5):
            assert b"SIP" not in await reader.read()
        writer.close()
        assert callee.shell.connections == 0


def old(authority: Authority, how: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if how == "version":
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    else:
        context.set_ciphers(how)
    return context


async def test_old_versions_and_weak_ciphers_are_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(served(authority, HOST)) as callee:
        port = callee.port("tls")
        for how in ("version", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(HOST, port, ssl=old(authority, how))
        _, writer = await asyncio.open_connection(HOST, port, ssl=old(authority, "ECDHE-ECDSA-AES128-GCM-SHA256"))
        writer.close()


async def test_a_server_without_tls_is_named() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    plain = await asyncio.start_server(answer, HOST, 0)
    port = plain.sockets[0].getsockname()[1]
    async with plain, party("a", ShellSettings(limits=FAST)) as caller:
        await caller.call(f"sip:x@{HOST}:{port};transport=tls")
        assert (await caller.next(Refused)).status == 503
        assert (await caller.next_closed())[1] == f"{HOST} does not speak TLS on this port"


async def test_handshakes_that_are_not_finished_are_bounded_in_time_and_number(tmp_path: Path) -> None:
    limits = ConnectionLimits(handshake_s=0.2, handshakes=3)
    listener = Listener("tls", (HOST, 0), served(Authority(tmp_path), HOST))
    async with party("b", ShellSettings(limits=limits), [listener]) as callee:
        streams = [await asyncio.open_connection(HOST, callee.port("tls")) for _ in range(4)]
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await streams[3][0].read() == b"", "one too many"
            assert callee.shell.connections == 3
            for reader, _ in streams[:3]:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        assert callee.shell.connections == 0
        for _, writer in streams:
            writer.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"certificate": None, "key": None}, "tls.certificate is missing"),
        ({"certificate": "/nowhere.pem"}, "tls.certificate is '/nowhere.pem': no such file or directory"),
        ({"key": "/nowhere.key"}, "tls.key is '/nowhere.key': no such file or directory"),
        ({"require_client_certificate": True}, "needs tls.client_ca"),
        ({"client_ca": "/nowhere.pem"}, "tls.client_ca is '/nowhere.pem': no such file"),
    ],
)
def test_files_that_cannot_be_used_are_named(change: dict[str, object], sentence: str, tmp_path: Path) -> None:
    good = served(Authority(tmp_path), HOST)
    TlsServer(good)
    with pytest.raises(ConfigurationError, match=sentence):
        TlsServer(replace(good, **change))  # type: ignore[arg-type]


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(ConfigurationError, match="the key does not belong to the certificate"):
        TlsServer(TlsSettings(one.certificate, other.key))
    with pytest.raises(ConfigurationError, match=r"tls\.ca is"):
        TlsClient(TlsSettings(ca=str(one.key)))


def test_a_certificate_that_is_about_to_expire_is_told(tmp_path: Path) -> None:
    with capture_logs() as lines:
        TlsServer(served(Authority(tmp_path), HOST, days=3))
    assert [line["event"] for line in lines] == ["tls.expires"]
