"""The `[ladder]` table: whether what SIP says about a call is kept with it."""

from pathlib import Path

from pydantic import Field

from mediaserver.config.section import OrNone, Section


class Ladder(Section):
    """The messages of each call, kept as a file; secrets in them are masked. `mediaserver ladder` shows them."""

    directory: OrNone[Path] = None
    """Where, as DIRECTORY/YYYY-MM-DD/CALL.jsonl; empty: nothing is kept. Nothing is ever deleted there."""
    max_messages: int = Field(400, ge=10, le=100_000)
    """Messages of one call: of more, the first and the last half are kept."""
    max_kb: int = Field(256, ge=16, le=65_536)
    """Kilobytes of one call, likewise."""
    max_total_mb: int = Field(64, ge=1, le=16_384)
    """Megabytes of memory for the calls that are not over."""
