"""The offline model as a provider."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from mediacodecs.signal.vad import DetectorUnavailableError, SileroBatch
from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    PCMA,
    PCMU,
    Brief,
    Conversation,
    ProviderError,
    Traits,
)
from mediaproviders.hearing.detector import SileroDetector
from mediaproviders.hearing.listener import Detector
from mediaproviders.hearing.turns import Pace
from mediaproviders.local import hear, speak
from mediaproviders.local.conversation import LocalConversation
from mediaproviders.local.dialogue import sentences
from mediaproviders.local.receptionist import RECEPTIONIST
from mediaproviders.local.script import Script
from mediaproviders.local.worker import BusyError, Urgency, Workers

TRAITS = Traits(
    input_formats=(PCMU, PCMA, PCM16_16K, PCM16_8K),
    output_formats=(PCMU, PCMA, PCM16_24K, PCM16_16K, PCM16_8K),
    server_vad=True,
    hears_speech_start=True,
    can_truncate=True,
    can_cancel=True,
    reversible_interrupt=True,
    text_output=False,
    can_update_instructions=False,
    can_update_tools=False,
    max_connection_s=None,
    resume="replay",
    greeting="response",
    uplink_ms=20,
)


class LocalProvider:
    """A rehearsal model: hears with Whisper, answers by a script, speaks with a neural voice; no key, no network.

    It does not follow the brief's instructions, and says so when asked who it is. `script` is a :class:`Script`, a
    mapping, or the path of a TOML file; None is a clinic's front desk. An agent's own goes into the brief's
    `advanced["local"]["script"]`. `voice` is one of :func:`speak.available_voices`; `workers` is the number of
    processes that hear and speak, `waiting` how many jobs may be in line for them, `pace` when turns begin and end,
    `detector` makes what tells speech from noise when it is not to be Silero's.

    Raises ProviderError("not-installed") when the extra is missing, "script" or "voice" for one that can not be used.
    Used on one event loop; :meth:`close` ends the processes, and so does the end of this one.
    """

    def __init__(
        self,
        script: Script | Mapping[str, object] | str | Path | None = None,
        *,
        voice: str | None = None,
        workers: int = 1,
        waiting: int = 16,
        pace: Pace | None = None,
        detector: Callable[[], Detector] | None = None,
    ) -> None:
        _require_installed()
        self._script = RECEPTIONIST if script is None else Script.read(script)
        self._voice = speak.agent_voice(voice).name
        self._pace = pace or Pace()
        self._detector = detector
        self._workers: Workers | None = None
        self._processes = workers
        self._waiting = waiting

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return TRAITS

    @property
    def greeting(self) -> str:
        """The script's greeting, for a brief that brings none of its own: the contract has it in the brief."""
        return self._script.greeting

    @property
    def workers(self) -> Workers:
        """The processes that hear and speak; started when first asked for, so only within an event loop."""
        if self._workers is None:
            self._workers = Workers(processes=self._processes, waiting=self._waiting)
        self._workers.start()
        return self._workers

    async def start(self) -> None:
        """Load both models now, so that the first call is answered as fast as the others. Raises ProviderError."""
        try:
            await self.workers.say(self._script.busy, self._voice, PCMU, Urgency.PREPARING)
            await self.workers.load()
        except BusyError:
            # So many wait for the models that they are being loaded already.
            return

    async def close(self) -> None:
        """End the processes. Conversations still open get Faults from then on."""
        if self._workers is not None:
            workers, self._workers = self._workers, None
            await workers.close()

    @asynccontextmanager
    async def connect(self, brief: Brief) -> AsyncIterator[Conversation]:
        """Open a session; it is ready when the first sentence of the greeting is. Raises ProviderError."""
        script = self._script_for(brief)
        detector = await self._hearer()
        voice = self._voice if brief.voice is None else speak.agent_voice(brief.voice).name
        _require_formats(brief)
        workers = self.workers
        conversation = LocalConversation(brief, script, workers, voice, detector, self._pace)
        first_words = sentences(brief.greeting or script.busy)[:1]
        try:
            for text in first_words:
                await workers.say(text, voice, brief.output_format, Urgency.FIRST_WORDS)
        except BusyError as error:
            raise ProviderError("the local model is too busy for one more call", code="busy", retryable=True) from error
        conversation.open()
        try:
            yield conversation
        finally:
            await conversation.close()

    async def _hearer(self) -> Detector:
        if self._detector is None:
            try:
                model = await asyncio.to_thread(SileroBatch)
            except DetectorUnavailableError as error:
                raise ProviderError(str(error), code="not-installed", retryable=False) from error
            self._detector = lambda: SileroDetector(model)
        return self._detector()

    def _script_for(self, brief: Brief) -> Script:
        settings = brief.advanced.get("local", {})
        if not isinstance(settings, Mapping) or not settings.keys() <= {"script"}:
            raise ProviderError("advanced.local: the only key is `script`", code="script", retryable=False)
        script = settings.get("script")
        if script is None:
            return self._script
        if isinstance(script, Script | Mapping | str | Path):
            return Script.read(script)
        raise ProviderError("advanced.local.script: a table or a path", code="script", retryable=False)


def _require_installed() -> None:
    missing = hear.missing()
    if missing:
        raise ProviderError(
            f"the local model can not hear without {' and '.join(missing)}: pip install 'mediaserver[local]'",
            code="not-installed",
            retryable=False,
        )
    speak.agent_voice()


def _require_formats(brief: Brief) -> None:
    if brief.input_format not in TRAITS.input_formats or brief.output_format not in TRAITS.output_formats:
        raise ProviderError(
            f"the local model does not hear {brief.input_format} or does not speak {brief.output_format}",
            code="format",
            retryable=False,
        )
