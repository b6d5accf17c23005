"""Trunks, phones, routing and outbound policy as settings: what they default to and which faults they name."""

import re
from pathlib import Path

import pytest

from mediaserver.config import Settings, load, network
from mediaserver.config.trunks import CallerId, TrunkSettings
from mediaserver.errors import ConfigurationError


def settings_of(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "mediaserver.toml"
    path.write_text(text)
    return load(path)


def faults_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, text)
    return caught.value.faults


def test_a_carrier_and_an_sbc(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """
        [trunks.carrier]
        host = "SIP.Carrier.Example."
        transport = "tls"
        user = "+4930555"
        password = "env:CARRIER"
        register = true
        numbers = { "+4930555" = "clinic", "+49305*" = "shop" }
        [trunks.carrier.caller_id]
        identity = "preferred"
        [trunks.sbc]
        networks = ["192.0.2.0/28"]
        outbound_proxy = "sbc.example;transport=tcp"
        """,
    )
    carrier, sbc = settings.trunks["carrier"], settings.trunks["sbc"]
    assert carrier.register_ and carrier.host == "sip.carrier.example" == carrier.own_domain
    assert list(carrier.numbers) == ["+4930555", "+49305*"], "in the order they were written"
    assert carrier.caller_id.identity == "preferred"
    assert sbc.outbound_proxy == "sip:sbc.example;transport=tcp" and not sbc.calls_out
    assert "env:CARRIER" not in repr(settings)


def test_every_fault_of_the_tables_at_once(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """
        [sip]
        tls = "0.0.0.0:5061"
        dscp = "CS9"
        max_datagram = -1
        [sip.dns]
        servers = ["dns.example"]
        versions = [5]
        [sip.connections]
        totl = 5
        [trunks."a b"]
        host = "x"
        [trunks.one]
        host = "sip:carrier.example"
        regster = true
        dtmf = "rfc2833"
        outbound_proxy = "sip:no host"
        [trunks.two]
        register = true
        host = "two.example"
        [trunks.three]
        [trunks.six]
        host = "six.example"
        outbound = true
        [trunks.four]
        host = "four.example"
        headers = { Contact = "<sip:x@y>" }
        [trunks.five.caller_id]
        form_user = "account"
        [phones.users]
        alice = { pasword = "hunter2" }
        [outbound]
        allow = ["49-30"]
        [[routing]]
        agent = "clinic"
        [[routing]]
        agnet = "clinic"
        """,
    )
    text = "\n".join(faults)
    for expected in (
        "sip.dscp is 'CS9': write a code point",
        "sip.max_datagram is -1",
        "sip.dns.servers.0 is 'dns.example': write the IP address of a name server",
        "sip.dns.versions.0 is 5",
        "sip.connections.totl: unknown setting; did you mean total?",
        "name it with letters",
        "trunks.one.host is 'sip:carrier.example': write a name or an IP address alone",
        "trunks.one.regster: unknown setting; did you mean register?",
        "trunks.one.dtmf is 'rfc2833'",
        "trunks.one.outbound_proxy is 'sip:no host': write a SIP URI",
        "trunks.two: register needs host and user",
        "trunks.three: gives no way to know it",
        "trunks.six: outbound says how to register: set register = true too",
        "trunks.four.headers: Contact cannot be set",
        "trunks.five.caller_id.form_user: unknown setting; did you mean from_user?",
        "phones.users.alice.pasword: unknown setting; did you mean password?",
        "outbound.allow.0 is '49-30': write how the numbers begin",
        "routing.0: fits every call",
        "routing.1.agnet: unknown setting; did you mean agent?",
    ):
        assert expected in text, expected
    assert "hunter2" not in text


def test_what_tables_say_of_each_other_is_told_even_if_others_are_faulty(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """
        [limits]
        max_calls = 0
        [trunks.one]
        networks = ["192.0.2.1"]
        number_format = "national"
        [trunks.two]
        networks = ["192.0.2.1"]
        destinations = ["+1"]
        [phones.users]
        alice = "a"
        [sip.users]
        alice = "b"
        [outbound]
        allow = ["+49"]
        [[routing]]
        trunk = "on"
        agent = "clinic"
        [[routing]]
        phone = "bob"
        agent = "clinic"
        """,
    )
    text = "\n".join(faults)
    assert "limits.max_calls is 0" in text
    assert "sip.users.alice: phones.users has the same name" in text
    assert "routing.0.trunk is 'on': there is no trunk of that name; did you mean one?" in text
    assert "routing.1.phone is 'bob': there is no phone or user of that name; known are alice" in text
    assert 'trunks.one.number_format is "national": set outbound.country_code' in text
    assert "trunks.two.networks: 192.0.2.1 is trunks.one's as well: set domains on both" in text
    assert "trunks.two.destinations: +1 is not in outbound.allow" in text
    assert len(faults) == 7


