"""The SIP side as wired from the settings: what it refuses to start with, what it warns of, what each part is told."""

import asyncio
import os
import signal
import ssl
from pathlib import Path
from typing import Any

import pytest

from mediaproviders.emulators import certificates
from mediaserver import app_sip_parts as parts
from mediaserver.app_sip import Telephony
from mediaserver.config import load
from mediaserver.errors import ConfigurationError
from mediaserver.net.dns import DnsSettings
from mediaserver.net.flows import ShellSettings
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.sockets import SocketSettings
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sip.identity import EndpointSettings
from support import rig

USUAL = Capabilities(codecs=("PCMU", "PCMA", "G722"))


def telephony(folder: Path, text: str, agents: tuple[str, ...] = ("clinic", "shop")) -> Telephony:
    path = folder / "mediaserver.toml"
    path.write_text(text)
    return Telephony(load(path), agents, USUAL)


def test_every_fault_of_what_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARRIER", raising=False)
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(ConfigurationError) as caught:
        telephony(
            tmp_path,
            f"""
            [sip]
            tls = "127.0.0.1:0"
            [sip.certificates]
            certificate = "{tmp_path}/no.pem"
            [trunks.carrier]
            host = "carrier.example"
            user = "u"
            password = "env:CARRIER"
            agent = "clinik"
            numbers = {{ "+49*" = "nobody" }}
            ca = "{tmp_path}/missing.pem"
            [phones.users]
            alice = {{ password = "a", agent = "shopp" }}
            [[routing]]
            called = "1*"
            agent = "klinic"
            """,
        )
    text = "\n".join(caught.value.faults)
    for expected in (
        "trunks.carrier.password: the environment has no CARRIER; set it",
        "trunks.carrier.agent is 'clinik': there is no agent of that name; did you mean clinic?",
        "trunks.carrier.numbers.+49* is 'nobody': there is no agent of that name; known are clinic, shop",
        "phones.users.alice.agent is 'shopp'",
        "routing.0.agent is 'klinic'",
        "trunks.carrier.ca",
        "sip.certificates.certificate",
    ):
        assert expected in text, expected
    assert len(caught.value.faults) == 7


def test_warnings(tmp_path: Path) -> None:
    assert "anyone who reaches the SIP port" in telephony(tmp_path, "").warnings()[0]
    assert telephony(tmp_path, '[sip]\nudp = "127.0.0.1:5060"\ntcp = ""').warnings() == []
    text = '[trunks.old]\nhost = "old.example"\nuser = "u"\npassword = "secret"\nstrict_x509 = false'
    lenient, plain = telephony(tmp_path, text).warnings()
    assert lenient.startswith("trunks.old.strict_x509 is false")
    assert plain.startswith("trunks.old.password: is written in plain text") and "secret" not in plain


def test_what_a_trunk_negotiates(tmp_path: Path) -> None:
    made = telephony(
        tmp_path,
        '[trunks.a]\nhost = "a.example"\ncodecs = ["PCMA"]\nptime_ms = 30\n'
        'transfer = "refer"\ndtmf = "info"\nsrtp = "required"\n'
        '[trunks.b]\nhost = "b.example"',
    )
    narrow = made.routes.capabilities("a")
    assert (narrow.codecs, narrow.default_ptime) == (("PCMA",), 30)
    assert made.routes.capabilities("b").codecs == made.routes.capabilities(None).codecs == USUAL.codecs
    assert (made.routes.transfer_style("a"), made.routes.key_style("a")) == ("refer", "info")
    assert (made.routes.srtp("a"), made.routes.srtp("b"), made.routes.srtp(None)) == (
        "required",
        "optional",
        "optional",
    )
    assert (made.routes.transfer_style("b"), made.routes.key_style(None)) == ("invite", "auto")


def settings_of(folder: Path, text: str) -> Any:
    path = folder / "mediaserver.toml"
    path.write_text(text)
    return load(path)


