"""The provider: what the three can do together, and the opening of a session."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from mediacodecs.signal.vad import DetectorUnavailableError
from mediaproviders.cascade.conversation import CascadeConversation
from mediaproviders.cascade.ears import Hearing
from mediaproviders.cascade.formats import nearest
from mediaproviders.cascade.mouth import Speaking
from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    PCMA,
    PCMU,
    Brief,
    Conversation,
    Provider,
    ProviderError,
    Traits,
)
from mediaproviders.hearing import Detector, Pace, SileroDetector, silero
from mediaproviders.speech.contract import SpeechToText, TextToSpeech

FORMATS: Final = (PCMU, PCMA, PCM16_24K, PCM16_16K, PCM16_8K)
"""What the detector hears; what a service does not take or give is converted."""


class Cascade:
    """A text model that hears by a recogniser and speaks by a voice.

    `text` is run in its text modality. `pace` is when turns begin and end, `detector` makes what tells speech from
    noise when it is not to be Silero's. `ears_timeout_s` is how long the recogniser may take once a turn is over,
    `voice_timeout_s` how long the voice may be silent within a sentence. `speculate` has a turn recognised when it is
    probably over, and again if it was not: for recognisers that cost nothing.

    Raises ProviderError for a model that cannot be run in text. Closing it closes all three.
    """

    def __init__(
        self,
        text: Provider,
        ears: SpeechToText,
        voice: TextToSpeech,
        *,
        pace: Pace | None = None,
        detector: Callable[[], Detector] | None = None,
        ears_timeout_s: float = 5.0,
        voice_timeout_s: float = 5.0,
        speculate: bool = False,
    ) -> None:
        if not text.traits.text_output:
            raise _refused("this model does not answer in text: it cannot be used with speech services")
        _require_formats(ears, voice)
        self._text = text
        self._ears = ears
        self._voice = voice
        self._hearing = Hearing(ears, pace or Pace(), ears_timeout_s, speculate)
        self._speaking = Speaking(voice, voice_timeout_s)
        self._detector = detector

    @property
    def traits(self) -> Traits:
        """What they can do together."""
        return replace(
            self._text.traits,
            input_formats=FORMATS,
            output_formats=FORMATS,
            server_vad=True,
            hears_speech_start=True,
            can_truncate=True,
            can_cancel=True,
            reversible_interrupt=True,
            text_output=True,
            text_input=True,
            uplink_ms=20,
        )

    async def start(self) -> None:
        """Load what takes long. Raises ProviderError."""
        await asyncio.gather(self._text.start(), self._ears.start(), self._voice.start(), self._load_detector())

    async def close(self) -> None:
        """Close the model and both services."""
        await asyncio.gather(self._text.close(), self._ears.close(), self._voice.close())

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[Conversation]:
        """Open a session; in the text modality it is the model's own. Raises ProviderError."""
        if brief.modality == "text":
            return self._text.connect(brief)
        return self._connect(brief)

    @asynccontextmanager
    async def _connect(self, brief: Brief) -> AsyncIterator[Conversation]:
        if brief.input_format not in FORMATS or brief.output_format not in FORMATS:
            raise _refused(f"formats it does not know: {brief.input_format} in, {brief.output_format} out")
        detector = await self._load_detector()
        async with self._text.connect(replace(brief, modality="text")) as text:
            conversation = CascadeConversation(brief, text, self._hearing, self._speaking, detector())
            conversation.open()
            try:
                yield conversation
            finally:
                await conversation.close()

    async def _load_detector(self) -> Callable[[], Detector]:
        if self._detector is None:
            try:
                model = await asyncio.to_thread(silero)
            except DetectorUnavailableError as error:
                raise ProviderError(str(error), code="not-installed", retryable=False) from error
            self._detector = lambda: SileroDetector(model)
        return self._detector


def _require_formats(ears: SpeechToText, voice: TextToSpeech) -> None:
    try:
        for form in FORMATS:
            nearest(form, ears.formats)
            nearest(form, voice.formats)
    except ValueError as fault:
        raise _refused(str(fault)) from fault


def _refused(why: str) -> ProviderError:
    return ProviderError(why, code="invalid_configuration", retryable=False)
