"""Tokens: who has one may call one agent, from one page, for a short while. Nothing is kept of them (RFC 7519)."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import jwt

from mediaserver.errors import MediaServerError

_ALGORITHM: Final = "HS256"
_PURPOSE: Final = "mediaserver-call"
_LONGEST: Final = 4096


class TokenError(MediaServerError):
    """A token that is not good for this. `status` is HTTP's: 401 for one that never is, 403 for one for elsewhere."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: to call `agent`, from pages of `origin` if one is named, until `expires_at` (Unix time)."""

    agent: str
    origin: str | None
    expires_at: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and what it allows."""

    text: str
    agent: str
    origin: str | None
    expires_at: int
    """Unix time in seconds."""


class Tokens:
    """Issues and checks them. `secret` signs; without one it is random, and tokens end with the process.

    `ttl_s` is how long a token is good for at most. `clock` gives Unix time.
    """

    def __init__(self, secret: str | None = None, ttl_s: float = 300.0, clock: Callable[[], float] = time.time) -> None:
        # Of the length the algorithm wants, whatever was given.
        self._key = secrets.token_bytes(32) if secret is None else hashlib.sha256(secret.encode()).digest()
        self._ttl_s = ttl_s
        self._clock = clock

    def issue(self, agent: str, origin: str | None = None, ttl_s: float | None = None) -> Token:
        """One for `agent`, for pages of `origin` alone if it is given."""
        seconds = self._ttl_s if ttl_s is None else min(ttl_s, self._ttl_s)
        expires_at = int(self._clock() + seconds)
        claims = {"aud": _PURPOSE, "sub": agent, "exp": expires_at, "jti": secrets.token_urlsafe(9)}
        if origin is not None:
            claims["origin"] = origin
        return Token(jwt.encode(claims, self._key, _ALGORITHM), agent, origin, expires_at)

    def check(self, bearer: str, agent: str, origin: str | None) -> Grant:
        """What `bearer` allows, if that is to call `agent` from a page of `origin` (None: from no page).

        Raises TokenError.
        """
        grant = self._read(bearer)
        if grant.expires_at <= self._clock():
            raise TokenError(401, "the token has expired: get a new one for each call")
        if grant.agent != agent:
            raise TokenError(403, f"the token is for agent {grant.agent!r}: get one for this agent")
        if grant.origin is not None and grant.origin != origin:
            came = "no page" if origin is None else origin[:200]
            raise TokenError(403, f"the token is for pages of {grant.origin}, and this request comes from {came}")
        return grant

    def _read(self, bearer: str) -> Grant:
        if len(bearer) > _LONGEST:
            raise TokenError(401, "the token is none of this server's: it is too long")
        try:
            claims = jwt.decode(
                bearer, self._key, [_ALGORITHM], audience=_PURPOSE,
                options={"require": ["exp", "sub", "aud"], "verify_exp": False},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            raise TokenError(401, "the token is none of this server's: get one from it") from None
        except (jwt.InvalidTokenError, ValueError):
            raise TokenError(401, "the token cannot be read: send one as POST /api/tokens gives it") from None
        return Grant(str(claims["sub"]), claims.get("origin"), int(claims["exp"]))


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are one, in a time that does not tell how far they agree."""
    return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), hashlib.sha256(wanted.encode()).digest())
