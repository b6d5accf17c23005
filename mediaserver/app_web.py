"""The HTTP side of the composition: who may, by which keys, over TLS or not; what is loaded when it is wanted alone."""

import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog
from pydantic import SecretStr

from mediaserver import __version__
from mediaserver.agents.ready import ReadyAgent
from mediaserver.agents.secrets import SecretError, Secrets
from mediaserver.api.standing import Standing
from mediaserver.call.reception import Reception
from mediaserver.call.tally import NoTally, Tally
from mediaserver.config.http import Http
from mediaserver.config.section import split_host
from mediaserver.errors import ConfigurationError
from mediaserver.net.tls import TlsServer, TlsSettings

if TYPE_CHECKING:
    from mediaserver.api.certificate import SelfSigned
    from mediaserver.api.shell import HttpShell

_SHORTEST_KEY = 16
"""Characters of an admin key: nobody guesses as many, however often it may be tried."""


class Web:
    """HTTP as the settings say, or none. Raises ConfigurationError with a sentence per fault.

    FastAPI and what belongs to it are imported by `prepare`, for a server without HTTP need not wait for them.
    """

    def __init__(self, settings: Http) -> None:
        self._settings = settings
        self._secrets = Secrets()
        self._shell: HttpShell | None = None
        self._signed: SelfSigned | None = None
        self._log = structlog.get_logger()
        self.tally: Tally = NoTally()
        """Who counts the calls: after `prepare`."""
        faults: list[str] = []
        self._admin_key = self._secret(settings.admin_key, "http.admin_key", faults)
        self._token_secret = self._secret(settings.token_secret, "http.token_secret", faults)
        self._tls = self._read_certificate(faults)
        if faults:
            raise ConfigurationError(faults)

    @property
    def on(self) -> bool:
        """There is HTTP."""
        return self._settings.address is not None

    def warnings(self) -> list[str]:
        """What is allowed and yet likely not meant, one sentence each."""
        given = self._settings
        found: list[str] = []
        if given.address is None:
            return found
        host, _ = split_host(given.address)
        for field, secret in (("admin_key", given.admin_key), ("token_secret", given.token_secret)):
            if secret is not None:
                found += [f"http.{field}: {clause}" for clause in self._secrets.warnings(secret)]
        if self._admin_key is not None and len(self._admin_key) < _SHORTEST_KEY:
            found.append("http.admin_key can be guessed, so short is it: take what openssl rand -hex 32 makes")
        if given.page == "anyone" and not _is_loopback(host):
            found.append('http.page is "anyone": whoever reaches http.address can call and cost you model time')
        if not given.tls and not _is_loopback(host) and not given.proxies:
            found.append(
                "http.address is plain HTTP, and browsers let no page have the microphone there: "
                "give http.certificate, or set http.self_signed for a test"
            )
        if given.self_signed:
            found.append("http.self_signed: browsers warn of this certificate, and rightly; it is for tests in a LAN")
        return found

    def prepare(self, standing: Callable[[], Standing]) -> None:
        """Load what HTTP needs, which takes a while; `standing` tells how the server stands."""
        if self.on:
            from mediaserver.api import app
            from mediaserver.api.metrics import Metrics

            self._build = app.build
            self.tally = self._metrics = Metrics(standing)
            self._standing = standing

    async def start(self, reception: Reception, agents: Mapping[str, ReadyAgent], default: str) -> None:
        """Listen, once prepared. Raises OSError when the address cannot be used."""
        if not self.on:
            return
        from mediaserver.api.reach import AgentCard, Reach
        from mediaserver.api.shell import HttpShell
        from mediaserver.api.tokens import Tokens

        cards = [AgentCard(name, ready.definition.model, default=name == default) for name, ready in agents.items()]
        given = self._settings
        reach = Reach(
            web=reception.web,
            tokens=Tokens(self._token_secret, given.token_ttl_s),
            settings=given,
            agents=cards,
            standing=self._standing,
            closed=reception.closed,
            metrics=self._metrics.exposition,
            responded=self._metrics.responded,
            admin_key=self._admin_key,
            version=__version__,
        )
        self._shell = HttpShell(self._build(reach), given, self._context())
        await self._shell.start()
        self._told()

    async def close(self) -> None:
        """End it, within a few seconds whatever clients do."""
        if self._shell is not None:
            await self._shell.close()

    def reload(self) -> list[str]:
        """Read the certificate again, for connections to come; what cannot be read is told and stays as it was."""
        if self._tls is None or self._signed is not None:
            return []
        try:
            self._tls.reload()
        except ConfigurationError as error:
            return error.faults
        return []

    def addresses(self) -> dict[str, str]:
        """Where it listens, as log fields."""
        return {} if self._shell is None else {"http": self.url}

    @property
    def page(self) -> str | None:
        """Address of the built-in page, if there is one and it is up."""
        return None if self._shell is None or self._settings.page == "off" else self.url

    @property
    def url(self) -> str:
        """The address of the page, for a browser on this machine."""
        assert self._shell is not None
        host, port = self._shell.address
        host = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host
        return f"{'https' if self._settings.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    # --- within -------------------------------------------------------------------------------------------------------

    def _secret(self, given: SecretStr | None, field: str, faults: list[str]) -> str | None:
        if given is None or not self.on:
            return None
        try:
            return self._secrets.resolve(given, field)
        except SecretError as error:
            faults += error.faults
            return None

    def _read_certificate(self, faults: list[str]) -> TlsServer | None:
        given = self._settings
        if given.certificate is None or not self.on:
            return None
        try:
            return TlsServer(
                TlsSettings(certificate=str(given.certificate), key=None if given.key is None else str(given.key)),
                "http",
            )
        except ConfigurationError as error:
            faults += error.faults
            return None

    def _context(self) -> ssl.SSLContext | None:
        """TLS, with the certificate as it is when somebody connects."""
        if self._settings.self_signed:
            from mediaserver.api.certificate import SelfSigned, hosts_of

            self._signed = SelfSigned(hosts_of(split_host(self._settings.address or "")[0]))
            self._tls = self._signed.tls
        if (tls := self._tls) is None:
            return None

        def newest(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
            connection.context = tls.context

        front = tls.context
        front.sni_callback = newest
        return front

    def _told(self) -> None:
        """What an operator has to know of it."""
        assert self._shell is not None
        if self._shell.moved:
            message = f"{self._settings.address} is taken: the page is at {self.url}; http.address chooses another"
            self._log.warning("http.moved", message=message)
        if self._signed is not None:
            self._log.info("http.certificate", sha256=self._signed.fingerprint)


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"
