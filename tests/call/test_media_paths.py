"""What calls want of encryption, whom its keys may be exposed to, and what becomes of a call that gets none."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.call.media_paths import MediaPaths
from mediaserver.call.route import Routes
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.security import Dtls, Sdes, SrtpPolicy
from mediaserver.sip.events import Flow, Transport
from mediaserver.talk.orders import Unprotected
from support.exchange import Exchange, Ways, sdp
from support.virtual_time import tell

PRINT = "sha-256 " + ":".join(["AB"] * 32)
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n".encode()


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as captured:
        yield captured


def flow(transport: Transport = "udp") -> Flow:
    return Flow(transport, ("198.51.100.7", 5060), ("192.0.2.1", 5060))


class Trunks(Ways):
    """One wants its media encrypted, one does not, and the others may."""

    def srtp(self, trunk: str | None) -> SrtpPolicy:
        policies: dict[str | None, SrtpPolicy] = {"secret": "required", "open": "never"}
        return policies.get(trunk, "optional")


def leg(paths: MediaPaths, trunk: str | None = None, transport: Transport = "udp") -> Negotiation:
    return Negotiation(Capabilities(), ("192.0.2.1", 4000), 1, paths.path(trunk, flow(transport)))


def paths(fingerprint: str | None = PRINT) -> MediaPaths:
    routes: Routes = Trunks()
    return MediaPaths(routes, fingerprint)


def test_each_trunk_is_offered_what_it_wants() -> None:
    made = paths()
    assert b"RTP/SAVP 0" in leg(made, "secret").offer()
    plain = leg(made, "open").offer()
    assert b"RTP/AVP 0" in plain and b"crypto" not in plain
    both = leg(made, transport="tls").offer()
    assert b"RTP/AVP 0" in both and b"a=crypto:1 AES_CM_128_HMAC_SHA1_80" in both and b"candidate" not in both


def test_keys_are_offered_in_the_clear_only_where_they_have_to_be() -> None:
    assert b"crypto" not in leg(paths()).offer() and b"a=crypto" in leg(paths(), "secret").offer()
    ours = leg(paths())
    ours.answer(sdp() + CRYPTO)
    assert ours.plan is not None and isinstance(ours.plan.security, Sdes)


@pytest.mark.parametrize("trunk", [None, "open", "secret"])
def test_over_a_websocket_a_browser_is_offered_what_it_knows(trunk: str | None) -> None:
    offer = leg(paths(), trunk, "wss").offer()
    assert b"UDP/TLS/RTP/SAVPF" in offer and b"a=ice-lite" in offer and PRINT.encode() in offer


def test_without_a_certificate_nobody_is_offered_dtls() -> None:
    assert b"UDP/TLS" not in leg(paths(None), None, "wss").offer()


def test_no_two_legs_have_the_same_key() -> None:
    made = paths()
    assert leg(made, "secret").offer() != leg(made, "secret").offer()


def test_the_plan_tells_where_signalling_comes_from() -> None:
    ours = leg(paths())
    ours.answer(sdp() + CRYPTO)
    assert ours.plan is not None and ours.plan.signalled == "198.51.100.7"


def test_keys_that_can_be_read_on_the_way_are_warned_of_once_for_each_trunk(
    lines: list[MutableMapping[str, Any]],
) -> None:
    made = paths()
    ours = leg(made)
    ours.answer(sdp() + CRYPTO)
    assert ours.plan is not None and isinstance(ours.plan.security, Sdes)
    for trunk in ("a", "a", "b", None, None):
        made.check(ours.plan, trunk, flow("udp"))
    for transport in ("tls", "wss"):
        made.check(ours.plan, "c", flow(transport))  # type: ignore[arg-type]
    made.check(None, "d", flow("udp"))
    clear = leg(made)
    clear.answer(sdp())
    made.check(clear.plan, "e", flow("udp"))
    warned = [line for line in lines if line["event"] == "media.keys_exposed"]
    assert [(line["trunk"], line["transport"]) for line in warned] == [("a", "udp"), ("b", "udp"), (None, "udp")]
    assert all(KEY not in str(line) for line in lines)


def told(story: Callable[[Exchange], None], **settings: Any) -> Exchange:
    async def whole() -> Exchange:
        exchange = Exchange(**settings)
        story(exchange)
        return exchange

    return tell(whole())


def test_a_call_without_the_certificate_described_ends_with_a_reason(lines: list[MutableMapping[str, Any]]) -> None:
    def story(exchange: Exchange) -> None:
        exchange.talking()
        exchange.reports(Unprotected, "the certificate in DTLS is not the one in the session description")
        assert exchange.network.sent[-1] == ("BYE", 'Q.850;cause=47;text="media-security"')
        assert exchange.nothing_left()

    told(story)
    (hanging,) = [line for line in lines if line["event"] == "call.hanging_up"]
    (ended,) = [line for line in lines if line["event"] == "call.ended"]
    assert "certificate" in hanging["message"] and (ended["result"], ended["reason"]) == ("failed", "media-security")


def test_while_it_rings_it_is_refused() -> None:
    def story(exchange: Exchange) -> None:
        exchange.invited(sdp())
        exchange.reports(Unprotected, "no handshake")
        assert exchange.network.names()[-1] == 503 and exchange.nothing_left()

    told(story)


def test_a_call_negotiates_as_its_route_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(exchange: Exchange) -> None:
        monkeypatch.setattr(exchange.ways, "srtp", lambda trunk: "optional")
        text = sdp().replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVP")
        exchange.invited(text + f"a=setup:actpass\r\na=fingerprint:{PRINT}\r\n".encode())
        exchange.ready()
        (description,) = exchange.plane.plans
        assert isinstance(description.plan.security, Dtls)
        assert PRINT.encode() in exchange.network.sent[-1][1]  # type: ignore[operator]

    told(story, fingerprint=PRINT)
