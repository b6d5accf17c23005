"""The `[phones]` table: telephones and softphones that register here."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from mediaserver.config.section import OrNone, Section
from mediaserver.config.values import Line


def _password_alone(given: object) -> object:
    return {"password": given} if isinstance(given, str | SecretStr) else given


class Phone(Section):
    """One account of a phone."""

    password: SecretStr
    """Digest password, or where it is kept: "env:NAME", "file:/path", …"""
    display: OrNone[Line] = None
    """Name that agents see instead of the one the phone sends."""
    agent: OrNone[str] = None
    """Who answers when it calls a number that nothing else decides; empty: the default agent."""


class Phones(Section):
    """Who may register, and for how long."""

    users: dict[Annotated[str, Field(min_length=1)], Annotated[Phone, BeforeValidator(_password_alone)]] = Field(
        default_factory=dict
    )
    """Accounts: { alice = "secret" } or { alice = { password = "secret", agent = "clinic" } }; empty: no registrar."""
    expires_s: int = Field(600, ge=60, le=86_400)
    """Seconds a registration holds when the phone does not say."""
    min_expires_s: int = Field(60, ge=1, le=86_400)
    """Shortest registration in seconds; less is answered with 423."""
    max_expires_s: int = Field(3600, ge=60, le=604_800)
    """Longest registration in seconds; more is cut to this."""
    max_bindings: int = Field(5, ge=1, le=100)
    """Phones registered at once for one account."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.min_expires_s <= self.expires_s <= self.max_expires_s:
            raise ValueError("min_expires_s, expires_s and max_expires_s must rise in this order: change one of them")
        return self
