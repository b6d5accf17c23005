"""Floods, scanners and guessers of passwords are stopped before they are read, and no echo is louder than the call.

A source is trusted (by configuration), proven (it has shown that what we send reaches it: its address is not forged),
or a stranger. Strangers have little, and over UDP they are not even told when they have used it up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from mediaserver.sip.bucket import Bucket
from mediaserver.sip.events import Flow
from mediaserver.sip.scanners import SCANNERS, finder
from mediaserver.sip.sources import Source, Sources, source_of

_MAKES_STATE = (b"INVITE ", b"REGISTER ", b"SUBSCRIBE ", b"REFER ", b"MESSAGE ", b"PUBLISH ")
_RESPONSE = b"SIP/2.0"
_LINE_BREAKS = b"\r\n"
_PROVEN_S = 3600.0
_RECHECKED_S = 10.0
_TOLD_S = 60.0
_MOST_TOLD = 30
"""Notices a minute, about all sources together: a flood from many must not become a flood of the log."""
_FAILING_S = 300.0
_PROVEN_MAY_FAIL = 10
"""Times as many: behind one proven address there may be a whole office, and one phone in it with a wrong password."""
_MOST_CREDIT = 32_000.0
CALL_CREDIT = 4000.0
"""Bytes a stranger's call may cost besides: ringing, the answer, and the answer again a few times."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Rates are messages per second of one source; a burst of twice as many, or of three seconds' calls, is borne."""

    calls_per_s: float = 20.0
    """Requests that make us keep something (INVITE, REGISTER, ...) by a stranger."""
    others_per_s: float = 100.0
    proven_calls_per_s: float = 300.0
    proven_others_per_s: float = 3000.0
    total_calls_per_s: float = 1000.0
    """By all strangers together."""
    total_others_per_s: float = 5000.0
    failures: int = 10
    """Wrong passwords within five minutes after which a source is banned."""
    ban_s: float = 600.0
    """The first ban; each further one is twice as long, up to `most_ban_s`."""
    most_ban_s: float = 86_400.0
    amplification: float = 3.0
    """Bytes sent to an unproven UDP source for each that came from it (RFC 9000 8 has the same bound)."""
    scanners: tuple[str, ...] = SCANNERS
    sources: int = 20_000
    """Strangers remembered, and as many others."""


class Pass(Enum):
    """What becomes of a message."""

    ADMIT = auto()
    REFUSE = auto()
    """Over the limit, but who sent it is there for sure: a request gets 503 with Retry-After."""
    DROP = auto()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to log: at most once a minute for a source. `seconds` is how long it is banned."""

    source: str
    what: Literal["scanner", "passwords", "flood"]
    seconds: float = 0.0


def nobody(address: str) -> bool:
    """Trust no address."""
    return False


