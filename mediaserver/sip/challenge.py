"""Answering a 401 or 407 to a request of ours (RFC 3261 22.2, 22.3)."""

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.digest import answer, choose
from mediaserver.sip.leg import Credentials
from mediaserver.sip.message import Request, Response

_FIELDS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


def answer_challenge(
    request: Request, response: Response, credentials: Credentials | None, cseq: int, cnonce: str
) -> Request | None:
    """`request` again with credentials and the CSeq number `cseq`; None if the response is no challenge we can meet."""
    if credentials is None or response.status not in _FIELDS:
        return None
    asked, answered = _FIELDS[response.status]
    challenge = choose(response.headers.get_all(asked))
    # The same field twice in a row means our credentials were refused, not that more were wanted.
    if challenge is None or answered in request.headers:
        return None
    user, password = credentials
    try:
        value = answer(challenge, request.method, str(request.uri), user, password, cnonce, 1, request.body)
    except RemoteProtocolError:
        return None
    headers = request.headers.copy()
    headers.set("CSeq", f"{cseq} {request.method}")
    headers.set(answered, value)
    return Request(request.method, request.uri, headers, request.body)
