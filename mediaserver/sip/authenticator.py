"""The side that asks for a digest: challenges, nonces that serve a while, and verdicts (RFC 3261 22, 7616, 8760)."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.digest import base_algorithm, hash_of, parse_parameters, response_of, secret_of
from mediaserver.sip.grammar import quote
from mediaserver.sip.message import Request
from mediaserver.sip.nonces import Nonces

_NONCE_COUNT = re.compile("[0-9A-Fa-f]{8}")
_EXTENDED = re.compile("UTF-8'[A-Za-z0-9-]*'(.*)", re.IGNORECASE)


class Verdict(Enum):
    """What credentials are worth."""

    OK = "ok"
    STALE = "stale"
    """A nonce that we did not give to the source; or the right password, but a nonce too old, or used before.

    Challenge again with `stale=True`.
    """
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Hashed:
    """A password kept as its HA1, H(user:realm:password) in hex, by base algorithm: MD5, SHA-256, SHA-512-256.

    Offer only algorithms that every user has a hash of: which one is used is the client's choice.
    """

    by_algorithm: Mapping[str, str]


type Password = str | Hashed


class DigestAuthenticator:
    """Challenges and verdicts for one realm.

    Nonces are signed with `secret` and serve for `nonce_life_s` seconds, each count of one but once: see `Nonces`.
    `algorithms` (MD5, SHA-256, SHA-512-256, each also with -sess) are offered in this order, and no other is
    accepted. `qop` are the protections offered: "auth", and "auth-int", which covers the body. `users` must not
    change but by replacing the authenticator. `source` is where a request comes from: who forges an address can
    neither use a nonce of his own there, nor fail in the name of who is there.
    """

    def __init__(
        self,
        realm: str,
        users: Mapping[str, Password],
        secret: bytes,
        nonce_life_s: float = 60,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        qop: Sequence[str] = ("auth",),
    ) -> None:
        self._realm = realm
        self._users = users
        self._algorithms = {algorithm.upper(): algorithm for algorithm in algorithms}
        self._qop = tuple(qop)
        self._nonces = Nonces(secret, realm, nonce_life_s)
        self._hashed_names: dict[str, dict[str, str]] = {}
        """User by userhash, by algorithm; made when the first client sends one."""

    def challenge(self, now: float, stale: bool = False, source: str = "") -> list[str]:
        """The values of WWW- or Proxy-Authenticate, one per algorithm, in the order they were given (RFC 8760 2.4)."""
        nonce = self._nonces.issue(now, source)
        suffix = ", stale=true" if stale else ""
        qop = ",".join(self._qop)
        return [
            f'Digest realm={quote(self._realm)}, nonce="{nonce}", algorithm={algorithm}, qop="{qop}"{suffix}'
            for algorithm in self._algorithms.values()
        ]

    def judge(
        self, request: Request, now: float, *, proxy: bool = False, source: str = ""
    ) -> tuple[Verdict, str | None]:
        """The best of a request's credentials for our realm, and the user they prove; never raises.

        `proxy` reads Proxy-Authorization, the answer to a 407, in place of Authorization.
        """
        worth = Verdict.REFUSED
        for given in request.headers.get_all("Proxy-Authorization" if proxy else "Authorization"):
            verdict, user = self._weigh(request.method, given, now, request.body, source)
            if verdict is Verdict.OK:
                return verdict, user
            if verdict is Verdict.STALE:
                worth = verdict
        return worth, None

    def was_asked(self, request: Request, source: str) -> bool:
        """Whether the credentials answer a challenge that reached `source`: if they are wrong, it is to blame."""
        for given in request.headers.get_all("Authorization"):
            try:
                nonce = parse_parameters(given).get("nonce", "")
            except RemoteProtocolError:
                continue
            if self._nonces.is_for(source, nonce):
                return True
        return False

    def verify(self, request_method: str, authorization: str, now: float, body: bytes = b"") -> Verdict:
        """What the value of one Authorization field is worth for a request; never raises."""
        return self._weigh(request_method, authorization, now, body, "")[0]

    def _weigh(
        self, method: str, authorization: str, now: float, body: bytes, source: str
    ) -> tuple[Verdict, str | None]:
        """The URI that was signed is not compared with the Request-URI: proxies rewrite that on the way."""
        try:
            credentials = parse_parameters(authorization)
        except RemoteProtocolError:
            return Verdict.REFUSED, None
        if not self._is_well_formed(credentials):
            return Verdict.REFUSED, None
        if not self._nonces.is_for(source, credentials["nonce"]):
            return Verdict.STALE, None  # before the password is weighed: a guess that costs nothing tells nothing
        algorithm, _ = base_algorithm(credentials.get("algorithm"))
        user = self._user(credentials, algorithm)
        secret = self._secret(user, algorithm)
        # An unknown user costs the same time as a wrong password.
        expected = response_of(credentials, method, secret or "", body)
        given = credentials["response"].lower().encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(expected.encode(), given) or secret is None:
            return Verdict.REFUSED, None
        fresh = self._nonces.use(credentials["nonce"], int(credentials.get("nc", "1"), 16), now, source)
        return (Verdict.OK, user) if fresh else (Verdict.STALE, None)

    def _is_well_formed(self, credentials: Mapping[str, str]) -> bool:
        if not {"realm", "nonce", "uri", "response"} <= credentials.keys():
            return False
        algorithm = credentials.get("algorithm", "MD5").upper()
        if credentials["realm"] != self._realm or algorithm not in self._algorithms:
            return False
        if "qop" not in credentials:
            # RFC 2069 clients count nothing: such a nonce serves for one request.
            return "nc" not in credentials and not algorithm.endswith("-SESS")
        counted = _NONCE_COUNT.fullmatch(credentials.get("nc", "")) is not None
        return credentials["qop"] in self._qop and "cnonce" in credentials and counted

    def _user(self, credentials: Mapping[str, str], algorithm: str) -> str | None:
        """Who is meant: by name, by the name in RFC 8187 form, or by its hash (RFC 7616 3.4.4)."""
        name = credentials.get("username")
        if name is None:
            extended = _EXTENDED.fullmatch(credentials.get("username*", ""))
            return None if extended is None else unquote(extended[1])
        if credentials.get("userhash", "").lower() != "true":
            return name
        names = self._hashed_names.get(algorithm)
        if names is None:
            names = {hash_of(algorithm, user, self._realm): user for user in self._users}
            self._hashed_names[algorithm] = names
        return names.get(name.lower())

    def _secret(self, user: str | None, algorithm: str) -> str | None:
        password = None if user is None else self._users.get(user)
        if isinstance(password, Hashed):
            return password.by_algorithm.get(algorithm)
        secret = secret_of(algorithm, user or "", self._realm, password or "")
        return None if password is None else secret
