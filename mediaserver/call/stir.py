"""Whether a caller's number is vouched for: PASSporTs checked by certificates on this machine (RFC 8224 6.2, 8588).

Nothing is fetched from the network: a call must not wait for a server that the caller names.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from mediaserver.call.about import ANONYMOUS, number_of
from mediaserver.config.stir import Stir
from mediaserver.errors import ConfigurationError, RemoteProtocolError
from mediaserver.sip.message import Request
from mediaserver.sip.passport import Passport, canonical, read_identity
from mediaserver.sip.uri import NameAddr

_HALF = 32
_LONGEST_CHAIN = 6
_MOST_HEADERS = 8


class Verifier:
    """Says what an INVITE's Identity is worth, as routing and agents read it.

    "none" · "passed:A" (the attestation) · "failed:WHY" · "not-verified:A": there is no certificate to check it by.
    """

    def __init__(self, settings: Stir, wall: Callable[[], float] = time.time) -> None:
        """Raises ConfigurationError for a file that cannot be used."""
        faults: list[str] = []
        self._freshness_s = settings.freshness_s
        self._wall = wall
        self._chains = {
            place: _read(path, f"sip.stir.certificates.{place}", faults)
            for place, path in settings.certificates.items()
        }
        self._roots = _read(settings.ca, "sip.stir.ca", faults) if settings.ca is not None else []
        if faults:
            raise ConfigurationError(faults)

    def attest(self, request: Request, caller: str | None = None) -> str:
        """The best of its Identity headers; never raises. `caller` is who it is said to be from; None: its From.

        Nobody else can be vouched for: a caller may sign for his own number, and write another one into From.
        """
        worth = "none"
        callers = _callers(request, number_of(request.from_.uri) if caller is None else caller)
        for value in request.headers.get_all("Identity")[:_MOST_HEADERS]:
            try:
                passport = read_identity(value)
            except RemoteProtocolError:
                worth = worth if worth != "none" else "failed:malformed"
                continue
            if passport.kind not in ("", "shaken"):
                continue  # "div" and others speak of something else than who calls
            found = self._judge(passport, request, callers)
            if found.startswith("passed"):
                return found
            worth = found
        return worth

    def _judge(self, passport: Passport, request: Request, callers: set[str]) -> str:
        if passport.algorithm != "ES256":
            return "failed:algorithm"
        if abs(self._wall() - passport.issued_at) > self._freshness_s:
            return "failed:stale"
        if not _is_about(passport, request, callers):
            return "failed:number"
        chain = self._chains.get(passport.x5u) or self._chains.get(_host_of(passport.x5u))
        suffix = f":{passport.attest}" if passport.attest else ""
        if not chain:
            return f"not-verified{suffix}"
        if (why := self._distrusts(chain)) is not None:
            return f"failed:{why}"
        return f"passed{suffix}" if is_signed(passport, chain[0].public_key()) else "failed:signature"

    def _distrusts(self, chain: Sequence[x509.Certificate]) -> str | None:
        """What is wrong with a certificate. Without authorities of its own, one in the settings is trusted itself."""
        now = datetime.fromtimestamp(self._wall(), UTC)
        if not _is_valid(chain[0], now):
            return "expired"
        if not self._roots:
            return None
        current, others = chain[0], [*chain[1:], *self._roots]
        for _ in range(_LONGEST_CHAIN):
            issuer = next((each for each in others if _has_issued(each, current)), None)
            if issuer is None or not _is_valid(issuer, now):
                return "certificate"
            if issuer in self._roots:
                return None
            current = issuer
        return "certificate"


def _read(path: Path, field: str, faults: list[str]) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        faults.append(f"{field}: {path} cannot be read ({error.strerror}); give a PEM file")
    except ValueError:
        faults.append(f"{field}: {path} holds no certificate; give a PEM file")
    return []


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # brackets around what is no address
        return ""


def _is_about(passport: Passport, request: Request, callers: set[str]) -> bool:
    """The one who calls and the one who is called are those of the INVITE (RFC 8224 6.2.3)."""
    called = {_canonical_of(request.to), _canonical_of(NameAddr(None, request.uri))}
    wanted = {canonical(each.partition(";")[0]) for each in passport.destinations}
    return canonical(passport.origin) in callers and not wanted.isdisjoint(called | _uris(request))


def _callers(request: Request, told: str) -> set[str]:
    """Who may be vouched for: the caller that is told, or the one behind a caller without a name."""
    found = {canonical(told)}
    for value in request.headers.get_all("P-Asserted-Identity") if told.lower() in ANONYMOUS else ():
        try:
            found.add(_canonical_of(NameAddr.parse(value)))
        except RemoteProtocolError:
            continue
    return found


def _canonical_of(party: NameAddr) -> str:
    return canonical(number_of(party.uri))


def _uris(request: Request) -> set[str]:
    return {f"{each.scheme}:{each.user}@{each.host}" for each in (request.to.uri, request.uri) if each.user}


def is_signed(passport: Passport, key: object) -> bool:
    """Whether a PASSporT is signed by a key, of the kind that ES256 has (RFC 7518 3.4)."""
    given = passport.signature
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return False
    if len(given) != 2 * _HALF:
        return False
    signature = encode_dss_signature(int.from_bytes(given[:_HALF]), int.from_bytes(given[_HALF:]))
    try:
        key.verify(signature, passport.signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return basic.ca
