"""Who we are in DTLS: one certificate of our own making for the life of the process (RFC 8827 6.5)."""

import datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

SRTP_PROFILES = {
    "SRTP_AEAD_AES_256_GCM": ("AEAD_AES_256_GCM", 32, 12),
    "SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    "SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
}
"""By their names in OpenSSL, most wanted first: suite, octets of master key and salt (RFC 5764 4.1.2, 7714 14.2)."""
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:" \
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"  # fmt: skip
_DTLS_1_2 = 0xFEFD
_VALID = datetime.timedelta(days=365)
_CLOCKS_DIFFER = datetime.timedelta(days=1)


class Identity:
    """A key and its certificate. What vouches for it is its fingerprint in the session description."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mediaserver")])
        now = datetime.datetime.now(datetime.UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCKS_DIFFER)
            .not_valid_after(now + _VALID)
            .sign(self._key, hashes.SHA256())
        )

    @cached_property
    def fingerprint(self) -> str:
        """As a session description has it (RFC 8122 5): "sha-256 AB:…"."""
        return f"sha-256 {self.certificate.fingerprint(hashes.SHA256()).hex(':').upper()}"

    @cached_property
    def context(self) -> SSL.Context:
        """What all our handshakes share."""
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        # Any certificate will do here; whether it is the peer's is told by its fingerprint, after the handshake.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(self.certificate)
        context.use_privatekey(self._key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(":".join(SRTP_PROFILES).encode())
        return context
