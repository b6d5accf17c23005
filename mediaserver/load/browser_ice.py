"""The controlling side of ICE for one component, as a browser has it: it checks, nominates, and keeps up consent.

RFC 8445 7.2 and 8.1.1, RFC 7675. Pure: time is an argument, in monotonic seconds.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from aioice import stun

type Address = tuple[str, int]
type Datagrams = list[tuple[bytes, Address]]

CONSENT_EVERY_S: Final = 5.0
"""Between two checks that ask for consent, give or take a fifth (RFC 7675 5.1)."""
CONSENT_S: Final = 30.0
"""Without an answer for so long, nothing may be sent any more."""
_PACE_S = 0.02
_FIRST_RETRY_S, _TRIES = 0.2, 7
_MOST_CANDIDATES = 32
_HOST_PRIORITY = (110 << 24) | (65535 << 8) | 255
"""Of a peer-reflexive candidate, which is what a check may make ours (RFC 8445 7.1.1)."""
_ROLE_CONFLICT = (487, "Role Conflict")
_UNREADABLE = (ValueError, KeyError, IndexError, struct.error)


@dataclass(frozen=True, slots=True)
class Credentials:
    """User fragments and passwords of both sides."""

    ours: str
    our_password: str = field(repr=False)
    theirs: str
    their_password: str = field(repr=False)


@dataclass(slots=True)
class _Check:
    """A request that waits for its answer."""

    to: Address
    datagram: bytes
    nominates: bool
    due: float
    retry_s: float
    tries: int = 0


class ControllingAgent:
    """`due` gives what is to be sent and `received` takes what came; `selected` is where media go.

    `transaction` gives 12 random octets, `spread` a number from 0 up to 1.
    """

    def __init__(
        self,
        credentials: Credentials,
        candidates: Sequence[Address],
        *,
        tie_breaker: int,
        transaction: Callable[[], bytes],
        spread: Callable[[], float],
    ) -> None:
        self._tie_breaker = tie_breaker
        self._transaction = transaction
        self._spread = spread
        self.selected: Address | None = None
        """The peer's address in the pair that was nominated; None before that."""
        self.round_trip_s: float | None = None
        """Of the last check that was answered."""
        self._consent: tuple[bytes, float] = (b"", 0.0)
        self._consent_due = float("inf")
        self._granted = 0.0
        self.restart(credentials, candidates, 0.0)

    def restart(self, credentials: Credentials, candidates: Sequence[Address], now: float) -> None:
        """Begin with these credentials, or begin anew: media go on over the pair there was (RFC 8445 9)."""
        self._credentials = credentials
        self._known: set[Address] = set()
        self._checks: dict[bytes, _Check] = {}
        self._nominating = False
        for index, candidate in enumerate(candidates[:_MOST_CANDIDATES]):
            self._check(candidate, now + index * _PACE_S)

    @property
    def unreachable(self) -> bool:
        """Every check was in vain."""
        return self.selected is None and not self._checks

    def lost(self, now: float) -> bool:
        """The peer has not consented to anything for too long."""
        return self.selected is not None and now - self._granted >= CONSENT_S

    def deadline(self) -> float | None:
        """When `due` has something to give."""
        waiting = [check.due for check in self._checks.values()]
        if self._consent_due != float("inf"):
            waiting.append(self._consent_due)
        return min(waiting, default=None)

    def due(self, now: float) -> Datagrams:
        """What is to be sent now."""
        sent: Datagrams = []
        for transaction, check in tuple(self._checks.items()):
            if check.due > now:
                continue
            if check.tries >= _TRIES:
                del self._checks[transaction]
                self._nominating = self._nominating and not check.nominates
                continue
            check.tries += 1
            check.due, check.retry_s = now + check.retry_s, 2 * check.retry_s
            sent.append((check.datagram, check.to))
        if self._consent_due <= now and self.selected is not None:
            transaction = self._transaction()
            self._consent = transaction, now
            self._consent_due = now + CONSENT_EVERY_S * (0.8 + 0.4 * self._spread())
            sent.append((self._request(transaction, nominates=False), self.selected))
        return sent

    def received(self, datagram: bytes, source: Address, now: float) -> bytes | None:
        """Take a STUN message; the answer to send back, if there is one to it."""
        try:
            message = stun.parse_message(datagram)
        except _UNREADABLE:
            return None
        if message.message_method is not stun.Method.BINDING:
            return None
        if message.message_class is stun.Class.REQUEST:
            return self._answer(message, source, now)
        if message.message_class is stun.Class.RESPONSE and message.check_message_integrity(
            self._credentials.their_password.encode()
        ):
            self._answered(message.transaction_id, source, now)
        return None

    # --- within -------------------------------------------------------------------------------------------------------

    def _check(self, to: Address, at: float, *, nominates: bool = False) -> None:
        self._known.add(to)
        transaction = self._transaction()
        self._checks[transaction] = _Check(to, self._request(transaction, nominates), nominates, at, _FIRST_RETRY_S)

    def _request(self, transaction: bytes, nominates: bool) -> bytes:
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction)
        request.attributes["USERNAME"] = f"{self._credentials.theirs}:{self._credentials.ours}"
        request.attributes["PRIORITY"] = _HOST_PRIORITY
        request.attributes["ICE-CONTROLLING"] = self._tie_breaker
        if nominates:
            request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._credentials.their_password.encode())
        return bytes(request)

    def _answered(self, transaction: bytes, source: Address, now: float) -> None:
        if transaction == self._consent[0]:
            self._granted, self.round_trip_s = now, now - self._consent[1]
            return
        check = self._checks.pop(transaction, None)
        if check is None or check.to != source:  # not symmetric: the pair failed (RFC 8445 7.2.5.2.1)
            return
        if check.nominates:
            self.selected, self._granted = source, now
            self._checks.clear()
            self._consent_due = now + CONSENT_EVERY_S * (0.8 + 0.4 * self._spread())
        elif not self._nominating:
            self._nominating = True
            self._check(source, now, nominates=True)

    def _answer(self, request: stun.Message, source: Address, now: float) -> bytes | None:
        """A check of a peer that is no lite agent."""
        name = str(request.attributes.get("USERNAME", "")).partition(":")[0]
        password = self._credentials.our_password.encode()
        if name != self._credentials.ours or not request.check_message_integrity(password):
            return None
        kind = stun.Class.ERROR if "ICE-CONTROLLING" in request.attributes else stun.Class.RESPONSE
        response = stun.Message(request.message_method, kind, request.transaction_id)
        if kind is stun.Class.ERROR:
            response.attributes["ERROR-CODE"] = _ROLE_CONFLICT
        else:
            response.attributes["XOR-MAPPED-ADDRESS"] = source
            if self.selected is None and source not in self._known and len(self._known) < _MOST_CANDIDATES:
                self._check(source, now)  # where the peer really is (RFC 8445 7.3.1.4)
        response.add_message_integrity(password)
        return bytes(response)
