"""Answering a 401 or 407 to a request of ours (RFC 3261 22.2, 22.3, RFC 8760 2.4)."""

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.digest import answer, answer_again, choose, parse_parameters
from mediaserver.sip.headers import Headers
from mediaserver.sip.leg import Credentials
from mediaserver.sip.message import Request, Response

_FIELDS = (("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization"))
_CHALLENGES = (401, 407)
MOST_ANSWERS = 4
"""How often one request is sent again: a proxy and the server may ask one after the other, and each nonce be stale."""


def answer_challenge(
    request: Request, response: Response, credentials: Credentials | None, cseq: int, cnonce: str
) -> Request | None:
    """`request` again with credentials and the CSeq number `cseq`; None if the response is no challenge we can meet.

    A realm that asks again has refused our credentials, unless it says that only its nonce was stale. Credentials
    that others on the way were content with are sent again. Whoever calls this stops after `MOST_ANSWERS`.
    """
    if credentials is None or response.status not in _CHALLENGES:
        return None
    user, password = credentials
    uri, answered = str(request.uri), False
    headers = request.headers.copy()
    try:
        for asks, answers in _FIELDS:
            given = {parse_parameters(value)["realm"]: value for value in request.headers.get_all(answers)}
            kept = {
                realm: answer_again(value, request.method, uri, password, cnonce, request.body)
                for realm, value in given.items()
            }
            for challenge in choose(response.headers.get_all(asks)):
                if not _is_news(challenge, given):
                    return None
                realm = parse_parameters(challenge)["realm"]
                kept[realm] = answer(challenge, request.method, uri, user, password, cnonce, 1, request.body)
                answered = True
            _set_all(headers, answers, kept)
    except (RemoteProtocolError, KeyError, ValueError):  # what was given us to send is no Digest we can read
        return None
    headers.set("CSeq", f"{cseq} {request.method}")
    return Request(request.method, request.uri, headers, request.body) if answered else None


def _is_news(challenge: str, given: dict[str, str]) -> bool:
    """Whether it is worth while to answer: a realm not answered yet, or another nonce in place of a stale one."""
    asked = parse_parameters(challenge)
    before = given.get(asked["realm"])
    if before is None:
        return True
    return asked.get("stale", "").lower() == "true" and parse_parameters(before).get("nonce") != asked["nonce"]


def _set_all(headers: Headers, name: str, values: dict[str, str]) -> None:
    headers.remove(name)
    for value in values.values():
        headers.add(name, value)
