"""The Identity header and the PASSporT in it: who vouches for a caller's number, and how far (RFC 8224, 8225, 8588)."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import unquote

_LONGEST = 8192
_TOKEN = re.compile(r"([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)")
_PARAMETER = re.compile(r"""[ \t]*;[ \t]*([A-Za-z0-9-]+)[ \t]*=[ \t]*(<[^<>]*>|"[^"\\]*"|[^\s;<>"]+)[ \t]*""")
_ATTESTS = ("A", "B", "C")


@dataclass(frozen=True, slots=True)
class Passport:
    """One PASSporT, signed by whoever `x5u` names. Nothing of it is believed until the signature is verified."""

    algorithm: str
    kind: str
    """`ppt`: "shaken", "div", ...; "" for the plain one."""
    x5u: str
    """Where the certificate is."""
    attest: str
    """SHAKEN: A the caller may use the number, B it is a customer, C it came in by a gateway; "" if it does not say."""
    origin: str
    """The caller: a number as digits, or a URI."""
    destinations: tuple[str, ...]
    """Who is called, likewise."""
    origid: str
    issued_at: int
    """Seconds of the epoch."""
    signed: bytes
    """What the signature is of."""
    signature: bytes


def read_identity(value: str) -> Passport:
    """Read the value of one Identity header in full form.

    Raises RemoteProtocolError(438, invalid identity header) for what cannot be read, the compact form among it.
    """
    token, semicolon, rest = value.partition(";")
    found = _TOKEN.fullmatch(token.strip()) if len(value) <= _LONGEST else None
    if found is None:
        raise RemoteProtocolError("not a PASSporT", status=438)
    if not found[1] or not found[2]:
        raise RemoteProtocolError("a PASSporT in compact form", status=438)
    parameters = _parameters(semicolon + rest)
    header, claims = _json(found[1]), _json(found[2])
    kind = _text(header, "ppt")
    if parameters.get("ppt", kind) != kind:
        raise RemoteProtocolError("the ppt of the header field is not that of the PASSporT", status=438)
    origin = claims.get("orig")
    if not isinstance(origin, dict) or _text(header, "typ") != "passport":
        raise RemoteProtocolError("not a PASSporT", status=438)
    attest = _text(claims, "attest")
    return Passport(
        algorithm=_text(header, "alg"),
        kind=kind,
        x5u=_text(header, "x5u") or parameters.get("info", ""),
        attest=attest if attest in _ATTESTS else "",
        origin=_first(origin),
        destinations=_all(claims.get("dest")),
        origid=_text(claims, "origid"),
        issued_at=_time(claims),
        signed=f"{found[1]}.{found[2]}".encode(),
        signature=_decoded(found[3]),
    )


def _parameters(text: str) -> dict[str, str]:
    """Those of the header field, in lower case; `info` is a URI in <> (RFC 8224 4)."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or (name := match[1].lower()) in found:
            raise RemoteProtocolError(f"malformed parameters: {text[position : position + 40]!r}", status=438)
        found[name] = unquote(match[2]).strip("<>")
        position = match.end()
    return found


def canonical(number: str) -> str:
    """A number as PASSporTs write it, digits alone (RFC 8224 8.3); what is none stays as it is."""
    digits = re.sub(r"[+\-.() ]", "", number)
    return digits if digits and re.fullmatch(r"[0-9*#]+", digits) else number


def _json(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        raise RemoteProtocolError("a PASSporT that is no JSON", status=438) from None
    if not isinstance(found, dict):
        raise RemoteProtocolError("a PASSporT that is no object", status=438)
    return found


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise RemoteProtocolError("a PASSporT that is not base64url", status=438) from None


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name, "")
    return value if isinstance(value, str) else ""


def _time(claims: Mapping[str, Any]) -> int:
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or not 0 <= issued < 2**40:
        raise RemoteProtocolError("a PASSporT without a time", status=438)
    return int(issued)


def _all(of: object) -> tuple[str, ...]:
    """The numbers and URIs of a `dest`."""
    if not isinstance(of, dict):
        return ()
    found: list[str] = []
    for name in ("tn", "uri"):
        values = of.get(name, [])
        values = values if isinstance(values, list) else [values]
        found += [canonical(value) if name == "tn" else value for value in values if isinstance(value, str)]
    return tuple(found)


def _first(of: dict[str, Any]) -> str:
    found = _all(of)
    return found[0] if found else ""
