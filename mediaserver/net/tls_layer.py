"""TLS of one connection without a socket: ciphertext in, plain text out, and the other way round."""

import ssl
from typing import Literal

from mediaserver.errors import MediaServerError

_PIECE = 1 << 16


class TlsError(MediaServerError):
    """TLS cannot begin or go on; the sentence says with whom and what to do about it."""


class TlsLayer:
    """One side of a TLS connection. `peer` names the far end in errors."""

    def __init__(
        self, context: ssl.SSLContext, *, peer: str, role: Literal["server", "client"], server_name: str | None = None
    ) -> None:
        self._peer = peer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=role == "server", server_hostname=server_name
        )
        self.established = False
        self.ended = False
        """The peer has said that nothing more comes."""

    def begin(self) -> None:
        """Begin the handshake: `outgoing` has what a client says first."""
        self._shake_hands()

    def receive(self, data: bytes) -> bytes:
        """The plain text that these bytes complete. Raises TlsError: send `outgoing` all the same, and close."""
        self._incoming.write(data)
        if not self.established and not self._shake_hands():
            return b""
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(_PIECE):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError as error:
            raise TlsError(explained(error, self._peer)) from None
        return b"".join(pieces)

    def send(self, data: bytes) -> None:
        """Encrypt; the result is in `outgoing`. Once TLS has failed or ended nothing is said any more."""
        try:
            self._tls.write(data)
        except ssl.SSLError:
            pass

    def end(self) -> None:
        """Say that nothing more comes."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:  # it waits for the peer to say so too, which we do not
            pass

    def outgoing(self) -> bytes:
        """Take the bytes that are due on the network."""
        return self._outgoing.read()

    def peer_name(self) -> str:
        """The first DNS name of the peer's certificate, "" if it showed none; it has been verified if there is one."""
        certificate = self._tls.getpeercert() if self.established else None
        names = (certificate or {}).get("subjectAltName", ())
        return next((str(each[1]).lower() for each in names if each[0] == "DNS"), "")

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise TlsError(explained(error, self._peer)) from None
        self.established = True
        return True


_STRICT_ONLY = range(79, 94)
"""The codes of what OpenSSL checks only when it is strict (X509_V_ERR_INVALID_CA to EC_KEY_EXPLICIT_PARAMS)."""
_REMEDIES = {
    18: "it is self-signed: give it as the trunk's ca if you trust it",
    19: "its authority is not trusted: give that authority's certificate as ca",
    20: "its authority is not trusted: give that authority's certificate as ca",
    21: "the chain is incomplete: the server has to send the intermediate certificates",
    10: "it has expired",
    9: "it is not valid yet: compare the clocks",
    62: "it does not name this host: set server_name if it is the right one",
    64: "it does not name this address: call by its name, or set server_name",
}
_OURS_REFUSED = (
    "UNKNOWN_CA",
    "BAD_CERTIFICATE",
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "UNSUPPORTED_CERTIFICATE",
    "ALERT_HANDSHAKE_FAILURE",
)
_NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "HTTPS_PROXY_REQUEST",
)
_TOO_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW")


def explained(error: Exception, peer: str) -> str:
    """What went wrong with whom, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = _REMEDIES.get(error.verify_code)
        if remedy is None and error.verify_code in _STRICT_ONLY:
            remedy = f"{error.verify_message} (RFC 5280): strict_x509 = false lets it pass"
        return f"certificate of {peer}: {remedy or error.verify_message}"
    reason = (getattr(error, "reason", None) or "").upper()
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return f"{peer} showed no certificate"
    if any(each in reason for each in _NO_TLS):
        return f"{peer} does not speak TLS on this port"
    if any(each in reason for each in _TOO_OLD):
        return f"{peer} speaks none of TLS 1.2 and 1.3"
    if "NO_SHARED_CIPHER" in reason:
        return f"no cipher in common with {peer}: only ECDHE with AES-GCM or ChaCha20 is modern"
    if any(each in reason for each in _OURS_REFUSED):
        return f"{peer} refused our certificate, or that we showed none: {reason.lower().replace('_', ' ')}"
    return f"TLS with {peer}: {reason.lower().replace('_', ' ') or error}"
