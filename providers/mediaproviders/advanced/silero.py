"""`silero_vad`: the server's own speech detector, where it and not the model's decides on turns."""

from typing import Annotated, Final

from pydantic import Field

from mediaproviders.advanced.section import Section

KEY: Final = "silero_vad"


class SileroVad(Section):
    """The server's own speech detector, where it and not the model's decides on turns."""

    min_speech_ms: Annotated[int, Field(ge=20, le=5000)] = 250
    """Speech shorter than this is none."""
    redemption_ms: Annotated[int, Field(ge=50, le=10_000)] = 700
    """Silence that ends a turn."""
