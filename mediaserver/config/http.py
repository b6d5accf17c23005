"""The `[http]` table: where pages, WHIP and metrics are served, to whom, and how much of it."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from mediaserver.config.section import HostPort, Network, OrNone, Section

DEFAULT_ADDRESS = "127.0.0.1:8080"
SHORTEST_SECRET = 32
"""Characters of a secret that signs: as long as what it makes (RFC 7518 3.2)."""
_ORIGIN = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?")
_USUAL_PORTS = {"http": "80", "https": "443"}


def origin_of(text: str) -> str:
    """An origin as browsers write it (RFC 6454 6.2). Raises ValueError with the remedy."""
    found = _ORIGIN.fullmatch(text.strip())
    if found is None:
        raise ValueError('write the origin of a page, scheme, host and port alone, as in "https://www.example.com"')
    scheme, host, port = found.groups()
    usual = port is None or port == _USUAL_PORTS[scheme]
    return f"{scheme}://{host.lower()}" if usual else f"{scheme}://{host.lower()}:{int(port)}"


def _signing(secret: SecretStr | None) -> SecretStr | None:
    text = "" if secret is None else secret.get_secret_value()
    if secret is not None and ":" not in text and len(text) < SHORTEST_SECRET:
        raise ValueError(f"is shorter than {SHORTEST_SECRET} characters: take what openssl rand -hex 32 makes")
    return secret


class Http(Section):
    """HTTP beside SIP: the softphone's page, WHIP, tokens, health and metrics."""

    address: OrNone[HostPort] = DEFAULT_ADDRESS
    """Address to listen at; empty: no HTTP at all."""
    certificate: OrNone[Path] = None
    """PEM file with the certificate and its chain: makes it HTTPS, as browsers demand of pages on other machines."""
    key: OrNone[Path] = None
    """PEM file with its private key, which has no password; empty: in the file of the certificate."""
    self_signed: bool = False
    """HTTPS with a certificate made at the start, that nobody vouches for: for tests in a local network."""
    admin_key: OrNone[SecretStr] = None
    """What whoever may issue tokens shows; empty: nobody may. "env:NAME" and "file:/path" are looked up."""
    token_secret: Annotated[OrNone[SecretStr], AfterValidator(_signing)] = None
    """What tokens are signed with; the same on all servers that take one another's. Empty: another one each start."""
    token_ttl_s: float = Field(300.0, ge=5, le=86_400)
    """Seconds a token is good for, unless its issue says less. A call that has begun is not ended by it."""
    page: Literal["loopback", "anyone", "off"] = "loopback"
    """Who may call from the built-in page: browsers on this machine, anybody who reaches it, or nobody."""
    origins: tuple[Annotated[str, AfterValidator(origin_of)], ...] = ()
    """Pages elsewhere that may call, as "https://www.example.com"."""
    proxies: tuple[Network, ...] = ()
    """Networks of reverse proxies, whose word on who asks and by which scheme is taken (X-Forwarded-…)."""
    per_source: float = Field(60.0, gt=0, le=100_000)
    """Calls, and tokens, that one address may ask for in a minute."""
    connections: int = Field(500, ge=1, le=100_000)
    """Connections at once."""
    max_body: int = Field(65_536, ge=1024, le=1 << 20)
    """Octets of a request's body; more is refused before it is read."""
    request_s: float = Field(10.0, ge=0.1, le=120)
    """Seconds a request may take to arrive, and a client to take some of a response."""

    @property
    def chosen(self) -> bool:
        """The address was given: no other will do."""
        return "address" in self.model_fields_set

    @property
    def tls(self) -> bool:
        """It is HTTPS."""
        return self.certificate is not None or self.self_signed

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("certificate is missing: give the PEM file that belongs to the key")
        if self.self_signed and self.certificate is not None:
            raise ValueError("self_signed makes a certificate: leave it out, or leave out the certificate you have")
        return self
