"""One stream of audio being recognised. No sockets; time comes from a callback."""

import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from mediaproviders.emulators.aws import (
    ClientEvent,
    Intake,
    Refusal,
    Stream,
    encode_error,
    encode_event,
    encode_exception,
)
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.recogniser import Meter, Recogniser
from mediaproviders.emulators.speech_services.transcribe.requests import Wanted
from mediaproviders.emulators.speech_services.transcribe.settings import TranscribeSettings
from mediaproviders.emulators.speech_services.visits import Visit

MOST_CHUNK: Final = 32 * 1024
NAMES: Final = {401: "UnrecognizedClientException", 403: "AccessDeniedException", 429: "LimitExceededException"}
_MODELLED: Final = frozenset(
    {
        "BadRequestException",
        "LimitExceededException",
        "InternalFailureException",
        "ConflictException",
        "ServiceUnavailableException",
    }
)
"""Exceptions the service's model knows of in a stream."""
_IDLE: Final = "Your request timed out because no new audio was received for {:g} seconds."

type Later = Callable[[float, Callable[[], None]], Any]
"""Call something after so many seconds; what is returned has `cancel()`."""


class Recognition:
    """Takes the events of a stream and answers them."""

    def __init__(
        self,
        settings: TranscribeSettings,
        recogniser: Recogniser,
        wanted: Wanted,
        stream: Stream,
        intake: Intake,
        visit: Visit,
        later: Later,
    ) -> None:
        self._settings, self._recogniser, self._wanted = settings, recogniser, wanted
        self._stream, self._intake, self._visit, self._later = stream, intake, visit, later
        self._meter = Meter(wanted.kind)
        self._next_interim_ms = settings.interim_ms
        self._ended = False
        self._answer: Any = None
        self._idle = later(settings.idle_s, self._timed_out)

    def received(self, piece: bytes) -> None:
        """A part of the request's body."""
        try:
            for event in self._intake.feed(piece, time.time()):
                self._take(event)
        except Refusal as refusal:
            self._refuse(refusal)

    def ended(self) -> None:
        """The request's body is complete."""
        if self._stream.closed:
            return
        try:
            self._intake.finish()
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._idle.cancel()
        self._ended = True
        self._visit.asked({"language": self._wanted.language, "rate": self._wanted.rate, "ms": self._meter.length_ms})
        self._visit.note("committed")
        self._answer = self._later(self._settings.transcript_ms / 1000, self._conclude)

    def over(self) -> None:
        """Nothing follows."""
        self._idle.cancel()
        if self._answer is not None:
            self._answer.cancel()
        self._visit.note("closed")

    def _take(self, event: ClientEvent) -> None:
        if event.kind != "AudioEvent" or event.content_type != "application/octet-stream":
            raise _bad(f"A client sends AudioEvent as application/octet-stream, not {event.kind}.")
        if len(event.payload) > MOST_CHUNK or len(event.payload) % 2:
            raise _bad("Your audio chunk has to be whole samples, and at most 32 KB of them.")
        self._idle.cancel()
        self._idle = self._later(self._settings.idle_s, self._timed_out)
        self._meter.take(event.payload)
        if self._meter.length_ms > self._settings.stream_s * 1000:
            raise Refusal(429, "LimitExceededException", "Your stream is longer than the maximum session duration.")
        if self._meter.length_ms >= self._next_interim_ms:
            self._next_interim_ms += self._settings.interim_ms
            self._say([("r1", "…", True)])
        fault = self._visit.fault
        if fault is not None and fault.kind == "refuse" and 0 < fault.after_ms <= self._meter.length_ms:
            self._visit.strikes("refuse")
            raise scripted(fault)

    def _conclude(self) -> None:
        visit, stream = self._visit, self._stream
        hearing = self._recogniser.conclude(self._meter)
        if fault := visit.strikes("stall"):
            self._answer = self._later(fault.seconds, stream.end)
            return
        if visit.strikes("reset"):
            stream.abort()
            return
        if visit.strikes("truncate"):
            stream.reset()
            return
        if visit.strikes("garbage"):
            stream.write(bytes(range(256)))
        if visit.strikes("unknown_events"):
            stream.write(encode_event("DreamEvent", b"{}"))
        self._say(_finals("" if visit.strikes("empty") else hearing.text))
        visit.note("response_done", text=hearing.text)
        stream.end()

    def _say(self, results: list[tuple[str, str, bool]]) -> None:
        said = [
            {
                "ResultId": name,
                "StartTime": 0.0,
                "EndTime": self._meter.length_ms / 1000,
                "IsPartial": partial,
                "Alternatives": [{"Transcript": text, "Items": []}],
            }
            for name, text, partial in results
        ]
        self._stream.write(encode_event("TranscriptEvent", orjson.dumps({"Transcript": {"Results": said}})))

    def _timed_out(self) -> None:
        self._refuse(_bad(_IDLE.format(self._settings.idle_s)))

    def _refuse(self, refusal: Refusal) -> None:
        self._visit.note("refused", code=refusal.kind, message=refusal.message)
        if refusal.kind in _MODELLED:
            # The service's own member has a capital letter.
            self._stream.write(encode_exception(refusal.kind, refusal.message, Message=refusal.message))
        else:
            self._stream.write(encode_error(refusal.kind, refusal.message))
        self._stream.end()


def scripted(fault: Fault) -> Refusal:
    """What the fault script wants refused."""
    status = {401: 403}.get(fault.status, fault.status)
    names = {**NAMES, 503: "ServiceUnavailableException"}
    name = fault.code or names.get(fault.status, "InternalFailureException")
    return Refusal(status, name, "The emulator was told to refuse this.")


def _finals(text: str) -> list[tuple[str, str, bool]]:
    """Long turns come in two results, of which the first replaces the partial ones."""
    words = text.split(" ")
    half = (len(words) + 1) // 2 if len(words) > 3 else len(words)
    parts = [" ".join(part) for part in (words[:half], words[half:])]
    return [(f"r{number}", part, False) for number, part in enumerate(parts, 1) if part or number == 1]


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequestException", message)
