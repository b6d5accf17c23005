"""Sending a refused INVITE of ours again with what the refusal asks for, or elsewhere (RFC 3261 8.1.3.4, 8.1.3.5)."""

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.challenge import MOST_ANSWERS, answer_challenge
from mediaserver.sip.core import Core
from mediaserver.sip.leg import Attempt, Leg
from mediaserver.sip.message import Request, Response
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.uri import NameAddr

_CAPABLE = ("100rel", "timer")
"""What we can do even if the settings do not have us offer it."""

type Contacts = tuple[str, ...]
"""Contact values, the one to try first in front."""


def amended(core: Core, timers: SessionTimers, leg: Leg, attempt: Attempt, response: Response) -> Request | None:
    """The INVITE again, with the next CSeq number; None if what is asked for is not ours to give, or was given before.

    Met are 401 and 407 with the leg's credentials, 422 (RFC 4028 7.3) and 421.
    """
    request, status = attempt.request, response.status
    cseq = request.cseq.number + 1
    if attempt.answered < MOST_ANSWERS:
        again = answer_challenge(request, response, leg.credentials, cseq, core.token())
        if again is not None:
            attempt.answered += 1
            return again
    if status not in (421, 422) or status in attempt.amended:
        return None
    attempt.amended.add(status)
    headers = request.headers.copy()
    headers.set("CSeq", f"{cseq} INVITE")
    if status == 422 and timers.too_small(leg, response):
        timers.ask(leg, headers)
        return Request("INVITE", request.uri, headers, request.body)
    wanted = _ours_to_support(request, response) if status == 421 else []
    headers.set("Supported", ", ".join((*request.headers.get_all("Supported"), *wanted)))
    return Request("INVITE", request.uri, headers, request.body) if wanted else None


def contacts_of(response: Response) -> Contacts:
    """Where a 3xx sends us, by their q (8.1.3.4)."""
    if not 300 <= response.status < 400:
        return ()
    return tuple(sorted(response.headers.get_all("Contact"), key=_weight, reverse=True))


def _weight(contact: str) -> float:
    try:
        return float(NameAddr.parse(contact).parameters.get("q") or 1)
    except (RemoteProtocolError, ValueError):
        return 0.0


def _ours_to_support(request: Request, response: Response) -> list[str]:
    """What a 421 wants, if we know all of it and have not said so (21.4.15)."""
    said = {tag.lower() for tag in request.headers.get_all("Supported")}
    wanted = [tag.lower() for tag in response.headers.get_all("Require")]
    return wanted if all(tag in _CAPABLE and tag not in said for tag in wanted) else []
