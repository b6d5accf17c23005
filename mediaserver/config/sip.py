"""The `[sip]` table: where callers reach us, who may, and how SIP behaves."""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from mediaserver.config.guard import Guard
from mediaserver.config.section import Ip, Network, OrNone, Section
from mediaserver.config.stir import Stir
from mediaserver.config.values import Dscp, HeaderName, Listening
from mediaserver.config.wire import Connections, Dns

type DigestAlgorithm = Literal["MD5", "SHA-256", "SHA-512-256"]


def everywhere(given: object) -> object:
    """One address stands for all networks. The environment writes a table as JSON."""
    if given == "" or given is None:
        return {}
    if isinstance(given, str) and given.lstrip().startswith("{"):
        return json.loads(given)
    return {"0.0.0.0/0": given, "::/0": given} if isinstance(given, str) else given


class TlsIdentity(Section):
    """One more certificate."""

    certificate: Path
    """PEM file with the certificate and its chain."""
    key: OrNone[Path] = None
    """PEM file with its private key; empty: in the file of the certificate."""


class Certificates(Section):
    """TLS identity of this server, for `sip.tls` and `sip.wss`; read again at SIGHUP."""

    certificate: OrNone[Path] = None
    """PEM file with our certificate and its chain."""
    key: OrNone[Path] = None
    """PEM file with its private key, which has no password; empty: in the file of the certificate."""
    identities: tuple[TlsIdentity, ...] = ()
    """Further certificates, each shown to whoever asks for one of its names (SNI)."""
    client_ca: OrNone[Path] = None
    """PEM file with the authorities of clients' certificates; empty: clients are not asked for one."""
    require_client_certificate: bool = False
    """Refuse clients that have none."""
    ca: OrNone[Path] = None
    """PEM file with the authorities trusted when we connect; empty: those of the system."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.certificate is None and (self.key is not None or self.client_ca is not None or self.identities):
            raise ValueError("certificate is missing: give the PEM file that belongs to the key")
        if self.require_client_certificate and self.client_ca is None:
            raise ValueError("require_client_certificate needs client_ca: give the authorities to check them by")
        return self


class Sip(Section):
    """Where callers reach us, who may, and how SIP behaves."""

    udp: Listening = ("0.0.0.0:5060",)
    """Address of the UDP socket, or several; empty to go without."""
    tcp: Listening = ("0.0.0.0:5060",)
    """Address of the TCP socket, or several; empty to go without."""
    tls: Listening = ()
    """The same for TLS; needs `certificates`."""
    ws: Listening = ()
    """The same for WebSocket (RFC 7118), for browsers behind a proxy that ends their TLS."""
    wss: Listening = ()
    """The same for secure WebSocket; needs `certificates`."""
    ws_origins: tuple[str, ...] = ()
    """Pages that may connect by WebSocket, as "https://phone.example.com"; empty: any."""
    certificates: Certificates = Certificates()
    advertise: Annotated[dict[Network, Ip], NoDecode, BeforeValidator(everywhere)] = Field(default_factory=dict)
    """IP address written into Via, Contact and SDP when it is not the socket's own (NAT, containers).

    A table gives one per network of peers, the most specific first: {"10.0.0.0/8" = "10.0.0.5", "0.0.0.0/0" = …}.
    """
    allow: tuple[Network, ...] = ()
    """Networks that may call besides those of the trunks; empty: everyone, if there are no trunks, phones or users."""
    users: dict[str, SecretStr] = Field(default_factory=dict)
    """Digest users who may call, and their passwords; empty: callers are not challenged."""
    realm: str = "mediaserver"
    """Digest realm, of users and phones."""
    digest: tuple[DigestAlgorithm, ...] = Field(("MD5",), min_length=1)
    """Algorithms of the challenge. Many phones give up on a challenge that names any but MD5."""
    answer_deadline_s: float = Field(8.0, gt=0, le=120)
    """Seconds the model's session may take; then 503."""
    retry_after_s: int = Field(5, ge=0, le=3600)
    """Retry-After of a 503, in seconds."""
    session_timers: Literal["off", "accept", "request"] = "accept"
    """Session timers (RFC 4028): refused, as the peer wants them, or asked for on every call."""
    session_expires_s: int = Field(1800, ge=90, le=86_400)
    """Seconds after which a session that nobody refreshes is over."""
    min_se_s: int = Field(90, ge=90, le=3600)
    """Shortest such time we accept in seconds; a shorter one is answered with 422."""
    prack: Literal["off", "supported", "require"] = "supported"
    """Reliable provisional responses (100rel, RFC 3262): never, where the peer can, or refuse who cannot (421)."""
    early_media: bool = False
    """Let callers hear us before the answer (183 with our description)."""
    keepalive_s: float = Field(25.0, ge=0, le=600)
    """Seconds between keep-alives to registrars and trunks (RFC 5626); 0: none."""
    dscp: Dscp = 24
    """Code point of SIP packets: "CS3", "AF31", a number."""
    max_datagram: int = Field(1300, ge=0, le=65_000)
    """Bytes of a request over UDP; a larger one is tried by TCP first (RFC 3261 18.1.1). 0: never."""
    reuse_port: bool = False
    """Share the ports with other processes of this machine that do the same (SO_REUSEPORT)."""
    connections: Connections = Connections()
    dns: Dns = Dns()
    guard: Guard = Guard()
    stir: Stir = Stir()
    agent_headers: tuple[HeaderName, ...] = ()
    """Header fields of an INVITE that agents may read: X-Customer-Id becomes {sip_x_customer_id}."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.tls or self.wss) and self.certificates.certificate is None:
            which = "tls" if self.tls else "wss"
            raise ValueError(
                f"{which} needs a certificate: set sip.certificates.certificate and .key, or empty {which}"
            )
        if self.session_expires_s < self.min_se_s:
            raise ValueError(
                f"session_expires_s is {self.session_expires_s}, below min_se_s {self.min_se_s}: raise the first"
            )
        return self

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Where each transport listens."""
        return {name: getattr(self, name) for name in ("udp", "tcp", "tls", "ws", "wss")}
