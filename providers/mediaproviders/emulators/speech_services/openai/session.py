"""One live transcription session: client events in, answers out. No sockets, no clock."""

import base64
import binascii
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from mediaproviders.emulators.speech_services.openai.refusal import Refusal, invalid, missing, unknown
from mediaproviders.emulators.speech_services.openai.requests import LEAST_MS, TRANSCRIPTION_MODELS
from mediaproviders.emulators.speech_services.recogniser import Hearing, Meter, Recogniser

_FORMATS: Final = ("audio/pcm", "audio/pcmu", "audio/pcma")
_INPUT: Final = frozenset({"format", "transcription", "turn_detection", "noise_reduction"})
_TRANSCRIPTION: Final = frozenset({"model", "language", "prompt", "delay"})

type Event = dict[str, Any]


class Session:
    """A session of `intent=transcription`; `model_of` gives OpenAI's name of a model."""

    def __init__(self, recogniser: Recogniser, model_of: Callable[[str], str | None]) -> None:
        self._recogniser = recogniser
        self._model_of = model_of
        self._ids = itertools.count(1)
        self._meter = Meter("audio/pcm")
        self._kind = "audio/pcm"
        self._heard: tuple[str, Hearing] | None = None
        self.configured: Event = {}
        """What the client asked for."""

    def opened(self) -> bytes:
        """What the service begins with."""
        return self._event("session.created", session={"type": "transcription", "id": "sess_1"})

    def receive(self, message: str | bytes) -> Iterator[bytes]:
        """The answers to one client event; a refused one is answered with an error."""
        event_id: object = None
        try:
            event = _parsed(message)
            event_id = event.get("event_id")
            yield from self._handle(event)
        except Refusal as refusal:
            error = {**refusal.body()["error"], "event_id": event_id}
            yield self._event("error", error=error)

    def transcribed(self, *, empty: bool = False) -> Iterator[bytes]:
        """The text of the turn committed last."""
        assert self._heard is not None
        item, hearing = self._heard
        text = "" if empty else hearing.text
        name = "conversation.item.input_audio_transcription"
        for word in text.split():
            yield self._event(f"{name}.delta", item_id=item, content_index=0, delta=f"{word} ")
        usage = {"type": "duration", "seconds": hearing.length_ms / 1000}
        yield self._event(f"{name}.completed", item_id=item, content_index=0, transcript=text, usage=usage)

    def _handle(self, event: Event) -> Iterator[bytes]:
        match event.get("type"):
            case "session.update":
                self._configure(event.get("session"))
                yield self._event("session.updated", session={"type": "transcription", **self.configured})
            case "input_audio_buffer.append":
                self._append(event.get("audio"))
            case "input_audio_buffer.commit":
                yield self._commit()
            case "input_audio_buffer.clear":
                self._meter = Meter(self._kind)
                yield self._event("input_audio_buffer.cleared")
            case None:
                raise missing("type")
            case other:
                raise invalid("type", f"Invalid value: '{other}' is no event of a transcription session.")

    def _configure(self, session: Any) -> None:
        if not isinstance(session, dict) or session.get("type") != "transcription":
            raise invalid("session.type", "Invalid value for 'session.type': expected 'transcription'.")
        for name in session.keys() - {"type", "audio", "include"}:
            raise unknown(f"session.{name}")
        given = session.get("audio", {}).get("input", {})
        for name in given.keys() - _INPUT:
            raise unknown(f"session.audio.input.{name}")
        kind = given.get("format", {"type": "audio/pcm", "rate": 24000})
        if kind.get("type") not in _FORMATS or (kind["type"] == "audio/pcm" and kind.get("rate") != 24000):
            raise invalid("session.audio.input.format", f"Unsupported format: {kind}.")
        transcription = given.get("transcription") or {}
        for name in transcription.keys() - _TRANSCRIPTION:
            raise unknown(f"session.audio.input.transcription.{name}")
        if self._model_of(transcription.get("model", "")) not in TRANSCRIPTION_MODELS:
            raise invalid("session.audio.input.transcription.model", "The model does not exist.")
        if given.get("turn_detection") is not None:
            raise invalid("session.audio.input.turn_detection", "This emulator takes committed turns alone.")
        self._kind = kind["type"]
        self._meter = Meter(self._kind)
        self.configured = {"audio": {"input": given}}

    def _append(self, audio: Any) -> None:
        if not self.configured:
            raise Refusal(400, "session_not_configured", "The session has no transcription yet.", "session")
        try:
            self._meter.take(base64.b64decode(audio, validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise invalid("audio", "Invalid 'audio': expected base64-encoded audio bytes.") from None

    def _commit(self) -> bytes:
        if self._meter.length_ms < LEAST_MS:
            said = f"Error committing input audio buffer: buffer too small, {self._meter.length_ms:.2f}ms of audio."
            raise Refusal(400, "input_audio_buffer_commit_empty", said)
        item = f"item_{next(self._ids)}"
        self._heard = item, self._recogniser.conclude(self._meter)
        self._meter = Meter(self._kind)
        return self._event("input_audio_buffer.committed", item_id=item, previous_item_id=None)

    def _event(self, kind: str, **fields: object) -> bytes:
        return orjson.dumps({"type": kind, "event_id": f"event_{next(self._ids)}", **fields})


def _parsed(message: str | bytes) -> Event:
    try:
        event = orjson.loads(message)
    except ValueError:
        event = None
    if not isinstance(event, dict) or isinstance(message, bytes):
        raise Refusal(400, "invalid_json", "An event has to be a JSON object in a text message.")
    return event
