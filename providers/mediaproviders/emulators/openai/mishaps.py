"""The fault script at work in one session."""

from collections.abc import Callable

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.openai.faults import Fault
from mediaproviders.emulators.openai.outbox import Outbox
from mediaproviders.emulators.openai.responding import Responding
from mediaproviders.emulators.openai.response import Response
from mediaproviders.emulators.script import Script
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.websocket import Close, Reset, StopReading

GARBAGE = bytes(range(255, -1, -1)) * 4
NOT_JSON = "<html><body><h1>502 Bad Gateway</h1></body></html>"
TRUNCATED_JSON = '{"type":"response.output_audio.delta","event_id":"event_0","delta":"//7+/v'

TOLD = "The emulator was told to err."
MESSAGES = {
    "invalid_api_key": "Incorrect API key provided: it has expired.",
    "insufficient_quota": "You have run out of credits; check your plan and billing details.",
    "rate_limit_exceeded": "Rate limit reached; try again later.",
}
LOUD = "gIAAAICA"
"""A little audio, in base64."""


class Mishaps:
    """Strikes when the script says so."""

    def __init__(
        self,
        faults: tuple[Fault, ...],
        outbox: Outbox,
        agenda: Agenda,
        responding: Responding,
        timeline: Timeline,
        expire: Callable[[float], None],
    ) -> None:
        self._outbox = outbox
        self._responding = responding
        self._timeline = timeline
        self._agenda = agenda
        self._expire = expire
        self._script = Script(faults)
        if any(each.on_turn is not None for each in faults):
            responding.watchers.append(self._watch)

    def begin(self, now: float) -> None:
        """The session is open: its seconds count from now."""
        self._script.begin(self._agenda, now, lambda fault, then: self._strike(fault, None, then))

    def _watch(self, response: Response, now: float) -> None:
        for fault in self._script.due(response.order.number, response.reached_ms):
            self._strike(fault, response, now)

    def _strike(self, fault: Fault, response: Response | None, now: float) -> None:
        self._timeline.note("fault", now, fault=fault.kind)
        outbox = self._outbox
        match fault.kind:
            case "close":
                outbox.put(Close(fault.code, "as told by the fault script"))
            case "reset":
                outbox.put(Reset())
            case "expire":
                self._expire(now)
            case "binary_garbage":
                outbox.put(GARBAGE)
            case "not_json":
                outbox.put(NOT_JSON)
            case "truncated_json":
                outbox.put(TRUNCATED_JSON)
            case "unknown_event":
                outbox.emit("response.dream.delta", delta="zzz")
            case "stop_reading":
                outbox.put(StopReading(fault.seconds))
            case "mute":
                outbox.muted = True
            case "error":
                told = MESSAGES.get(fault.error_code, TOLD)
                error = {"type": "server_error", "code": fault.error_code, "message": told}
                outbox.emit("error", error={**error, "param": None, "event_id": None})
            case _:
                self._strike_response(fault, response or self._responding.active, now)

    def _strike_response(self, fault: Fault, response: Response | None, now: float) -> None:
        if response is None:
            return
        match fault.kind:
            case "fail_response":
                response.fail(fault.error_code, now)
            case "stall":
                response.hold(fault.seconds)
            case "flood":
                response.flood(fault.seconds)
            case "empty_answer":
                response.end_empty(now)
            case "wrong_order":
                self._outbox.emit_audio("resp_never_announced", "item_never_announced", LOUD)
                response.end_early()
        self._responding.rearm(response)
