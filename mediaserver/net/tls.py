"""TLS of SIP: whom we are, whom we trust, and the contexts made of it, which can be read anew while connections last.

Versions 1.2 and 1.3 with forward secrecy and authenticated encryption alone (RFC 9325).
"""

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509

from mediaserver.errors import ConfigurationError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; those of 1.3 are all good."""
_EXPIRES_SOON = datetime.timedelta(days=14)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A certificate with its chain, and its key; both PEM files, `key` None when they are in one file."""

    certificate: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How TLS is spoken on a listener, or by the connections opened for a trunk; the fields are paths of PEM files."""

    certificate: str | None = None
    """Ours: a listener has to have one; a client shows it to a peer that asks."""
    key: str | None = None
    identities: tuple[TlsIdentity, ...] = ()
    """Further ones of a listener, chosen by the name that the client asks for (SNI)."""
    client_ca: str | None = None
    """Authorities for the certificates of clients, which are then asked for one."""
    require_client_certificate: bool = False
    """Refuse clients that have none under `client_ca`."""
    ca: str | None = None
    """Authorities for the servers we call; None: those of the system."""
    server_name: str | None = None
    """What the server's certificate has to name, where that is not the domain called."""
    strict_x509: bool = True
    """Insist on RFC 5280: identifiers of keys, key usage. Some old private authorities lack them."""

    @property
    def all_identities(self) -> tuple[TlsIdentity, ...]:
        """The first is shown to whoever asks for no name, or for none of ours."""
        first = (TlsIdentity(self.certificate, self.key),) if self.certificate else ()
        return first + self.identities


class TlsServer:
    """The context of a listener, with the certificate that the client asks for."""

    def __init__(self, settings: TlsSettings, place: str = "tls") -> None:
        """`place` names the setting in errors. Raises ConfigurationError that names every file that cannot be used."""
        if not settings.all_identities:
            raise ConfigurationError(
                [f"{place}.certificate is missing: a TLS listener needs a certificate and its key"]
            )
        if settings.require_client_certificate and settings.client_ca is None:
            raise ConfigurationError(
                [f"{place}.require_client_certificate needs {place}.client_ca: the authorities to check them by"]
            )
        self._settings, self._place = settings, place
        self._context = self._read()

    @property
    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        return self._context

    def reload(self) -> None:
        """Read the files again for connections to come; on ConfigurationError all stays as it was."""
        self._context = self._read()

    def _read(self) -> ssl.SSLContext:
        contexts = [self._one(identity) for identity in self._settings.all_identities]
        named = [
            (names_of(Path(identity.certificate)), context)
            for identity, context in zip(self._settings.all_identities, contexts, strict=True)
        ]

        def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            wanted = (name or "").lower()
            for names, context in named:
                if _covers(names, wanted):
                    connection.context = context
                    return

        contexts[0].sni_callback = choose
        return contexts[0]

    def _one(self, identity: TlsIdentity) -> ssl.SSLContext:
        settings, place = self._settings, self._place
        context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        _show(context, identity, place)
        if settings.client_ca is not None:
            _trust(context, settings.client_ca, f"{place}.client_ca")
            required = settings.require_client_certificate
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
            _strictness(context, settings.strict_x509, place)
        return context


class TlsClient:
    """The context of the connections we open."""

    def __init__(self, settings: TlsSettings, place: str = "tls") -> None:
        """Raises ConfigurationError that names the file that cannot be used."""
        self._settings, self._place = settings, place
        self._context = self._read()

    @property
    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        return self._context

    def reload(self) -> None:
        """Read the files again for connections to come; on ConfigurationError all stays as it was."""
        self._context = self._read()

    def expected(self, name: str) -> str:
        """What the server's certificate has to name, given the domain or address called."""
        return self._settings.server_name or name

    def _read(self) -> ssl.SSLContext:
        settings, place = self._settings, self._place
        context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        if settings.ca is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            _trust(context, settings.ca, f"{place}.ca")
        if settings.certificate is not None:
            _show(context, TlsIdentity(settings.certificate, settings.key), place)
        _strictness(context, settings.strict_x509, place)
        return context


def names_of(certificate: Path) -> tuple[str, ...]:
    """The DNS names a certificate file speaks for, in lower case."""
    first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    try:
        names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _covers(names: tuple[str, ...], wanted: str) -> bool:
    """Whether one of the names is the one wanted; a star stands for its first label (RFC 9525 6.3)."""
    star = f"*.{wanted.partition('.')[2]}"
    return wanted in names or star in names


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _strictness(context: ssl.SSLContext, strict: bool, place: str) -> None:
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if not strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        structlog.get_logger().warning(
            "tls.lenient", setting=f"{place}.strict_x509", message="certificates against RFC 5280 are accepted"
        )


def _trust(context: ssl.SSLContext, file: str, setting: str) -> None:
    try:
        context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError([f"{setting} is {file!r}: {_why(error)}"]) from None


def _show(context: ssl.SSLContext, identity: TlsIdentity, place: str) -> None:
    try:
        first = x509.load_pem_x509_certificates(Path(identity.certificate).read_bytes())[0]
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"{place}.certificate is {identity.certificate!r}: {_why(error)}"]) from None
    try:
        # Without a password an encrypted key would be asked for on the terminal.
        context.load_cert_chain(identity.certificate, identity.key, password="")
    except (OSError, ssl.SSLError) as error:
        file = identity.key or identity.certificate
        raise ConfigurationError([f"{place}.key is {file!r}: {_why(error)}"]) from None
    left = first.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if left < _EXPIRES_SOON:
        structlog.get_logger().warning(
            "tls.expires", certificate=identity.certificate, on=f"{first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        )


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        reasons = {
            "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
            "NO_START_LINE": "no PEM file",
            "NO_CERTIFICATE_OR_CRL_FOUND": "no certificate in it",
            "BAD_DECRYPT": "the key is encrypted: keep it without a password, readable by the server alone",
        }
        return reasons.get(error.reason or "", error.reason or str(error) or "not a PEM file")
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "not a PEM certificate"
