"""Digest authentication, both sides (RFC 3261 22, RFC 2617, RFC 7616, RFC 8760)."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from enum import Enum

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import quote, unquote
from mediaserver.sip.message import Request

_PYTHON_NAMES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_SCHEME = re.compile(r"[ \t]*Digest[ \t]+", re.IGNORECASE)
_PAIR = re.compile(
    r"""[ \t]*(?P<name>[A-Za-z0-9\-_*]+)[ \t]*=[ \t]*(?P<value>"(?:[^"\\]|\\.)*"|[^",\s]+)[ \t]*(?:,|$)""", re.DOTALL
)
_NONCE_COUNT = re.compile("[0-9A-Fa-f]{8}")
_NONCE = re.compile("([0-9a-f]{12,16})-([0-9a-f]{8,16})-([0-9a-f]{32})")


class Verdict(Enum):
    """What credentials are worth."""

    OK = "ok"
    STALE = "stale"
    """Right password, but the nonce is too old or was used before: challenge again with `stale=True`."""
    REFUSED = "refused"


def parse_parameters(header: str) -> dict[str, str]:
    """The parameters of a Digest challenge or of credentials, names in lower case, values unquoted.

    Raises RemoteProtocolError(400) if it is not Digest, malformed, or names a parameter twice.
    """
    scheme = _SCHEME.match(header)
    if scheme is None:
        raise RemoteProtocolError(f"not Digest: {header[:40]!r}")
    header = header.rstrip(" \t,")
    parameters: dict[str, str] = {}
    position = scheme.end()
    while position < len(header):
        pair = _PAIR.match(header, position)
        if pair is None or (name := pair["name"].lower()) in parameters:
            raise RemoteProtocolError(f"malformed Digest parameters: {header[position : position + 40]!r}")
        parameters[name] = unquote(pair["value"])
        position = pair.end()
    return parameters


def _hash(algorithm: str, *parts: str | bytes) -> str:
    """H(part:part:...) in hex."""
    octets = (part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape") for part in parts)
    # Not a matter of choice: MD5 is what nearly every SIP device speaks.
    digest = hashlib.new(_PYTHON_NAMES[algorithm], usedforsecurity=False)
    digest.update(b":".join(octets))
    return digest.hexdigest()


def _base_algorithm(name: str | None) -> tuple[str, bool]:
    """The hash of an `algorithm` parameter and whether it is the -sess variant; RemoteProtocolError if unknown."""
    upper = (name or "MD5").upper()
    base = upper.removesuffix("-SESS")
    if base not in _PYTHON_NAMES or _PYTHON_NAMES[base] not in hashlib.algorithms_available:
        raise RemoteProtocolError(f"unknown digest algorithm: {upper[:40]!r}")
    return base, base != upper


def _response(parameters: Mapping[str, str], method: str, password: str, body: bytes = b"") -> str:
    """The `response` that belongs to credentials (RFC 7616 3.4.1); RemoteProtocolError if it cannot be computed."""
    algorithm, session = _base_algorithm(parameters.get("algorithm"))
    nonce, qop = parameters["nonce"], parameters.get("qop")
    secret = _hash(algorithm, parameters["username"], parameters["realm"], password)
    if session:
        secret = _hash(algorithm, secret, nonce, parameters["cnonce"])
    request = [method, parameters["uri"]]
    if qop == "auth-int":
        request.append(_hash(algorithm, body))
    requested = _hash(algorithm, *request)
    if qop is None:
        return _hash(algorithm, secret, nonce, requested)
    return _hash(algorithm, secret, nonce, parameters["nc"], parameters["cnonce"], qop, requested)


class DigestAuthenticator:
    """The side that asks: challenges and verdicts for one realm.

    Nonces are signed with `secret` and carry their own time, so none is stored before it was used with the right
    password; after that only the highest count used with it is, until it expires after `nonce_life_s` seconds.
    `algorithms` (MD5, SHA-256, SHA-512-256) are offered in this order, and no other is accepted.
    """

    def __init__(
        self,
        realm: str,
        users: Mapping[str, str],
        secret: bytes,
        nonce_life_s: float = 60,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
    ) -> None:
        self._realm = realm
        self._users = users
        self._secret = secret
        self._algorithms = tuple(algorithms)
        self._nonce_life_s = nonce_life_s
        self._issued = 0
        self._used: dict[str, tuple[int, float]] = {}
        self._prune_at = 64

    def challenge(self, now: float, stale: bool = False) -> list[str]:
        """The values of WWW-Authenticate, one per algorithm, in the order they were given (RFC 8760 2.4)."""
        nonce = self._nonce(now)
        suffix = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self._realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{suffix}'
            for algorithm in self._algorithms
        ]

    def verify(self, request_method: str, authorization: str, now: float) -> Verdict:
        """What the value of an Authorization field is worth for a request; never raises.

        The URI that was signed is not compared with the Request-URI: proxies rewrite that on the way.
        """
        try:
            credentials = parse_parameters(authorization)
        except RemoteProtocolError:
            return Verdict.REFUSED
        if not self._is_well_formed(credentials):
            return Verdict.REFUSED
        password = self._users.get(credentials["username"])
        # An unknown user costs the same time as a wrong password.
        expected = _response(credentials, request_method, "" if password is None else password)
        given = credentials["response"].lower().encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(expected.encode(), given) or password is None:
            return Verdict.REFUSED
        return self._check_nonce(credentials["nonce"], int(credentials.get("nc", "1"), 16), now)

    def judge(self, request: Request, now: float) -> tuple[Verdict, str | None]:
        """The best of a request's Authorization fields for our realm, and the user it proves; never raises."""
        worth = Verdict.REFUSED
        for given in request.headers.get_all("Authorization"):
            verdict = self.verify(request.method, given, now)
            if verdict is Verdict.OK:
                return verdict, parse_parameters(given)["username"]
            if verdict is Verdict.STALE:
                worth = verdict
        return worth, None

    def _is_well_formed(self, credentials: Mapping[str, str]) -> bool:
        if not {"username", "realm", "nonce", "uri", "response"} <= credentials.keys():
            return False
        if credentials["realm"] != self._realm or credentials.get("algorithm", "MD5").upper() not in self._algorithms:
            return False
        if "qop" not in credentials:
            # RFC 2069 clients count nothing: such a nonce serves for one request.
            return "nc" not in credentials
        counted = _NONCE_COUNT.fullmatch(credentials.get("nc", "")) is not None
        return credentials["qop"] == "auth" and "cnonce" in credentials and counted

    def _check_nonce(self, nonce: str, count: int, now: float) -> Verdict:
        issued_at = self._time_of(nonce)
        if issued_at is None or not issued_at - 1 <= now <= issued_at + self._nonce_life_s:
            return Verdict.STALE
        highest, _ = self._used.get(nonce, (0, 0.0))
        if count <= highest:
            return Verdict.STALE
        self._used[nonce] = (count, issued_at + self._nonce_life_s)
        if len(self._used) >= self._prune_at:
            self._used = {nonce: use for nonce, use in self._used.items() if use[1] >= now}
            self._prune_at = max(64, 2 * len(self._used))
        return Verdict.OK

    def _nonce(self, now: float) -> str:
        self._issued += 1
        # The count keeps two nonces of one instant apart, or the second caller's nc=1 would be taken for a replay.
        stamp = f"{max(0, int(now * 1000)):012x}-{self._issued:08x}"
        return f"{stamp}-{self._signature(stamp)}"

    def _signature(self, stamp: str) -> str:
        return hmac.new(self._secret, f"{stamp}:{self._realm}".encode(), hashlib.sha256).hexdigest()[:32]

    def _time_of(self, nonce: str) -> float | None:
        """When we issued the nonce, in seconds; None if we did not."""
        match = _NONCE.fullmatch(nonce)
        if match is None:
            return None
        if not hmac.compare_digest(self._signature(f"{match[1]}-{match[2]}"), match[3]):
            return None
        return int(match[1], 16) / 1000


