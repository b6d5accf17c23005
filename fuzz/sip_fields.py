"""Header fields and bodies: read or refused, and what is written of them reads the same."""

from mediaserver.call.keys import pressed_by_info
from mediaserver.call.number import BadNumberError, Plan, dialled, is_emergency, is_number
from mediaserver.call.stir import Verifier
from mediaserver.config.stir import Stir
from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip import digest
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.challenge import answer_challenge
from mediaserver.sip.event import subscribed
from mediaserver.sip.headers import CSeq, Headers, Via
from mediaserver.sip.message import Request, Response
from mediaserver.sip.passport import read_identity
from mediaserver.sip.refer_to import parse_refer_to, refer_to
from mediaserver.sip.replaces import Replaces
from mediaserver.sip.seconds import retry_after_of, seconds_of
from mediaserver.sip.sipfrag import fragment, status_of
from mediaserver.sip.uri import NameAddr, SipUri


def check_uri(text: str) -> None:
    """Any URI."""
    uri = SipUri.parse_any(text)
    assert SipUri.parse_any(str(uri)) == uri
    hash(uri)
    _ = uri.unescaped_user


def check_name_addr(text: str) -> None:
    """From, To, Contact and Route."""
    given = NameAddr.parse(text)
    again = NameAddr.parse(str(given))
    assert (again.display or "", again.uri, again.parameters) == (given.display or "", given.uri, given.parameters)
    assert str(again) == str(given)


def check_via(text: str) -> None:
    """Via, whole or what can be saved of it."""
    try:
        via = Via.parse(text)
    except RemoteProtocolError:
        via = Via.salvage(text)
    assert Via.parse(str(via)) == via
    _ = via.branch, via.received, via.rport
    filled = via.with_parameter("received", "192.0.2.1").with_parameter("rport", "5060")
    assert (Via.parse(str(filled)).received, Via.parse(str(filled)).rport) == ("192.0.2.1", 5060)


def check_cseq(text: str) -> None:
    """CSeq."""
    cseq = CSeq.parse(text)
    assert CSeq.parse(str(cseq)) == cseq


_ASKED = Request("REGISTER", SipUri("sip", None, "h"), Headers([("CSeq", "1 REGISTER")]))


def check_challenge(text: str) -> None:
    """Whatever is worth an answer gets one that we ourselves can read, and credit."""
    headers = Headers()
    for value in text.split("|"):
        headers.add("WWW-Authenticate", value)
    for challenge in digest.choose(headers.get_all("WWW-Authenticate")):
        answer = digest.answer(challenge, "REGISTER", "sip:h", 'b"ob', "secret", "c", 1)
        given = digest.parse_parameters(answer)
        algorithm, _ = digest.base_algorithm(given.get("algorithm"))
        secret = digest.secret_of(algorithm, 'b"ob', given["realm"], "secret")
        assert digest.response_of(given, "REGISTER", secret) == given["response"]
        digest.parse_parameters(digest.answer_again(answer, "REGISTER", "sip:h", "secret", "c2"))
    request: Request | None = _ASKED
    for _ in range(3):
        if request is not None:
            request = answer_challenge(request, Response(401, "", headers), ("bob", "secret"), 2, "c")
    if request is not None:
        bytes(request)


_GUARD = DigestAuthenticator(
    "r", {"bob": "secret"}, b"key", algorithms=("SHA-256", "MD5", "MD5-sess"), qop=("auth", "auth-int")
)


def check_credentials(text: str) -> None:
    """Authorization: nobody gets in."""
    request = Request("INVITE", SipUri("sip", None, "h"), Headers([("Authorization", text)]))
    _, user = _GUARD.judge(request, 5.0)
    assert user is None, "nobody knows the password"


def check_replaces(text: str) -> None:
    """Replaces."""
    named = Replaces.parse(text)
    assert Replaces.parse(str(named)) == named


def check_fragment(text: str) -> None:
    """The body of a NOTIFY about a REFER."""
    found = status_of(text.encode("utf-8", "surrogateescape"))
    if found is not None:
        again = status_of(fragment(*found))
        assert again is not None and again[0] == found[0]


def check_refer_to(text: str) -> None:
    """Refer-To: what was read can be written."""
    request = Request("REFER", SipUri("sip", None, "h"), Headers([("Refer-To", text)]))
    target, replaces = parse_refer_to(request)
    try:
        written = refer_to(str(target), replaces)
    except LocalProtocolError as fault:
        raise AssertionError(f"{target} was read and cannot be written") from fault
    request = Request("REFER", SipUri("sip", None, "h"), Headers([("Refer-To", written)]))
    again, named = parse_refer_to(request)
    assert (again.uri, named) == (target.uri, replaces)


def check_field(text: str) -> None:
    """Fields that are read by those who use them."""
    headers = Headers([(name, text) for name in ("Event", "Subscription-State", "Retry-After", "Session-Expires")])
    subscribed(Request("NOTIFY", SipUri("sip", None, "h"), headers))
    retry_after_of(Response(503, "", headers))
    seconds_of(text)


_VERIFIER = Verifier(Stir())


def check_identity(text: str) -> None:
    """Who vouches for a caller: the judgement never raises."""
    request = Request("INVITE", SipUri("sip", "1", "h"), Headers([("Identity", text), ("From", "<sip:2@h>")]))
    request.headers.add("To", "<sip:1@h>")
    assert _VERIFIER.attest(request).partition(":")[0] in ("none", "passed", "failed", "not-verified")
    for value in request.headers.get_all("Identity"):
        read_identity(value)


def check_key(octets: bytes) -> None:
    """Keys by INFO."""
    for kind in ("application/dtmf-relay", "application/dtmf; x"):
        key = pressed_by_info(kind, octets)
        assert key is None or (len(key.digit) == 1 and 0 < key.duration_ms < 100_000)


_PLANS = (Plan(), Plan("49"), Plan("1", "1", "011"))


def check_number(text: str) -> None:
    """What is dialled in the end is known for an emergency number from the beginning."""
    emergency = is_emergency(text, {"110", "112", "911"})
    for plan in _PLANS:
        try:
            number = dialled(text, plan)
        except BadNumberError:
            continue
        assert number.removeprefix("+").isdigit() and is_number(text)
        assert emergency or number not in ("110", "112", "911"), (text, number)
