"""Speech offline: Whisper hears, a neural voice speaks, in processes of their own. No key, no network; English."""

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar, Final
from weakref import WeakKeyDictionary

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.local import hear, speak
from mediaproviders.local.worker import BusyError, Urgency, Workers
from mediaproviders.speech.utterance import CollectedUtterance
from mediaproviders.transcode import linear

_PIECE_MS: Final = 100
"""Audio in one piece of what is spoken."""
_HELLO: Final = "Hello."
"""Said once, unheard, to have the voice loaded."""


class SharedWorkers:
    """The processes of all offline services on one event loop, from the first that starts to the last that closes.

    `processes` of them; who creates the first decides.
    """

    _of_loop: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, SharedWorkers]"] = WeakKeyDictionary()

    def __init__(self, processes: int) -> None:
        self.workers = Workers(processes=processes)
        self._users = 0

    @classmethod
    def join(cls, processes: int) -> Workers:
        """Use them; only within an event loop."""
        loop = asyncio.get_running_loop()
        shared = cls._of_loop.get(loop)
        if shared is None:
            shared = cls._of_loop[loop] = cls(processes)
        shared._users += 1
        shared.workers.start()
        return shared.workers

    @classmethod
    async def leave(cls) -> None:
        """Use them no more."""
        loop = asyncio.get_running_loop()
        shared = cls._of_loop.get(loop)
        if shared is None:
            return
        shared._users -= 1
        if shared._users == 0:
            del cls._of_loop[loop]
            await shared.workers.close()


class _Offline:
    """What both services share: workers of one's own choice, or those that all share."""

    def __init__(self, workers: Workers | None, processes: int) -> None:
        self._given = workers
        self._processes = processes
        self._joined: Workers | None = None

    @property
    def workers(self) -> Workers:
        """The processes; only within an event loop."""
        if self._given is not None:
            self._given.start()
            return self._given
        if self._joined is None:
            self._joined = SharedWorkers.join(self._processes)
        return self._joined

    async def close(self) -> None:
        """Leave the shared processes; those that were given belong to who gave them."""
        if self._joined is not None:
            self._joined = None
            await SharedWorkers.leave()


class LocalSpeechToText(_Offline):
    """Whisper tiny.en. `workers` None: the processes that all offline services share, `processes` of them.

    Raises ProviderError("not-installed") when the extra is missing.
    """

    def __init__(self, workers: Workers | None = None, *, processes: int = 1, timeout_s: float = 15.0) -> None:
        super().__init__(workers, processes)
        missing = hear.missing()
        if missing:
            wanted = " and ".join(missing)
            text = f"nothing can be recognised offline without {wanted}: pip install 'mediaserver[local]'"
            raise ProviderError(text, code="not-installed", retryable=False)
        self._timeout_s = timeout_s

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """All that a leg can have: it converts by itself."""
        return (PCM16_16K, PCMU, PCMA, PCM16_24K, PCM16_8K)

    async def start(self) -> None:
        """Load the model. Raises ProviderError."""
        try:
            await self.workers.load()
        except BusyError:
            # So many wait for the models that they are being loaded already.
            return

    def begin(self, form: AudioFormat) -> CollectedUtterance:
        """A turn: collected, and recognised as a whole."""
        workers = self.workers

        async def recognise(audio: bytes) -> str:
            try:
                return await workers.hear(linear(audio, form), form.rate)
            except BusyError as error:
                raise _busy() from error

        return CollectedUtterance(form, recognise, self._timeout_s)


class LocalTextToSpeech(_Offline):
    """A neural voice, or flite or espeak-ng. `voice` is one of :func:`mediaproviders.local.speak.available_voices`.

    `pause_ms` of silence follow each text, as between two sentences. Raises ProviderError when there is no such voice.
    """

    def __init__(
        self, voice: str | None = None, workers: Workers | None = None, *, processes: int = 1, pause_ms: int = 150
    ) -> None:
        super().__init__(workers, processes)
        self._voice = speak.agent_voice(voice).name
        self._pause_ms = pause_ms

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """All that a leg can have: it converts by itself."""
        return (PCM16_24K, PCM16_16K, PCMU, PCMA, PCM16_8K)

    async def start(self) -> None:
        """Load the voice. Raises ProviderError."""
        try:
            await self.workers.say(_HELLO, self._voice, PCMU, Urgency.PREPARING)
        except BusyError:
            return

    async def speak(self, text: str, form: AudioFormat) -> AsyncIterator[bytes]:
        """`text`, made as a whole and given in pieces."""
        if not text.strip():
            return
        try:
            sound = await self.workers.say(text, self._voice, form, Urgency.FIRST_WORDS)
        except BusyError as error:
            raise _busy() from error
        size = _PIECE_MS * form.bytes_per_ms
        for begin in range(0, len(sound), size):
            yield sound[begin : begin + size]
        yield _silence(form, self._pause_ms)


def _busy() -> ProviderError:
    return ProviderError("too much is waiting to be heard and spoken", code="busy", retryable=True)


def _silence(form: AudioFormat, ms: int) -> bytes:
    octet = {"pcmu": 0xFF, "pcma": 0xD5, "pcm16": 0}[form.encoding]
    return bytes([octet]) * (form.bytes_per_ms * ms)