class Guard:
    """Asked for every message before it is read. `trusted` says whether an address is never limited nor banned."""

    def __init__(
        self,
        settings: GuardSettings | None = None,
        trusted: Callable[[str], bool] = nobody,
        tell: Callable[[Notice], None] = lambda notice: None,
    ) -> None:
        self._settings = given = settings or GuardSettings()
        self._trusted = trusted
        self._tell = tell
        self._is_scanner = finder(given.scanners)
        self._strangers = Sources(given.sources)
        self._known = Sources(given.sources)
        self._calls = Bucket(given.total_calls_per_s, 2 * given.total_calls_per_s, 0.0)
        self._others = Bucket(given.total_others_per_s, 2 * given.total_others_per_s, 0.0)
        self._notices = Bucket(_MOST_TOLD / 60.0, _MOST_TOLD, 0.0)
        self.banned = 0
        """Bans so far."""
        self.scanned = 0
        """Messages of scanners so far, those of sources that were banned for it not counted."""
        self.flooded = 0
        """Messages over a limit so far, refused or dropped."""
        self.unheard = 0
        """Messages of banned sources so far."""
        self.withheld = 0
        """Responses that would have been larger than their request allows."""

    def judge(self, data: bytes, flow: Flow, now: float) -> Pass:
        """What becomes of a message; costs a microsecond or two."""
        name = source_of(flow.remote[0])
        source = self._known.get(name) or self._strangers.get(name) or self._met(name, now)
        if now - source.checked_at > _RECHECKED_S:
            source = self._check(name, source, flow.remote[0], now)
        if source.trusted:
            return Pass.ADMIT
        if source.banned_until > now:
            self.unheard += 1
            return Pass.DROP
        if data[:1] in _LINE_BREAKS:
            data = data.lstrip(_LINE_BREAKS)
        proven = source.proven_until > now
        if not self._within_limits(source, data.startswith(_MAKES_STATE), proven, now):
            self.flooded += 1
            self._notice(Notice(name, "flood"), source, now)
            return Pass.REFUSE if flow.reliable or proven else Pass.DROP
        if not data.startswith(_RESPONSE) and self._is_scanner(data):
            self.scanned += 1
            if not proven:  # who is proven may be a proxy that passed it on
                self._ban(name, source, "scanner", now)
            return Pass.DROP
        source.credit = min(_MOST_CREDIT, source.credit + self._settings.amplification * len(data))
        return Pass.ADMIT

    def vouch(self, flow: Flow, now: float) -> None:
        """What we sent has reached who is there: a dialog's tag came back, a nonce, or the branch of our request."""
        name = source_of(flow.remote[0])
        source = self._known.get(name)
        if source is None:
            source = self._strangers.pop(name) or self._new(now)
            self._widen(source, now)
            self._known.put(name, source)
        elif source.proven_until <= now:
            self._widen(source, now)
        source.proven_until = now + _PROVEN_S

    def knows(self, flow: Flow, now: float) -> bool:
        """Whether who sends by `flow` is trusted, or has been shown to be there."""
        if flow.reliable:
            return True
        name = source_of(flow.remote[0])
        source = self._known.peek(name) or self._strangers.peek(name)
        return source is not None and (source.trusted or source.proven_until > now)

    def failed(self, flow: Flow, now: float) -> None:
        """Credentials were given, and they were wrong."""
        name = source_of(flow.remote[0])
        source = self._known.peek(name) or self._strangers.peek(name)
        if source is None or source.trusted:
            return
        if now - source.failed_at > _FAILING_S:
            source.failures = 0
        source.failed_at = now
        source.failures += 1
        proven = source.proven_until > now
        if source.failures >= self._settings.failures * (_PROVEN_MAY_FAIL if proven else 1):
            source.failures = 0
            self._ban(name, source, "passwords", now)

    def welcome(self, flow: Flow) -> None:
        """A stranger's call has been let in: it may cost some more bytes than the request alone allows."""
        if (source := self._strangers.peek(source_of(flow.remote[0]))) is not None:
            source.credit += CALL_CREDIT

    def room(self, flow: Flow) -> float:
        """Bytes that may be sent to whom a response goes."""
        source = None if flow.reliable else self._strangers.peek(source_of(flow.remote[0]))
        return float("inf") if source is None or source.trusted else source.credit

    def spend(self, flow: Flow, size: int) -> bool:
        """Whether a response of so many bytes may be sent; it is counted if so."""
        source = None if flow.reliable else self._strangers.peek(source_of(flow.remote[0]))
        if source is None or source.trusted:
            return True
        if source.credit < size:
            self.withheld += 1
            return False
        source.credit -= size
        return True

    def counters(self) -> dict[str, int]:
        """What was stopped so far, for metrics."""
        return {
            "banned": self.banned,
            "scanned": self.scanned,
            "flooded": self.flooded,
            "unheard": self.unheard,
            "withheld": self.withheld,
        }

    # Within

    def _met(self, name: str, now: float) -> Source:
        source = self._new(now)
        self._strangers.put(name, source)
        return source

    def _new(self, now: float) -> Source:
        given = self._settings
        return Source(
            Bucket(given.calls_per_s, max(1.0, 3 * given.calls_per_s), now),
            Bucket(given.others_per_s, max(1.0, 2 * given.others_per_s), now),
        )

    def _widen(self, source: Source, now: float) -> None:
        given = self._settings
        source.calls = Bucket(given.proven_calls_per_s, max(1.0, 2 * given.proven_calls_per_s), now)
        source.others = Bucket(given.proven_others_per_s, max(1.0, 2 * given.proven_others_per_s), now)

    def _check(self, name: str, source: Source, address: str, now: float) -> Source:
        """Look up again whether a source is trusted: a trunk's addresses change."""
        source.checked_at = now
        trusted = self._trusted(address)
        if trusted != source.trusted:
            source.trusted = trusted
            if trusted and self._strangers.pop(name) is not None:
                self._known.put(name, source)
        if not trusted and source.proven_until <= now and self._known.peek(name) is source:
            self._known.pop(name)
            fresh = self._met(name, now)
            fresh.checked_at, fresh.strikes, fresh.banned_until = now, source.strikes, source.banned_until
            return fresh
        return source

    def _within_limits(self, source: Source, makes_state: bool, proven: bool, now: float) -> bool:
        if not (source.calls if makes_state else source.others).take(now):
            return False
        return proven or (self._calls if makes_state else self._others).take(now)

    def _ban(self, name: str, source: Source, why: Literal["scanner", "passwords"], now: float) -> None:
        given = self._settings
        seconds = min(given.most_ban_s, given.ban_s * 2.0 ** min(source.strikes, 30))
        source.banned_until = now + seconds
        source.strikes += 1
        self.banned += 1
        self._notice(Notice(name, why, seconds), source, now)

    def _notice(self, notice: Notice, source: Source, now: float) -> None:
        if now - source.told_at >= _TOLD_S and self._notices.take(now):
            source.told_at = now
            self._tell(notice)
