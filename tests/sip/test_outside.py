"""Requests of the endpoint outside of calls, as the peer sees them."""

import pytest

from mediaserver.sip.authenticator import DigestAuthenticator, Verdict
from mediaserver.sip.events import Replied
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import TCP, UDP, Rig

TARGET = SipUri.parse("sip:example.com")
ME = NameAddr.parse("<sip:anna@example.com>")


def asked(rig: Rig, method: str = "OPTIONS", **how: object) -> tuple[int, Request]:
    given: dict[str, object] = {"target": TARGET, "flow": UDP, "from_": ME, "to": ME} | how
    number = rig.endpoint.outside.request(method, now=rig.now, **given)  # type: ignore[arg-type]
    (request,) = rig.requests()
    return number, request


def test_a_request_and_its_reply() -> None:
    rig = Rig()
    number, request = asked(rig, headers=[("X-Trunk", "one"), ("Supported", "path")], body=b"x", cseq=7, call_id="c")
    assert (request.method, str(request.uri), request.body) == ("OPTIONS", "sip:example.com", b"x")
    assert (request.call_id, request.cseq.number, request.max_forwards) == ("c", 7, 70)
    assert request.from_.tag and request.to.tag is None and request.contact is None
    assert request.headers.get("X-Trunk") == "one" and "path" in request.headers.get_all("Supported")
    rig.receive(request.response(100))
    assert not rig.events()
    answer = request.response(200, to_tag="pt")
    rig.receive(answer)
    assert rig.events() == [Replied(number, 200, "OK", answer)]
    rig.receive(answer)
    assert not rig.events()
    rig.advance(200)
    assert rig.is_empty() and not len(rig.endpoint.outside)


def test_it_is_sent_again_until_the_peer_answers_or_time_is_up() -> None:
    rig = Rig()
    number, _ = asked(rig)
    rig.advance(31.9)
    again = rig.requests()
    assert len(again) == 10 and not rig.events()
    rig.advance(0.2)
    assert rig.events() == [Replied(number, 408, "timeout", None)]


def test_a_closed_connection_ends_it() -> None:
    rig = Rig()
    number, _ = asked(rig, flow=TCP)
    rig.endpoint.flow_closed(TCP, "reset", rig.now)
    assert rig.events() == [Replied(number, 503, "reset", None)]
    assert rig.is_empty()


def test_a_loose_and_a_strict_route() -> None:
    rig = Rig()
    _, loose = asked(rig, routes=["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"])
    assert loose.headers.get_all("Route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    assert loose.uri == TARGET
    _, strict = asked(rig, routes=["<sip:p1.example.com>"])
    assert str(strict.uri) == "sip:p1.example.com" and strict.headers.get_all("Route") == ["<sip:example.com>"]


class Server:
    """Challenges as a registrar and a proxy before it would."""

    def __init__(self) -> None:
        self.proxy = DigestAuthenticator("proxy", {"anna": "s3cret"}, b"p", algorithms=["MD5"])
        self.home = DigestAuthenticator("home", {"anna": "s3cret"}, b"h", algorithms=["MD5", "SHA-256", "SHA-512-256"])

    def answer(self, request: Request, now: float) -> Response:
        for guard, status, field in (
            (self.proxy, 407, "Proxy-Authenticate"),
            (self.home, 401, "WWW-Authenticate"),
        ):
            verdict, _ = guard.judge(request, now, proxy=status == 407)
            if verdict is not Verdict.OK:
                response = request.response(status, to_tag="pt")
                for challenge in guard.challenge(now, stale=verdict is Verdict.STALE):
                    response.headers.add(field, challenge)
                return response
        return request.response(200, to_tag="pt")


def test_a_proxy_and_the_server_challenge_one_after_the_other() -> None:
    rig, server = Rig(), Server()
    _, request = asked(rig, "REGISTER", credentials=("anna", "s3cret"), cseq=3)
    seen = [request]
    while (response := server.answer(seen[-1], rig.now)).status != 200:
        rig.receive(response)
        seen += rig.requests()
    rig.receive(response)
    assert [request.cseq.number for request in seen] == [3, 4, 5]
    assert len({request.via.branch for request in seen}) == 3 and len({request.call_id for request in seen}) == 1
    assert "nc=00000002" in (seen[2].headers.get("Proxy-Authorization") or ""), "a count of the proxy's nonce each"
    assert "algorithm=SHA-512-256" in (seen[2].headers.get("Authorization") or ""), "the strongest offered"
    assert [event.status for event in rig.events() if isinstance(event, Replied)] == [200]


def test_a_stale_nonce_is_answered_once_more() -> None:
    rig, server = Rig(), Server()
    _, request = asked(rig, "REGISTER", credentials=("anna", "s3cret"))
    first, late = server.home.challenge(rig.now), server.home.challenge(rig.now, stale=True)

    def refused(request: Request, challenges: list[str]) -> list[Request]:
        response = request.response(401, to_tag="pt")
        for challenge in challenges:
            response.headers.add("WWW-Authenticate", challenge)
        rig.receive(response)
        return rig.requests()

    (second,) = refused(request, first)
    (third,) = refused(second, late)
    assert not refused(third, late), "the same nonce again: it will never be fresh"
    assert [event.status for event in rig.events() if isinstance(event, Replied)] == [401]


def test_a_server_whose_nonces_are_always_stale_is_given_up() -> None:
    rig, server = Rig(), Server()
    _, request = asked(rig, "REGISTER", credentials=("anna", "s3cret"))
    tries = 0
    while request is not None:
        tries += 1
        response = request.response(401, to_tag="pt")
        for challenge in server.home.challenge(rig.now, stale=True):
            response.headers.add("WWW-Authenticate", challenge)
        rig.receive(response)
        request = next(iter(rig.requests()), None)  # type: ignore[assignment]
    assert tries == 5
    assert [event.status for event in rig.events() if isinstance(event, Replied)] == [401]


@pytest.mark.parametrize("credentials", [None, ("anna", "wrong")])
def test_a_challenge_that_cannot_be_met_is_the_answer(credentials: tuple[str, str] | None) -> None:
    rig, server = Rig(), Server()
    _, request = asked(rig, credentials=credentials)
    while request is not None:
        rig.receive(server.answer(request, rig.now))
        request = next(iter(rig.requests()), None)  # type: ignore[assignment]
    assert [event.status for event in rig.events() if isinstance(event, Replied)] == [407]
