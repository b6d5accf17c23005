"""Errors say whose fault they are: the peer's (and what to answer it), or ours."""


class MediaServerError(Exception):
    """Every error this package raises on purpose."""


class RemoteProtocolError(MediaServerError):
    """A peer broke a protocol. `status` is the SIP response it deserves; None: drop what it sent."""

    def __init__(self, message: str, *, status: int | None = 400) -> None:
        super().__init__(message)
        self.status = status


class LocalProtocolError(MediaServerError):
    """We asked a core for something its state does not allow: a bug of ours."""


class ConfigurationError(MediaServerError):
    """Settings that cannot be used. `faults` is one sentence per fault: field, value, remedy."""

    def __init__(self, faults: list[str], usable: object = None) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.usable = usable
        """The settings without what is faulty, if they make sense so: they may have faults of another kind as well."""
