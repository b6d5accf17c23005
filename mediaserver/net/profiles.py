"""The TLS of the connections we open: one set of settings for each trunk that has its own."""

from collections.abc import Iterator, Mapping

from mediaserver.net.tls import TlsClient, TlsSettings

_DEFAULT = ""


class Profiles:
    """By the name in `Flow.profile`; one without settings of its own uses those of "", which are the system's."""

    def __init__(self, settings: Mapping[str, TlsSettings]) -> None:
        """Raises ConfigurationError that names the file that cannot be used."""
        self._clients = {name: TlsClient(each, f"{name}.tls" if name else "tls") for name, each in settings.items()}

    def __call__(self, profile: str) -> TlsClient:
        """The TLS of a profile."""
        client = self._clients.get(profile) or self._clients.get(_DEFAULT)
        if client is None:
            # Only when first wanted: reading the system's authorities takes its time.
            client = self._clients[_DEFAULT] = TlsClient(TlsSettings())
        return client

    def __iter__(self) -> Iterator[TlsClient]:
        return iter(self._clients.values())
