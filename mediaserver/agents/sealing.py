"""Secrets at rest: sealed with a key that is kept apart from them (Fernet: AES-128 and an HMAC)."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_VARIABLE = "MEDIASERVER_SECRET_KEY"
"""The key itself; several, parted by commas: the first seals, all unseal."""
KEY_FILE_VARIABLE = "MEDIASERVER_SECRET_KEY_FILE"
"""Or a file that holds it."""
PREFIX = "sealed:"

_REMEDY = f"make one with `mediaserver agents key` and set {KEY_VARIABLE} or {KEY_FILE_VARIABLE}"


class SealError(Exception):
    """It cannot be sealed or unsealed; says what to do."""


class Sealer:
    """Seals and unseals with the keys given, of which the first is the current one. Raises SealError."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SealError(f"there is no key; {_REMEDY}")
        try:
            self._keys = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise SealError(f"the key is not one of ours; {_REMEDY}") from None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "Sealer":
        """With the key the environment names. Raises SealError."""
        written = environment.get(KEY_VARIABLE, "")
        path = environment.get(KEY_FILE_VARIABLE)
        if not written and path:
            try:
                written = Path(path).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it holds no key"
                raise SealError(f"{KEY_FILE_VARIABLE} is {path!r}, which cannot be read ({why})") from None
        return cls([key.strip() for key in written.split(",") if key.strip()])

    def seal(self, secret: str) -> str:
        """What to write in place of `secret`."""
        return PREFIX + self._keys.encrypt(secret.encode()).decode("ascii")

    def unseal(self, token: str) -> str:
        """What was sealed as `token`, with or without its prefix. Raises SealError."""
        try:
            return self._keys.decrypt(token.removeprefix(PREFIX).strip()).decode()
        except (InvalidToken, ValueError):
            raise SealError("was sealed with another key, or is damaged; seal the secret again") from None


def new_key() -> str:
    """A key for :class:`Sealer`."""
    return Fernet.generate_key().decode("ascii")
