"""A certificate authority of a test's own: certificates with and without what is wanted."""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mediaserver.net.tls import TlsIdentity

_DAY = datetime.timedelta(days=1)
_PEM = serialization.Encoding.PEM


class Authority:
    """Issues certificates into a directory. One that is not `strict` leaves out what RFC 5280 asks for."""

    def __init__(self, directory: Path, *, strict: bool = True) -> None:
        self._directory = directory
        self._strict = strict
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("test authority")
        builder = _begun(self._name, self._name, self._key.public_key(), 30).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        if strict:
            builder = builder.add_extension(_usage(authority=True), critical=True).add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
        self.file = str(self._write("authority.pem", builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM)))

    def issue(self, *hosts: str, days: float = 30, file: str | None = None) -> TlsIdentity:
        """A certificate for these names and addresses, for servers and clients; past its end if `days` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _begun(_named(hosts[0]), self._name, key.public_key(), days).add_extension(
            x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False
        )
        if self._strict:
            builder = builder.add_extension(_usage(authority=False), critical=True).add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        stem = file or hosts[0].replace("*", "star").replace(":", "_")
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM)
        secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return TlsIdentity(str(self._write(f"{stem}.pem", certificate)), str(self._write(f"{stem}.key", secret)))

    def _write(self, name: str, content: bytes) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / name
        path.write_bytes(content)
        return path


def _begun(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 60 * _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, authority: bool) -> x509.KeyUsage:
    wanted: Sequence[str] = ("key_cert_sign", "crl_sign") if authority else ("digital_signature",)
    kinds = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{kind: kind in wanted for kind in kinds})
