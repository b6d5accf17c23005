"""Signature version 4: who signed a request, and the chain of signatures over the events that follow it.

The request is verified by botocore's signer; the chain is short enough to be written down.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from mediaproviders.emulators.aws.framing import Message, at, encode_timestamp
from mediaproviders.emulators.aws.refusal import Refusal

STREAMING: Final = "STREAMING-AWS4-HMAC-SHA256-EVENTS"
SKEW_S: Final = 300.0
"""How far a clock may be off."""
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Secret:
    """What belongs to an access key."""

    secret_key: str
    session_token: str | None = None
    expires_at: float | None = None
    """When it is no longer taken, in s since 1970."""


type Keys = Callable[[str], Secret | None]
"""Access key to what belongs to it; None for one nobody knows."""


def ANYONE(access_key: str) -> Secret | None:  # noqa: N802 - the constant of the keys
    """The keys of an emulator that has no accounts: the secret of `AKIAX` is `secret-AKIAX`."""
    return Secret(f"secret-{access_key}") if access_key.startswith(("AKIA", "ASIA")) else None


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature was right: what its events have to continue."""

    access_key: str
    secret: Secret
    region: str
    service: str
    signature: str


def verify(
    method: str, target: str, headers: Mapping[str, str], keys: Keys, *, service: str, now: float, body: bytes = b""
) -> Signed:
    """Verify a request; `headers` by lower-case name, `target` as on the wire. Raises Refusal."""
    credential, signed_names, given = _authorization(headers.get("authorization"))
    access_key, date, region, named_service, _ = credential
    moment = _moment(headers.get("x-amz-date"), date)
    if named_service != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'.")
    if abs(moment.timestamp() - now) > SKEW_S:
        raise _mismatch("Signature expired: the request's date is too far from the time of the service.")
    secret = keys(access_key)
    token = headers.get("x-amz-security-token")
    if secret is None or token != secret.session_token:
        raise Refusal(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
    if secret.expires_at is not None and now >= secret.expires_at:
        raise Refusal(403, "ExpiredTokenException", "The security token included in the request is expired")
    if not {"host", "x-amz-date"} <= set(signed_names) or ("x-amz-security-token" in signed_names) != (
        token is not None
    ):
        raise _mismatch("Host, date and token have to be signed.")
    expected = _expected(method, target, headers, signed_names, access_key, secret, (region, service), moment, body)
    if not hmac.compare_digest(expected, given):
        raise _mismatch("The request signature we calculated does not match the signature you provided.")
    return Signed(access_key, secret, region, service, given)


def _authorization(value: str | None) -> tuple[list[str], list[str], str]:
    if value is None:
        raise Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    algorithm, _, rest = value.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = parts.get("Credential", "").split("/")
    if algorithm != _ALGORITHM or len(credential) != 5 or credential[4] != "aws4_request":
        raise Refusal(403, "IncompleteSignatureException", f"Authorization header requires {_ALGORITHM} and its parts.")
    if not parts.get("SignedHeaders") or not parts.get("Signature"):
        raise Refusal(403, "IncompleteSignatureException", "Authorization header requires SignedHeaders and Signature.")
    return credential, parts["SignedHeaders"].split(";"), parts["Signature"]


def _moment(value: str | None, date: str) -> datetime:
    try:
        moment = datetime.strptime(value or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(
            403, "IncompleteSignatureException", "Authorization header requires a valid X-Amz-Date."
        ) from None
    if moment.strftime("%Y%m%d") != date:
        raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    return moment


def _expected(
    method: str,
    target: str,
    headers: Mapping[str, str],
    signed_names: list[str],
    access_key: str,
    secret: Secret,
    scope: tuple[str, str],
    moment: datetime,
    body: bytes,
) -> str:
    missing = [name for name in signed_names if name not in headers]
    if missing:
        raise _mismatch(f"Signed headers are missing: {', '.join(missing)}.")
    path, _, query = target.partition("?")
    signer = SigV4Auth(Credentials(access_key, secret.secret_key, secret.session_token), scope[1], scope[0])
    # The scheme decides only whether a body is hashed, and every signed one names its hash.
    url = f"http://{urlsplit('//' + headers['host']).netloc}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, {name: headers[name] for name in signed_names}, body)
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def _mismatch(message: str) -> Refusal:
    return Refusal(403, "InvalidSignatureException", message)


class Chain:
    """The signatures of a stream's events, each of them over the one before it."""

    def __init__(self, signed: Signed) -> None:
        self._signed = signed
        self._prior = signed.signature
        self._date = ""
        self._key = b""

    def opened(self, message: Message, now: float) -> bytes:
        """What a signed message carries: an encoded message, or nothing at the end of the stream. Raises Refusal."""
        headers = message.headers
        milliseconds, given = headers.get(":date"), headers.get(":chunk-signature")
        if headers.keys() != {":date", ":chunk-signature"} or not isinstance(milliseconds, int):
            raise _mismatch(f"An event has to have :date and :chunk-signature alone, not {sorted(headers)}.")
        if abs(milliseconds / 1000 - now) > SKEW_S:
            raise _mismatch("The event's date is too far from the time of the service.")
        expires_at = self._signed.secret.expires_at
        if expires_at is not None and now >= expires_at:
            raise Refusal(403, "ExpiredTokenException", "The security token included in the request is expired")
        expected = self._expected(milliseconds, message.payload)
        if not isinstance(given, bytes) or not hmac.compare_digest(expected, given):
            raise _mismatch("The event signature we calculated does not match the signature you provided.")
        self._prior = given.hex()
        return message.payload

    def _expected(self, milliseconds: int, payload: bytes) -> bytes:
        timestamp = at(milliseconds).strftime("%Y%m%dT%H%M%SZ")
        signed, date = self._signed, timestamp[:8]
        if date != self._date:
            self._date, self._key = date, signing_key(signed.secret.secret_key, date, signed.region, signed.service)
        text = "\n".join(
            (
                "AWS4-HMAC-SHA256-PAYLOAD",
                timestamp,
                f"{date}/{signed.region}/{signed.service}/aws4_request",
                self._prior,
                hashlib.sha256(encode_timestamp(milliseconds)).hexdigest(),
                hashlib.sha256(payload).hexdigest(),
            )
        )
        return hmac.digest(self._key, text.encode(), "sha256")


def signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    """The key all signatures of a day, a region and a service are made with."""
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
