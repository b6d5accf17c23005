"""An emulated session in virtual time."""

import base64
import itertools
import json
from typing import Any

from openai.types.beta.realtime import realtime_server_event as beta_server_event
from openai.types.realtime import realtime_server_event
from pydantic import TypeAdapter

from mediacodecs.g711 import PCMA, PCMU
from mediaproviders.emulators.answers import Answers, babble
from mediaproviders.emulators.openai import EmulatorSettings, Pace, Timeline
from mediaproviders.emulators.openai.session import Session
from mediaproviders.emulators.websocket import Effect

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(realtime_server_event.RealtimeServerEvent)
BETA_SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(beta_server_event.RealtimeServerEvent)
BETA_FORMATS = {"audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw", "audio/pcm": "pcm16"}
# What the SDK's types leave out: a session has more than they say.
UNTYPED = ("session.created", "session.updated", "response.dream.delta")
ENCODE = {"audio/pcmu": PCMU.encode, "audio/pcma": PCMA.encode, "audio/pcm": lambda pcm: pcm.tobytes()}
QUICK = Pace(first_audio_ms=100.0, rate=5.0)


class Rehearsal:
    def __init__(self, settings: EmulatorSettings | None = None, kind: str = "audio/pcmu", connection: int = 0) -> None:
        self.settings = settings or EmulatorSettings(pace=QUICK, answer_ms=1000)
        self.answers = Answers(
            self.settings.pace, wav=self.settings.answer_wav, duration_ms=self.settings.answer_ms, seed=1
        )
        numbers = itertools.count(1)
        self.timeline = Timeline("sess_1", "call-1", 1000, lambda entry: None)
        self.session = Session(
            self.settings,
            self.answers,
            model="gpt-realtime",
            ids=lambda prefix: f"{prefix}_{next(numbers)}",
            timeline=self.timeline,
            expires_at=1,
            connection=connection,
        )
        self.now = 1000.0
        self.kind = kind
        self.effects: list[Effect] = []
        self.session.open(self.now)
        self.opening = self.drain()
        formats = {"format": {"type": kind}}
        if self.beta:
            self.configure(input_audio_format=BETA_FORMATS[kind], output_audio_format=BETA_FORMATS[kind])
        else:
            self.configure(audio={"input": formats, "output": formats})

    @property
    def beta(self) -> bool:
        return self.settings.dialect == "azure-preview"

    def configure(self, **changes: Any) -> list[dict[str, Any]]:
        return self.send("session.update", session=changes if self.beta else {"type": "realtime", **changes})

    def detection(self, **changes: Any) -> list[dict[str, Any]]:
        return self.configure(audio={"input": {"turn_detection": {"type": "server_vad", **changes}}})

    def drain(self) -> list[dict[str, Any]]:
        effects = self.session.effects()
        self.effects += effects
        events = [json.loads(each) for each in effects if isinstance(each, str) and each.endswith("}")]
        for event in events:
            # Every event is one the SDK knows, field by field; there is none that knows xAI's.
            if self.settings.dialect != "xai" and event["type"] not in UNTYPED:
                parsed = (BETA_SERVER_EVENT if self.beta else SERVER_EVENT).validate_python(event)
                assert parsed.type == event["type"]
                assert not parsed.model_extra, parsed.model_extra
        return events

    def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        self.session.receive(json.dumps({"type": kind, **fields}), self.now)
        return self.drain()

    def refusal(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The one error that answers this event, with the event's id echoed."""
        events = self.send(kind, event_id="mine", **fields)
        assert [each["type"] for each in events] == ["error"], events
        error: dict[str, Any] = events[0]["error"]
        assert error["event_id"] == "mine"
        assert error["type"] == "invalid_request_error"
        return error

    def refused_update(self, **changes: Any) -> tuple[str, str]:
        session = changes if self.beta else {"type": "realtime", **changes}
        error = self.refusal("session.update", session=session)
        return error["code"], error["param"]

    def run(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass, waking at every deadline."""
        end, events = self.now + seconds, []
        while (due := self.session.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
            events += self.drain()
        self.now = end
        return events

    def hear(self, audio: bytes, step_ms: int = 20) -> list[dict[str, Any]]:
        """Send audio in real time."""
        size = {"audio/pcmu": 8, "audio/pcma": 8, "audio/pcm": 48}[self.kind] * step_ms
        events = []
        for offset in range(0, len(audio), size):
            events += self.append(audio[offset : offset + size])
            events += self.run(step_ms / 1000)
        return events

    def append(self, audio: bytes) -> list[dict[str, Any]]:
        return self.send("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    def speech(self, ms: int, gain: float = 1.0) -> bytes:
        rate = 24000 if self.kind == "audio/pcm" else 8000
        pcm = (babble(99, 3000, rate)[: ms * rate // 1000] * gain).astype("<i2")
        return bytes(ENCODE[self.kind](pcm))

    def silence(self, ms: int) -> bytes:
        return {"audio/pcmu": b"\xff" * 8, "audio/pcma": b"\xd5" * 8, "audio/pcm": bytes(48)}[self.kind] * ms

    def turn(self, ms: int = 500) -> list[dict[str, Any]]:
        """The user speaks and waits until the turn is over."""
        return self.hear(self.speech(ms)) + self.hear(self.silence(520))


def types(events: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in events]


def only(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in events if each["type"] == kind]


def one(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found = only(events, kind)
    assert len(found) == 1, (kind, types(events))
    return found[0]


def audio_of(events: list[dict[str, Any]]) -> bytes:
    kinds = ("response.output_audio.delta", "response.audio.delta")
    return b"".join(base64.b64decode(each["delta"]) for each in events if each["type"] in kinds)
