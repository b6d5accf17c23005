"""What a cascade and a speech service agree on. Language, voice and model are the service's own, given when it is made.

Where the caller's turn begins and ends is not the service's business: the cascade has a detector of its own.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from mediaproviders.contract import AudioFormat


class Utterance(Protocol):
    """One turn of the caller on its way into text."""

    def push(self, audio: bytes) -> None:
        """More of it, in the format it was begun with, any length. Never waits."""

    async def finish(self) -> str:
        """That was all: its text, empty if there were no words. Raises ProviderError."""

    async def discard(self) -> None:
        """It was nothing: forget it, at no further cost."""


class SpeechToText(Protocol):
    """A recogniser."""

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it hears, most wanted first."""

    async def start(self) -> None:
        """Load what takes long. Raises ProviderError."""

    async def close(self) -> None:
        """Release everything; safe without `start`."""

    def begin(self, form: AudioFormat) -> Utterance:
        """The caller begins a turn. Never waits: a connection it needs is opened while audio is pushed."""


class TextToSpeech(Protocol):
    """A voice."""

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it speaks, most wanted first."""

    async def start(self) -> None:
        """Load what takes long. Raises ProviderError."""

    async def close(self) -> None:
        """Release everything; safe without `start`."""

    def speak(self, text: str, form: AudioFormat) -> AsyncIterator[bytes]:
        """`text` as audio, in pieces of whole samples as they come. Raises ProviderError while iterating.

        Closing the iterator stops the service.
        """
