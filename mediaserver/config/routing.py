"""The `[[routing]]` tables: which agent answers which call."""

from typing import Self

from pydantic import Field, model_validator

from mediaserver.config.section import OrNone, Section
from mediaserver.config.values import Pattern


class Rule(Section):
    """One rule: all that it names has to fit, and the first rule that fits decides."""

    agent: str = Field(min_length=1)
    """Who answers."""
    trunk: OrNone[str] = None
    """Calls by this trunk."""
    phone: OrNone[str] = None
    """Calls of this account of a phone or digest user."""
    called: OrNone[Pattern] = None
    """The called number or name: exact, or a pattern with *, ? and [0-4]."""
    caller: OrNone[Pattern] = None
    """The caller's, likewise."""
    identity: OrNone[Pattern] = None
    """How far the caller is vouched for (STIR): "passed:A", "failed:*", "not-verified:*", "none"."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any((self.trunk, self.phone, self.called, self.caller, self.identity)):
            raise ValueError("fits every call: name a trunk, phone, called or caller, or set the default agent instead")
        return self
