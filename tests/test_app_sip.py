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
from mediaserver.sdp.capabilities import Capabilities
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
        '[trunks.a]\nhost = "a.example"\ncodecs = ["PCMA"]\nptime_ms = 30\ntransfer = "refer"\ndtmf = "info"\nsrtp = "required"\n'
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
        prack = "require"
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
    profiles = parts.tls_profiles(settings)
    assert (profiles[""].ca, profiles["old"].ca, profiles["old"].strict_x509) == ("ours.pem", "ours.pem", False)
    registrar = parts.registrar_settings(settings)
    assert (registrar.expires, registrar.bindings_per_user) == (120, 2)
    assert parts.own_domain(settings) == "10.0.0.5"
    assert parts.own_domain(settings_of(tmp_path, "")) == "mediaserver.invalid"


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
