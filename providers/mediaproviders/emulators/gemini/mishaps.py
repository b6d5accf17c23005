"""The fault script at work in one session."""

from collections.abc import Callable

import orjson

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.gemini.answer import Saying
from mediaproviders.emulators.gemini.answering import Answering
from mediaproviders.emulators.gemini.faults import Fault
from mediaproviders.emulators.gemini.outbox import Outbox
from mediaproviders.emulators.script import Script
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.websocket import Close, Reset, StopReading

GARBAGE = bytes(range(255, -1, -1)) * 4
NOT_JSON = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
TRUNCATED_JSON = b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"//7'


class Mishaps:
    """Strikes when the script says so."""

    def __init__(
        self,
        faults: tuple[Fault, ...],
        outbox: Outbox,
        agenda: Agenda,
        answering: Answering,
        timeline: Timeline,
        leave: Callable[[float, float], None],
    ) -> None:
        self._outbox = outbox
        self._agenda = agenda
        self._answering = answering
        self._timeline = timeline
        self._leave = leave
        self._script = Script(faults)
        if any(each.on_turn is not None for each in faults):
            answering.watchers.append(self._watch)

    def begin(self, now: float) -> None:
        """The session is open: its seconds count from now."""
        self._script.begin(self._agenda, now, self._strike)

    def _watch(self, saying: Saying, now: float) -> None:
        for fault in self._script.due(saying.number, saying.sent_ms):
            self._strike(fault, now)

    def _strike(self, fault: Fault, now: float) -> None:
        self._timeline.note("fault", now, fault=fault.kind)
        for _ in range(fault.times):
            self._once(fault, now)

    def _once(self, fault: Fault, now: float) -> None:
        outbox, answering = self._outbox, self._answering
        match fault.kind:
            case "close":
                outbox.put(Close(fault.code, fault.reason))
            case "reset":
                outbox.put(Reset())
            case "go_away":
                self._leave(fault.seconds, now)
            case "interrupted":
                answering.interrupt(now, forced=True)
                answering.rearm()
            case "stall":
                answering.hold(fault.seconds)
            case "stop_reading":
                outbox.put(StopReading(fault.seconds))
            case "flood":
                answering.flood(fault.seconds, now)
            case "mute":
                outbox.muted = True
            case "empty":
                answering.empty(now)
            case _:
                self._send(fault)

    def _send(self, fault: Fault) -> None:
        outbox = self._outbox
        match fault.kind:
            case "binary_garbage":
                outbox.put(GARBAGE)
            case "not_json":
                outbox.put(outbox.frame(NOT_JSON))
            case "truncated_json":
                outbox.put(outbox.frame(TRUNCATED_JSON))
            case "unknown_event":
                outbox.emit(dreamUpdate={"sheep": 42})
            case "unknown_field":
                outbox.content(mood="curious", modelTurn={"parts": [{"executableCode": {"code": "1"}}]})
            case "wrong_order":
                outbox.put(outbox.frame(orjson.dumps({"serverContent": {"turnComplete": True}})))
                outbox.content(generationComplete=True)
                outbox.content(outputTranscription={"text": "Late."})
            case _:
                pass
