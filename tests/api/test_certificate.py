"""A certificate of the server's own making: whom it names, and what strict verifiers ask of it."""

import ipaddress
import socket

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mediaserver.api import certificate
from mediaserver.api.certificate import SelfSigned, hosts_of


def test_whom_it_names() -> None:
    assert hosts_of("192.0.2.7") == ["localhost", "127.0.0.1", "::1", socket.gethostname().lower(), "192.0.2.7"]
    everywhere = hosts_of("0.0.0.0")
    assert everywhere[:3] == ["localhost", "127.0.0.1", "::1"] and len(set(everywhere)) == len(everywhere)
    assert "0.0.0.0" not in everywhere


def test_what_stands_in_it() -> None:
    made = certificate._certificate(ec.generate_private_key(ec.SECP256R1()), ["localhost", "192.0.2.7", "::1"])

    def extension[T: x509.ExtensionType](kind: type[T]) -> T:
        return made.extensions.get_extension_for_class(kind).value

    names = extension(x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(each) for each in ("192.0.2.7", "::1")]
    assert extension(x509.AuthorityKeyIdentifier).key_identifier == extension(x509.SubjectKeyIdentifier).digest
    assert extension(x509.KeyUsage).digital_signature and not extension(x509.KeyUsage).key_cert_sign
    assert not extension(x509.BasicConstraints).ca
    assert (made.not_valid_after_utc - made.not_valid_before_utc).days == 91


def test_two_are_not_the_same() -> None:
    first, second = SelfSigned(["localhost"]), SelfSigned(["localhost"])
    assert first.fingerprint != second.fingerprint and len(first.fingerprint) == 32 * 3 - 1
