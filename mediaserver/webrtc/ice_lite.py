"""A lite ICE agent for one component (RFC 8445 2.5, 7.3): it answers checks and learns from them where media may go."""

import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aioice import stun

from mediaserver.sdp.ice import Ice

type Address = tuple[str, int]

_CONSENT_S: Final = 30.0
"""Nothing at all from the peer for so long, and nothing is sent to it any more (RFC 7675 5.1)."""
_MOST_SOURCES = 16
_BAD_REQUEST, _UNAUTHENTICATED, _ROLE_CONFLICT = (400, "Bad Request"), (401, "Unauthenticated"), (487, "Role Conflict")
_UNREADABLE = (ValueError, KeyError, IndexError, struct.error)
"""What the reader of messages raises on garbage."""


@dataclass(slots=True)
class _Session:
    """What one pair of credentials has led to."""

    ice: Ice
    valid: dict[Address, float] = field(default_factory=dict)
    """Sources whose checks succeeded, and when the last one did."""
    nominated: Address | None = None


class IceAgent:
    """Both of them lite or not, the peer controls: what it nominates is taken, the last nomination counts.

    New credentials are a restart (RFC 8445 9): media keep to the pair they had until another is nominated.
    """

    def __init__(self, ice: Ice) -> None:
        self._session = _Session(ice)
        self._former: _Session | None = None
        self._heard = 0.0
        self.refused = 0
        """Checks that were not the peer's."""
        self.nominated: Callable[[Address], None] | None = None
        """Told of each new destination."""

    def follow(self, ice: Ice) -> None:
        """Go on as newly agreed."""
        session = self._session
        if (ice.ours, ice.theirs) == (session.ice.ours, session.ice.theirs):
            session.ice = ice
            return
        if session.nominated is not None:
            self._former = session
        self._session = _Session(ice)

    @property
    def selected(self) -> Address | None:
        """The source that was nominated last; None before the first nomination."""
        if self._session.nominated is None and self._former is not None:
            return self._former.nominated
        return self._session.nominated

    def destination(self, now: float) -> Address | None:
        """Where media may be sent; None: nowhere, nothing is nominated or the peer has been silent for too long."""
        return self.selected if now - self._heard < _CONSENT_S else None

    def accepts(self, source: Address, now: float) -> bool:
        """Whether media may come from there: a check has; the peer is there then."""
        if source not in self._session.valid and (self._former is None or source not in self._former.valid):
            return False
        if source == self.selected:
            self._heard = now
        return True

    def received(self, datagram: bytes, source: Address, now: float) -> bytes | None:
        """Take a STUN message; the answer to send back, if there is one to it."""
        try:
            message = stun.parse_message(datagram)
        except _UNREADABLE:
            self.refused += 1
            return None
        if message.message_method is not stun.Method.BINDING or "FINGERPRINT" not in message.attributes:
            return None  # nothing of ICE's (RFC 8445 7.1)
        if message.message_class is stun.Class.INDICATION:
            self.accepts(source, now)  # a keep-alive (RFC 8445 11)
            return None
        if message.message_class is not stun.Class.REQUEST:
            return None  # we asked nothing
        return self._answer(message, source, now)

    def _answer(self, request: stun.Message, source: Address, now: float) -> bytes:
        attributes = request.attributes
        if "USERNAME" not in attributes or "MESSAGE-INTEGRITY" not in attributes:
            self.refused += 1
            return self._error(request, _BAD_REQUEST)
        session = self._session_of(request)
        if session is None:
            self.refused += 1
            return self._error(request, _UNAUTHENTICATED)
        password = session.ice.password.encode()
        if "ICE-CONTROLLED" in attributes:
            return self._error(request, _ROLE_CONFLICT, password)
        self._succeeded(session, source, "USE-CANDIDATE" in attributes, now)
        response = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
        response.attributes["XOR-MAPPED-ADDRESS"] = source
        response.add_message_integrity(password)
        return bytes(response)

    def _succeeded(self, session: _Session, source: Address, use: bool, now: float) -> None:
        if source not in session.valid and len(session.valid) >= _MOST_SOURCES:
            oldest = min((each for each in session.valid if each != session.nominated), key=session.valid.__getitem__)
            del session.valid[oldest]
        session.valid[source] = now
        changed = use and session is self._session and session.nominated != source
        if changed:
            session.nominated, self._former = source, None
        if source == self.selected:
            self._heard = now
        if changed and self.nominated is not None:
            self.nominated(source)

    def _session_of(self, request: stun.Message) -> _Session | None:
        """Whose credentials a request has, now or before a restart."""
        name = str(request.attributes["USERNAME"]).partition(":")[0]
        for session in (self._session, self._former):
            if session is not None and hmac.compare_digest(name.encode(), session.ice.ours.encode()):
                return session if request.check_message_integrity(session.ice.password.encode()) else None
        return None

    def _error(self, request: stun.Message, code: tuple[int, str], password: bytes | None = None) -> bytes:
        response = stun.Message(request.message_method, stun.Class.ERROR, request.transaction_id)
        response.attributes["ERROR-CODE"] = code
        if password is None:
            response.add_fingerprint()
        else:
            response.add_message_integrity(password)
        return bytes(response)
