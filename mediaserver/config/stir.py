"""The `[sip.stir]` table: certificates that a caller's Identity is checked by (STIR/SHAKEN)."""

from pathlib import Path

from pydantic import Field

from mediaserver.config.section import OrNone, Section


class Stir(Section):
    """Agents read the outcome as {identity}, rules as `identity`. No certificate is ever fetched from the network."""

    certificates: dict[str, Path] = Field(default_factory=dict)
    """PEM files, each with its chain, by the address that the Identity names it by, or by the host in that."""
    ca: OrNone[Path] = None
    """PEM file with the authorities that must have issued these; empty: they are trusted as they are."""
    freshness_s: int = Field(60, ge=1, le=86_400)
    """How old an Identity may be, in seconds."""
