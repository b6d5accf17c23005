"""A certificate that nobody vouches for, for a test in a local network: browsers warn of it, and then let one go on."""

import datetime
import ipaddress
import os
import socket
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mediaserver.net.interfaces import Interfaces
from mediaserver.net.tls import TlsServer, TlsSettings

_VALID: Final = datetime.timedelta(days=90)
_CLOCKS_DIFFER: Final = datetime.timedelta(days=1)
_PEM: Final = serialization.Encoding.PEM


class SelfSigned:
    """One for `hosts`, names and addresses; its key is kept nowhere but in `tls`."""

    def __init__(self, hosts: Sequence[str]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key, hosts)
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        """SHA-256, as browsers show it."""
        self.tls = _server(certificate, key)


def hosts_of(address: str) -> list[str]:
    """By what browsers may call a server that listens at this IP address: what its certificate has to name."""
    found = ["localhost", "127.0.0.1", "::1", socket.gethostname().lower()]
    if not ipaddress.ip_address(address).is_unspecified:
        found.append(address)
    else:
        found += Interfaces().addresses()
    return list(dict.fromkeys(each for each in found if each))


def _certificate(key: ec.EllipticCurvePrivateKey, hosts: Sequence[str]) -> x509.Certificate:
    """Of the form RFC 5280 4.2.1 asks for, key identifiers and usage too: strict verifiers insist on it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mediaserver, self-signed for tests")])
    now, public = datetime.datetime.now(datetime.UTC), key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _server(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> TlsServer:
    """The context of a listener. OpenSSL takes files alone: this one is in memory, and in no folder."""
    secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.memfd_create("mediaserver"), "wb") as file:
        file.write(secret + certificate.public_bytes(_PEM))
        file.flush()
        return TlsServer(TlsSettings(certificate=f"/proc/self/fd/{file.fileno()}"), "http")
