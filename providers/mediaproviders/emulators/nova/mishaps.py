"""The fault script at work in one session."""

from collections.abc import Callable

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.aws import encode_error, encode_event
from mediaproviders.emulators.nova.faults import Fault
from mediaproviders.emulators.nova.outbox import Finish, Outbox, StopReading, frame
from mediaproviders.emulators.nova.speaking import Turn
from mediaproviders.emulators.script import Script
from mediaproviders.emulators.timeline import Timeline

GARBAGE = bytes(range(255, -1, -1))
_FLIPPED = -5


class Mishaps:
    """Strikes when the script says so."""

    def __init__(
        self,
        faults: tuple[Fault, ...],
        outbox: Outbox,
        agenda: Agenda,
        timeline: Timeline,
        rearm: Callable[[Turn], None],
    ) -> None:
        self._outbox, self._agenda, self._timeline, self._rearm = outbox, agenda, timeline, rearm
        self._script = Script(faults)
        self._turn: Turn | None = None

    def begin(self, now: float) -> None:
        """The session is open: its seconds count from now."""
        self._script.begin(self._agenda, now, self._strike)

    def empties(self, number: int) -> bool:
        """The nth answer is to be empty."""
        return any(each.kind == "empty" for each in self._script.of_answer(number))

    def watch(self, turn: Turn, now: float) -> None:
        """A turn began, or went on."""
        self._turn = turn
        for fault in self._script.due(turn.order.number, turn.sent_ms):
            self._strike(fault, now)

    def _strike(self, fault: Fault, now: float) -> None:
        self._timeline.note("fault", now, fault=fault.kind)
        outbox, turn = self._outbox, self._turn
        match fault.kind:
            case "garbage":
                for nonsense in (GARBAGE, b'{"event":{"audioOutput":{"content":"//7', b"[]", b"null"):
                    outbox.put(frame(nonsense))
            case "bad_frame":
                good = bytearray(frame(b"{}"))
                good[_FLIPPED] ^= 0xFF
                outbox.put(bytes(good))
            case "wrong_order":
                self._disorder()
            case "unknown_event":
                outbox.emit("dreamOutput", content="zzz")
            case "unknown_type":
                outbox.put(encode_event("dream", b'{"bytes":"e30="}'))
            case "exception":
                outbox.fail(fault.code, fault.message)
            case "error":
                outbox.put(encode_error(fault.code, fault.message))
                outbox.put(Finish())
            case "end" | "reset" | "abort" | "go_away" as how:
                outbox.put(Finish(how))
            case "mute":
                outbox.muted = True
            case "stop_reading":
                outbox.put(StopReading(fault.seconds))
            case "stall" if turn is not None:
                turn.hold(fault.seconds)
                self._rearm(turn)
            case "flood" if turn is not None:
                turn.flood(fault.seconds)
                self._rearm(turn)
            case _:
                pass

    def _disorder(self) -> None:
        """The end before the beginning, audio and text of blocks that were never opened."""
        emit = self._outbox.emit
        emit("contentEnd", contentId="never-opened", type="AUDIO", stopReason="PARTIAL_TURN")
        emit("audioOutput", contentId="never-opened", content="AAAA", role="ASSISTANT")
        emit("textOutput", contentId="never-opened-either", content="Ghost.", role="ASSISTANT")
        emit("contentStart", contentId="never-closed", type="TEXT", role="ASSISTANT")
        emit("completionEnd", stopReason="END_TURN")
