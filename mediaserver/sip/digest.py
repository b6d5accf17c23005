"""The Digest of a request: how challenges and credentials are written, hashed and answered.

RFC 3261 22, RFC 2617, RFC 7616, RFC 8760. The side that asks is in `authenticator`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import quote, unquote

_PYTHON_NAMES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_STRENGTH = tuple(_PYTHON_NAMES)
_SCHEME = re.compile(r"[ \t]*Digest[ \t]+", re.IGNORECASE)
_PAIR = re.compile(
    r"""[ \t]*(?P<name>[A-Za-z0-9\-_*]+)[ \t]*=[ \t]*(?P<value>"(?:[^"\\]|\\.)*"|[^",\s]+)[ \t]*(?:,|$)""", re.DOTALL
)


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


def hash_of(algorithm: str, *parts: str | bytes) -> str:
    """H(part:part:...) in hex."""
    octets = (part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape") for part in parts)
    # Not a matter of choice: MD5 is what nearly every SIP device speaks.
    digest = hashlib.new(_PYTHON_NAMES[algorithm], usedforsecurity=False)
    digest.update(b":".join(octets))
    return digest.hexdigest()


def base_algorithm(name: str | None) -> tuple[str, bool]:
    """The hash of an `algorithm` parameter and whether it is the -sess variant; RemoteProtocolError if unknown."""
    upper = (name or "MD5").upper()
    base = upper.removesuffix("-SESS")
    if base not in _PYTHON_NAMES or _PYTHON_NAMES[base] not in hashlib.algorithms_available:
        raise RemoteProtocolError(f"unknown digest algorithm: {upper[:40]!r}")
    return base, base != upper


def secret_of(algorithm: str, user: str, realm: str, password: str) -> str:
    """H(user:realm:password) in hex, the HA1 of the RFCs, by one of the base algorithms."""
    return hash_of(algorithm, user, realm, password)


def response_of(credentials: Mapping[str, str], method: str, secret: str, body: bytes = b"") -> str:
    """The `response` that belongs to credentials (RFC 7616 3.4.1) for a user of this HA1.

    Raises RemoteProtocolError if the algorithm is unknown.
    """
    algorithm, session = base_algorithm(credentials.get("algorithm"))
    nonce, qop = credentials["nonce"], credentials.get("qop")
    if session:
        secret = hash_of(algorithm, secret, nonce, credentials["cnonce"])
    request = [method, credentials["uri"]]
    if qop == "auth-int":
        request.append(hash_of(algorithm, body))
    requested = hash_of(algorithm, *request)
    if qop is None:
        return hash_of(algorithm, secret, nonce, requested)
    return hash_of(algorithm, secret, nonce, credentials["nc"], credentials["cnonce"], qop, requested)


def choose(challenges: Sequence[str]) -> list[str]:
    """Of each realm the challenge to answer: the strongest algorithm that `answer` can do, then the first.

    RFC 8760 2.4 leaves the choice to the server's order unless the client has a policy: this is ours. Several realms
    are several servers on the way, each of which wants credentials of its own (RFC 3261 22.3).
    """
    best: dict[str, tuple[int, str]] = {}
    for challenge in challenges:
        try:
            asked = parse_parameters(challenge)
            algorithm, _ = base_algorithm(asked.get("algorithm"))
            _quality(asked.get("qop"))
        except RemoteProtocolError:
            continue
        if "realm" not in asked or "nonce" not in asked:
            continue
        strength = _STRENGTH.index(algorithm)
        if asked["realm"] not in best or strength > best[asked["realm"]][0]:
            best[asked["realm"]] = strength, challenge
    return [challenge for _, challenge in best.values()]


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
    _, session = base_algorithm(asked.get("algorithm"))
    given = {"username": user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri}
    given |= {name: asked[name] for name in ("algorithm", "opaque") if name in asked}
    if qop is not None:
        given |= {"qop": qop, "nc": f"{nc:08x}", "cnonce": cnonce}
    elif session:
        given |= {"cnonce": cnonce}
    return _written(given, method, password, body)


def answer_again(credentials: str, method: str, uri: str, password: str, cnonce: str, body: bytes = b"") -> str:
    """Credentials for one more request with the nonce of `credentials`: the next count (RFC 7616 3.4).

    Those of an RFC 2069 server count nothing and stay as they are. Raises RemoteProtocolError if they are not ours.
    """
    given = parse_parameters(credentials)
    if "nc" not in given:
        return credentials
    given |= {"uri": uri, "nc": f"{int(given['nc'], 16) + 1:08x}", "cnonce": cnonce}
    return _written(given, method, password, body)


def _written(given: dict[str, str], method: str, password: str, body: bytes) -> str:
    algorithm, _ = base_algorithm(given.get("algorithm"))
    secret = secret_of(algorithm, given["username"], given["realm"], password)
    given["response"] = response_of(given, method, secret, body)
    bare = ("algorithm", "qop", "nc")
    return "Digest " + ", ".join(f"{name}={text if name in bare else quote(text)}" for name, text in given.items())
