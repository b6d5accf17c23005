"""Trunks, ways out and doors as tests want them."""

from collections.abc import Callable, Mapping
from typing import Any

from mediaserver.call.policy import Policy
from mediaserver.call.trunk import Trunk
from mediaserver.call.trunks import Trunks
from mediaserver.call.ways_out import Binding, WaysOut
from mediaserver.config.outbound import Outbound
from mediaserver.config.trunks import TrunkSettings
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sip.message import Request, parse
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_messages import request

USUAL = Capabilities()
OWN = NameAddr(None, SipUri("sip", "mediaserver", "203.0.113.7"))


def trunk(name: str = "carrier", *, secret: str | None = None, inbound: str | None = None, **settings: Any) -> Trunk:
    return Trunk(
        name, TrunkSettings(**{"host": f"{name}.example", **settings}), USUAL, password=secret, inbound_password=inbound
    )


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Phonebook:
    """Registered phones, by hand."""

    def __init__(self, bindings: Mapping[str, list[Binding]] | None = None) -> None:
        self.bindings = dict(bindings or {})

    def of(self, user: str) -> list[Binding]:
        return self.bindings.get(user, [])


class Out:
    """The ways out with what they stand on."""

    def __init__(
        self,
        *trunks: Trunk,
        phones: Mapping[str, list[Binding]] | None = None,
        incoming: Callable[[str], int] = lambda trunk: 0,
        **outbound: Any,
    ) -> None:
        given = Outbound(**{"allow": ("+",), **outbound})
        self.clock = Clock()
        self.trunks = Trunks(trunks)
        self.phonebook = Phonebook(phones)
        policy = Policy(given, phones or {}, self.trunks.hosts)
        self.ways = WaysOut(given, self.trunks, policy, USUAL, OWN, self.clock, self.phonebook, incoming)


def asked(method: str = "INVITE", *, line_uri: str = "sip:desk@example.net", **fields: str | None) -> Request:
    """A request with these header fields, `_` for `-`."""
    changes = {name.replace("_", "-"): value for name, value in fields.items()}
    message = parse(request({"CSeq": f"1 {method}", **changes}, line=f"{method} {line_uri} SIP/2.0"))
    assert isinstance(message, Request)
    return message
