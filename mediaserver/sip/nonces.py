"""Nonces of a digest server: signed, of one time and for one source, good for each count once (RFC 7616 3.3, 5.5)."""

import hashlib
import hmac
import re

_NONCE = re.compile("([0-9a-f]{12,16})-([0-9a-f]{8,16})-([0-9a-f]{32})")


class Nonces:
    """Issues nonces and says which uses are fresh. `source` is whom one is given to: it serves nobody else.

    None is stored before it was used with the right password; then only the highest count used with it is, for the
    `life_s` seconds it serves. Of more than `limit` in use the oldest is forgotten, and with it serve none that were
    issued before: their users are challenged again, and a replay stays one.
    """

    def __init__(self, secret: bytes, realm: str, life_s: float, limit: int = 50_000) -> None:
        self._secret = secret
        self._realm = realm
        self._life_s = life_s
        self._limit = limit
        self._issued = 0
        self._used: dict[str, tuple[int, float]] = {}
        """Highest count and time of issue, in order of first use."""
        self._unknown_until = float("-inf")
        self._prune_at = 64

    def __len__(self) -> int:
        return len(self._used)

    def issue(self, now: float, source: str = "") -> str:
        """A new nonce."""
        self._issued += 1
        # The count keeps two nonces of one instant apart, or the second caller's nc=1 would be taken for a replay.
        stamp = f"{max(0, int(now * 1000)):012x}-{self._issued:08x}"
        return f"{stamp}-{self._signature(stamp, source)}"

    def is_for(self, source: str, nonce: str) -> bool:
        """Whether we gave the nonce to that very source, lately or long ago."""
        return self._time_of(nonce, source) is not None

    def use(self, nonce: str, count: int, now: float, source: str = "") -> bool:
        """Take note that `nonce` was used for the `count`th time; False if it is not ours, too old, or was before."""
        issued_at = self._time_of(nonce, source)
        if issued_at is None or not issued_at - 1 <= now <= issued_at + self._life_s:
            return False
        seen = self._used.get(nonce)
        if seen is None and issued_at <= self._unknown_until:
            return False
        if count <= (seen[0] if seen is not None else 0):
            return False
        self._used[nonce] = count, issued_at
        self._prune(now)
        return True

    def _prune(self, now: float) -> None:
        if len(self._used) >= self._prune_at:
            self._used = {nonce: use for nonce, use in self._used.items() if use[1] + self._life_s >= now}
            self._prune_at = max(64, 2 * len(self._used))
        if len(self._used) > self._limit:
            _, issued_at = self._used.pop(next(iter(self._used)))
            self._unknown_until = max(self._unknown_until, issued_at)

    def _signature(self, stamp: str, source: str) -> str:
        return hmac.new(self._secret, f"{stamp}:{source}:{self._realm}".encode(), hashlib.sha256).hexdigest()[:32]

    def _time_of(self, nonce: str, source: str) -> float | None:
        """When we issued the nonce, in seconds; None if we did not, or to somebody else."""
        match = _NONCE.fullmatch(nonce)
        if match is None:
            return None
        if not hmac.compare_digest(self._signature(f"{match[1]}-{match[2]}", source), match[3]):
            return None
        return int(match[1], 16) / 1000