def test_two_trunks_do_not_prove_themselves_by_one_name(tmp_path: Path) -> None:
    line = 'trunks.{0} = {{ host = "{0}.example", inbound_user = "{1}", inbound_password = "x" }}\n'
    (fault,) = faults_of(tmp_path, line.format("one", "sbc") + line.format("two", "sbc") + line.format("three", "pbx"))
    assert fault.endswith("trunks.two.inbound_user is 'sbc': trunks.one has that name as well; give each its own")


@pytest.mark.parametrize(
    "line",
    [
        'trunks.one = { host = "h", user = "u", password = ["hunter2"] }',
        'trunks.one = "hunter2"',
        'phones.users = "hunter2"',
        'phones.users.alice = ["hunter2"]',
        'sip.certificates = "hunter2"',
    ],
)
def test_passwords_are_not_repeated(tmp_path: Path, line: str) -> None:
    assert "hunter2" not in str(faults_of(tmp_path, line))


@pytest.mark.parametrize("table", ["tls", "wss"])
def test_tls_needs_a_certificate(tmp_path: Path, table: str) -> None:
    (fault,) = faults_of(tmp_path, f'[sip]\n{table} = "0.0.0.0:5061"')
    assert f"sip: {table} needs a certificate: set sip.certificates.certificate" in fault


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ('udp = ["127.0.0.1:5060", "[::1]:5060"]', ("127.0.0.1:5060", "[::1]:5060")),
        ('udp = "127.0.0.1:5060, 127.0.0.2:5060"', ("127.0.0.1:5060", "127.0.0.2:5060")),
        ('udp = "[::1]:5060"', ("[::1]:5060",)),
        ('udp = ""', ()),
    ],
)
def test_one_address_or_several(tmp_path: Path, written: str, addresses: tuple[str, ...]) -> None:
    assert settings_of(tmp_path, f"[sip]\n{written}").sip.udp == addresses


@pytest.mark.parametrize("value", ["127.0.0.1:5070", '["127.0.0.1:5070"]'])
def test_the_environment_gives_addresses_and_trunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MEDIASERVER_SIP__UDP", value)
    monkeypatch.setenv("MEDIASERVER_TRUNKS__CARRIER__PASSWORD", "secret")
    settings = settings_of(tmp_path, '[trunks.carrier]\nhost = "192.0.2.1"\nuser = "u"')
    assert settings.sip.udp == ("127.0.0.1:5070",)
    password = settings.trunks["carrier"].password
    assert password is not None and password.get_secret_value() == "secret"


def test_an_address_to_advertise_for_each_network(tmp_path: Path) -> None:
    one = settings_of(tmp_path, '[sip]\nadvertise = "203.0.113.7"').sip.advertise
    assert network.of("10.1.2.3", one) == network.of("2001:db8::1", one) == "203.0.113.7"
    table = settings_of(
        tmp_path, '[sip]\nadvertise = { "0.0.0.0/0" = "203.0.113.7", "10.0.0.0/8" = "10.0.0.5" }'
    ).sip.advertise
    assert network.of("10.1.2.3", table) == network.of("::ffff:10.1.2.3", table) == "10.0.0.5"
    assert network.of("198.51.100.1", table) == "203.0.113.7"
    assert network.of("2001:db8::1", table) is None
    assert settings_of(tmp_path, '[sip]\nadvertise = ""').sip.advertise == {}


def test_a_phone_by_its_password_alone(tmp_path: Path) -> None:
    users = settings_of(
        tmp_path, '[phones.users]\nalice = "a"\nbob = { password = "b", agent = "shop", display = "Bob" }'
    ).phones.users
    assert users["alice"].password.get_secret_value() == "a" and users["bob"].agent == "shop"


def test_every_setting_of_a_trunk_stands_in_the_example_with_its_default() -> None:
    text = (Path(__file__).parents[2] / "deploy" / "mediaserver.example.toml").read_text()
    trunk, caller = text.split("# [trunks.carrier]")[1].split("# [trunks.carrier.caller_id]")
    for part, section in ((trunk, TrunkSettings), (caller, CallerId)):
        for name, field in section.model_fields.items():
            if name == "caller_id":
                continue
            assert re.search(rf"^# {field.alias or name} = ", part, re.MULTILINE), name


def test_the_trunk_of_the_example_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "deploy" / "mediaserver.example.toml").read_text()
    section = "[[routing]]" + text.split("# [[routing]]")[1].split("[agent]")[0]
    lines = [line.removeprefix("# ") for line in section.splitlines()]
    settings = settings_of(tmp_path, "\n".join(lines) + '\n[phones.users]\nalice = "secret"')
    assert settings.trunks["carrier"].caller_id.number == "+4930555" and settings.routing[0].agent == "clinic"
