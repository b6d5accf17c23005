"""The throw-away identity: strict verification accepts it, and only where its authority is trusted."""

import asyncio
import ssl

import pytest

from mediaproviders.emulators import certificates


async def greet(reader, writer):
    writer.write(b"hello")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_strict_verification_accepts_it(tmp_path, host):
    made = certificates.make(tmp_path)
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=made.server_context(["h2"]))
    trusting = made.client_context()
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    trusting.set_alpn_protocols(["h2"])
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
        assert await reader.read() == b"hello"
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        writer.close()


async def test_nobody_else_trusts_it(tmp_path):
    made = certificates.make(tmp_path / "one")
    other = certificates.make(tmp_path / "other")
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=made.server_context())
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=other.client_context(), server_hostname="localhost")


def test_the_key_is_for_the_owner_alone(tmp_path):
    assert certificates.make(tmp_path).key.stat().st_mode & 0o077 == 0