def test_what_the_parts_are_told(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """
        [sip]
        udp = ["127.0.0.1:5060", "[::1]:5060"]
        ws = "127.0.0.1:8080"
        ws_origins = ["https://phone.example.com"]
        advertise = { "10.0.0.0/8" = "10.0.0.5", "0.0.0.0/0" = "203.0.113.7" }
        dscp = "AF31"
        session_timers = "request"
        session_expires_s = 600
        min_se_s = 100
        prack = "require"
        max_datagram = 1200
        reuse_port = true
        [sip.connections]
        total = 50
        per_source = 5
        handshakes = 6
        handshake_s = 1.5
        message_s = 2.5
        idle_s = 60
        ping_s = 10
        connect_s = 3
        [sip.dns]
        servers = ["192.0.2.53", "192.0.2.54:5353", "2001:db8::53", "[2001:db8::54]:5353"]
        timeout_s = 1
        versions = [6]
        [outbound]
        ring_timeout_s = 300
        [sip.certificates]
        ca = "ours.pem"
        [trunks.old]
        host = "old.example"
        strict_x509 = false
        [phones]
        max_bindings = 2
        expires_s = 120
        [phones.users]
        alice = "a"
        """,
    )
    listeners = parts.listeners(settings)
    assert [(each.transport, each.address) for each in listeners] == [
        ("udp", ("127.0.0.1", 5060)),
        ("udp", ("::1", 5060)),
        ("tcp", ("0.0.0.0", 5060)),
        ("ws", ("127.0.0.1", 8080)),
    ]
    tell = listeners[0].advertised_to
    assert tell is not None and (tell("10.9.9.9"), tell("198.51.100.1")) == ("10.0.0.5", "203.0.113.7")
    assert listeners[3].origins == ("https://phone.example.com",) and listeners[0].origins is None
    assert parts.shell_settings(settings).sockets.dscp == 26
    endpoint = parts.endpoint_settings(settings)
    assert (endpoint.session_timer, endpoint.reliable) == ("request", "require")
    assert (endpoint.session_expires, endpoint.min_se, endpoint.max_datagram) == (600, 100, 1200)
    assert endpoint.timer_c > 300, "a call may ring as long as the settings say"
    assert parts.endpoint_settings(settings_of(tmp_path, "")).timer_c == EndpointSettings().timer_c
    shell = parts.shell_settings(settings)
    assert shell.limits == ConnectionLimits(
        connections=50,
        per_source=5,
        handshakes=6,
        handshake_s=1.5,
        message_s=2.5,
        idle_s=60,
        ping_s=10,
        connect_s=3,
    )
    assert shell.sockets.reuse_port and shell.versions == (6,)
    assert (shell.dns.timeout_s, shell.dns.servers) == (
        1,
        (("192.0.2.53", 53), ("192.0.2.54", 5353), ("2001:db8::53", 53), ("2001:db8::54", 5353)),
    )
    profiles = parts.tls_profiles(settings)
    assert (profiles[""].ca, profiles["old"].ca, profiles["old"].strict_x509) == ("ours.pem", "ours.pem", False)
    registrar = parts.registrar_settings(settings)
    assert (registrar.expires, registrar.bindings_per_user) == (120, 2)
    assert parts.own_domain(settings) == "10.0.0.5"
    assert parts.own_domain(settings_of(tmp_path, "")) == "mediaserver.invalid"


def test_what_is_not_said_is_as_each_part_has_it(tmp_path: Path) -> None:
    usual = settings_of(tmp_path, "")
    shell = parts.shell_settings(usual)
    assert (shell.limits, shell.dns, shell.versions) == (ConnectionLimits(), DnsSettings(), ShellSettings().versions)
    assert shell.sockets == SocketSettings()
    assert parts.endpoint_settings(usual).max_datagram == EndpointSettings().max_datagram


def test_a_trunk_that_takes_no_tcp_is_known_by_its_addresses(tmp_path: Path) -> None:
    made = telephony(
        tmp_path,
        """
        [trunks.deaf]
        host = "192.0.2.9"
        networks = ["198.51.100.0/24"]
        large_by_tcp = false
        [trunks.usual]
        host = "192.0.2.10"
        """,
    )
    deaf = made.trunks["deaf"]
    deaf.addresses = frozenset({"203.0.113.1"})
    addresses = ("192.0.2.9", "198.51.100.7", "203.0.113.1", "192.0.2.10", "2001:db8::1")
    assert [made.trunks.take_no_tcp(each) for each in addresses] == [True, True, True, False, False]


async def test_certificates_are_read_again_at_sighup(tmp_path: Path) -> None:
    old = certificates.make(tmp_path / "tls")
    tls = {"certificate": str(old.chain), "key": str(old.key)}
    tables = {"sip": {"tls": "127.0.0.1:0"}, "sip__certificates": tls, "agent": {"model": "local"}}
    async with rig.rig(tmp_path, **tables) as server:
        ready = (await server.line("ready")).fields
        port = int(ready["sip_tls"].rpartition(":")[2])
        before = await shown(port)
        certificates.make(tmp_path / "tls")
        assert await shown(port) == before
        os.kill(server.pid, signal.SIGHUP)
        await server.line("reloaded")
        after = await shown(port)
        assert after != before
        old.chain.write_text("broken")
        os.kill(server.pid, signal.SIGHUP)
        assert "certificate" in (await server.line("reload.failed")).fields["message"]
        await server.line("reloaded", count=2)
        assert await shown(port) == after, "what cannot be read stays as it was"


async def shown(port: int) -> bytes:
    """The certificate a caller is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(found, bytes)
    return found