def choose(challenges: Sequence[str]) -> str | None:
    """The first challenge that `answer` can answer: servers put the one they prefer first (RFC 8760 2.4)."""
    for challenge in challenges:
        try:
            parameters = parse_parameters(challenge)
            _base_algorithm(parameters.get("algorithm"))
            _quality(parameters.get("qop"))
        except RemoteProtocolError:
            continue
        if "realm" in parameters and "nonce" in parameters:
            return challenge
    return None


def _quality(offered: str | None) -> str | None:
    """The protection to use of those offered: auth before auth-int; None with RFC 2069 servers."""
    if offered is None:
        return None
    options = [option.strip().lower() for option in offered.split(",")]
    for option in ("auth", "auth-int"):
        if option in options:
            return option
    raise RemoteProtocolError(f"unknown qop: {offered[:40]!r}")


def answer(
    challenge: str, method: str, uri: str, user: str, password: str, cnonce: str, nc: int, body: bytes = b""
) -> str:
    """The value of Authorization (401) or Proxy-Authorization (407) that answers one challenge.

    `nc` counts the requests sent with this nonce from 1; `cnonce` is our own random text. Raises
    RemoteProtocolError(400) if the challenge is not one we can answer; see `choose`.
    """
    asked = parse_parameters(challenge)
    if "realm" not in asked or "nonce" not in asked:
        raise RemoteProtocolError("a challenge without realm or nonce")
    qop = _quality(asked.get("qop"))
    _, session = _base_algorithm(asked.get("algorithm"))
    given = {"username": user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri}
    given |= {name: asked[name] for name in ("algorithm", "opaque") if name in asked}
    if qop is not None:
        given |= {"qop": qop, "nc": f"{nc:08x}", "cnonce": cnonce}
    elif session:
        given |= {"cnonce": cnonce}
    given["response"] = _response(given, method, password, body)
    bare = ("algorithm", "qop", "nc")
    return "Digest " + ", ".join(f"{name}={text if name in bare else quote(text)}" for name, text in given.items())
