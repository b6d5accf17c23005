"""A lite ICE agent for one component (RFC 8445 2.5, 7.3): it answers checks and learns from them where media may go."""

import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aioice import stun

from mediaserver.sdp.ice import Ice

type Address = tuple[str, int]

CONSENT_S: Final = 30.0
"""Nothing from the peer for so long, and nothing is sent to it any more (RFC 7675 5.1)."""
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

    New credentials are a restart (RFC 8445 9): media keep to the pair they had until another is nominated. `consent_s`
    without a check, a keep-alive or authentic media from where media go, and nothing is sent any more (RFC 7675): a
    lite agent asks for no consent itself, what the peer sends of its own accord is its consent.
    """

    def __init__(self, ice: Ice, consent_s: float = CONSENT_S) -> None:
        self._session = _Session(ice)
        self._former: _Session | None = None
        self._consent_s = consent_s
        self.selected: Address | None = None
        """The source that was nominated last; None before the first nomination."""
        self.heard = 0.0
        """When the peer was there for certain, by the source that is selected."""
        self.refused = 0
        """Checks that were not the peer's."""
        self.nominated: Callable[[Address], None] | None = None
        """Told of each new destination."""
        self.proved: Callable[[Address], None] | None = None
        """Told of the source of every check that was the peer's."""

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
    def fragments(self) -> tuple[str, ...]:
        """Our user fragments that checks may name: that of the session, and the one of before a restart."""
        former = self._former
        return (self._session.ice.ours,) if former is None else (self._session.ice.ours, former.ice.ours)

    def destination(self, now: float) -> Address | None:
        """Where media may be sent; None: nowhere, nothing is nominated or the peer has been silent for too long."""
        return self.selected if now - self.heard < self._consent_s else None

    def lost(self, now: float) -> bool:
        """The peer was there, and has not been for so long that its consent is over."""
        return self.selected is not None and now - self.heard >= self._consent_s

    def accepts(self, source: Address) -> bool:
        """Whether media may come from there: a check has."""
        return source in self._session.valid or (self._former is not None and source in self._former.valid)

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
            if source == self.selected:
                self.heard = now  # a keep-alive (RFC 8445 11)
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
            session.nominated, self._former, self.selected = source, None, source
        if source == self.selected:
            self.heard = now
        if self.proved is not None:
            self.proved(source)
        if changed and self.nominated is not None:
            self.nominated(source)

    def _session_of(self, request: stun.Message) -> _Session | None:
        """Whose credentials a request has, now or before a restart: with both fragments (RFC 8445 7.2.2).

        Of two branches of one INVITE ours is the same, and each has its own.
        """
        name = str(request.attributes["USERNAME"]).encode()
        for session in (self._session, self._former):
            if session is not None and hmac.compare_digest(name, f"{session.ice.ours}:{session.ice.theirs}".encode()):
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
