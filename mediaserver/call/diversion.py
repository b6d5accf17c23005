"""Whom a call was for before it was sent on to us: Diversion (RFC 5806) and History-Info (RFC 7044), read alike.

The two are read as RFC 7544 maps them onto each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import unquote
from mediaserver.sip.message import Request
from mediaserver.sip.uri import NameAddr, SipUri

_REASONS = {
    "302": "unconditional",
    "486": "user-busy",
    "408": "no-answer",
    "480": "deflection",
    "503": "unavailable",
    "404": "unknown",
    "487": "deflection",
}
"""Values of `cause` (RFC 4458, RFC 8119) in the words of Diversion."""


@dataclass(frozen=True, slots=True)
class Diversion:
    """The first diversion of a call: by whom, and why, in the words of RFC 5806 ("no-answer", "user-busy", …)."""

    by: SipUri
    reason: str


def first_diversion(request: Request) -> Diversion | None:
    """Who was called first and sent the call on; None if nobody did, or nobody said so legibly."""
    history = _readable(request.headers.get_all("History-Info"))
    return _of_history(history) or _of_diversions(_readable(request.headers.get_all("Diversion")))


def _readable(values: Sequence[str]) -> list[NameAddr]:
    found = []
    for value in values:
        try:
            found.append(NameAddr.parse(value))
        except RemoteProtocolError:
            continue
    return found


def _of_diversions(diversions: list[NameAddr]) -> Diversion | None:
    """Each diversion is put before the others: the last one was the first (RFC 5806 3)."""
    if not diversions:
        return None
    first = diversions[-1]
    return Diversion(first.uri, unquote(first.parameters.get("reason") or "unknown").lower())


def _of_history(entries: list[NameAddr]) -> Diversion | None:
    """The first entry with a cause says why the one before it, or the one it names by `mp`, sent the call on."""
    for place, entry in enumerate(entries):
        cause = entry.uri.parameters.get("cause")
        if cause is None or place == 0:
            continue
        by = next((each for each in entries if _index(each) == entry.parameters.get("mp")), entries[place - 1])
        return Diversion(by.uri, _REASONS.get(cause, "unknown"))
    return None


def _index(entry: NameAddr) -> str:
    return entry.parameters.get("index") or ""
