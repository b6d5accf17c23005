"""One stream of the service: client events and time in, frames out. No socket, no clock of its own."""

import binascii
import random
from typing import Any

import orjson

from mediaproviders.emulators.aws import ClientEvent, encode_error
from mediaproviders.emulators.nova import shapes
from mediaproviders.emulators.nova.blocks import Bill, Blocks
from mediaproviders.emulators.nova.grammar import Content, Grammar
from mediaproviders.emulators.nova.listening import Listening
from mediaproviders.emulators.nova.mishaps import Mishaps
from mediaproviders.emulators.nova.outbox import Effect, Finish, Outbox
from mediaproviders.emulators.nova.settings import NovaSettings
from mediaproviders.emulators.nova.shapes import Violation
from mediaproviders.emulators.nova.speaking import NEVER, Order, Speech, Surroundings, Turn
from mediaproviders.emulators.rehearsed import RehearsedSession
from mediaproviders.emulators.timeline import Timeline

_AUDIO_FIELDS = frozenset({"promptName", "contentName", "content"})


class Session(RehearsedSession[Effect]):
    """The core of the emulator. Feed it events and time; drain its effects after each call."""

    def __init__(
        self,
        settings: NovaSettings,
        speech: Speech,
        *,
        model: str,
        timeline: Timeline,
        number: int = 0,
    ) -> None:
        self._settings, self._speech, self._model = settings, speech, model
        self._generation = settings.models[model]
        self._outbox = Outbox(timeline.session)
        super().__init__(timeline, self._outbox)
        blocks = Blocks(self._outbox, Bill(self._outbox))
        self._bill = blocks.bill
        self._listening = Listening(settings, blocks, self._agenda, timeline)
        self._listening.began, self._listening.understood = self._interrupted, self._user_ended
        self._waiting: dict[str, None] = {}
        self._grammar = Grammar(self._generation, self._waiting.__contains__)
        faults = tuple(each for each in settings.faults if each.concerns(number))
        self._mishaps = Mishaps(faults, self._outbox, self._agenda, timeline, self._rearm)
        self._around = Surroundings(
            blocks,
            settings.pace,
            random.Random(f"{settings.seed}/{number}").random,
            settings.interruption,
            settings.end_turn_first,
            self._audio_sent,
            self._finished,
        )
        self._turn: Turn | None = None
        self._last: Turn | None = None
        self._armed = 0
        self._answers = 0
        self._turns = 0
        self._output_rate = 24000
        self._tools: frozenset[str] = frozenset()
        self._handlers = {
            "sessionStart": self._session_started,
            "promptStart": self._prompt_started,
            "contentStart": self._content_started,
            "sessionEnd": self._session_ended,
        }

    def open(self, now: float) -> None:
        """The stream stands: its seconds count from now."""
        self.timeline.note("session", now, model=self._model)
        self._agenda.at(now + self._settings.session_s, self._expire)
        self._agenda.at(now + self._settings.audio_timeout_s, lambda then: self._check_audio(now, then))
        self._mishaps.begin(now)

    def receive(self, event: ClientEvent, now: float) -> None:
        """One event of the client's; a wrong one ends the stream."""
        if self._outbox.closed:
            return
        try:
            self._take(event, now)
        except Violation as violation:
            self.refuse("validationException", str(violation), now)

    def refuse(self, kind: str, message: str, now: float) -> None:
        """End the stream with an exception, unless it ends already."""
        if self._outbox.closed:
            return
        self.timeline.note("refused", now, code=kind, message=message)
        self._outbox.fail(kind, message)

    def deny(self, kind: str, message: str, now: float) -> None:
        """End the stream with an error that is not in the service's model, as for a signature that is wrong."""
        if not self._outbox.closed:
            self.timeline.note("refused", now, code=kind, message=message)
            self._outbox.put(encode_error(kind, message))
            self._outbox.put(Finish())

    def request_ended(self, now: float) -> None:
        """The client will send nothing more."""
        self.refuse("validationException", "The stream ended before sessionEnd.", now)

    # --- client events ----------------------------------------------------------------------------------------------

    def _take(self, event: ClientEvent, now: float) -> None:
        if event.kind != "chunk":
            raise Violation(f"Invalid input request: no event type '{event.kind}' is known.")
        kind, fields = shapes.parsed(_unwrapped(event.payload))
        if kind == "audioInput" and fields.keys() == _AUDIO_FIELDS and isinstance(fields["content"], str):
            # The one event there are many of: its shape is checked here, by hand.
            self._grammar.audio_fits(fields["promptName"], fields["contentName"])
            self._listening.append(_audio(fields["content"]), now)
            return
        self.timeline.client_events.append((now, {kind: fields}))
        completed = self._grammar.follow(kind, fields)
        if kind in self._handlers:
            self._handlers[kind](fields, now)
        if completed is not None:
            self._completed(completed, now)

    def _session_started(self, fields: dict[str, Any], now: float) -> None:
        self._listening.configure(fields.get("turnDetectionConfiguration", {}).get("endpointingSensitivity"))

    def _prompt_started(self, fields: dict[str, Any], now: float) -> None:
        self._outbox.prompt = fields["promptName"]
        self._output_rate = fields["audioOutputConfiguration"]["sampleRateHertz"]
        tools = fields.get("toolConfiguration", {}).get("tools", ())
        self._tools = frozenset(each["toolSpec"]["name"] for each in tools)

    def _content_started(self, fields: dict[str, Any], now: float) -> None:
        if fields["type"] == "AUDIO":
            self._listening.begin(fields["audioInputConfiguration"]["sampleRateHertz"], now)

    def _session_ended(self, fields: dict[str, Any], now: float) -> None:
        self._outbox.emit("completionEnd", stopReason="END_TURN")
        self._outbox.put(Finish())

    def _completed(self, content: Content, now: float) -> None:
        self._bill.read(content.text)
        if content.kind == "TOOL" and content.call is not None:
            del self._waiting[content.call]
            self._answer(now, f"The function returned {content.text[:200]}.")
        elif content.interactive and self._generation > 1:
            # The first generation reads such a text, but is never moved to speak by it.
            self._interrupted(now)
            self._user_ended(now)

    # --- turns ------------------------------------------------------------------------------------------------------

    def _interrupted(self, now: float) -> None:
        if self._turn is not None:
            self.timeline.note("interrupted", now, response=self._turn.order.number, sent_ms=self._turn.sent_ms)
            self._turn.interrupt(now)
        elif self._last is not None and now < self._last.first_audio_at + self._last.sent_ms / 1000:
            # Sent faster than it is spoken: for the user it still is.
            self.timeline.note("interrupted", now, response=self._last.order.number, sent_ms=self._last.sent_ms)
            self._around.blocks.interrupted(self._settings.interruption, "…")
        self._last = None

    def _user_ended(self, now: float) -> None:
        self._turns += 1
        call = self._settings.tool_on_turn.get(self._turns)
        if call is not None and call[0] in self._tools:
            name, arguments = call
            encoded = orjson.dumps(arguments).decode() if self._settings.double_encoded else arguments
            self._answer(now, "", (name, encoded))
        else:
            self._answer(now)

    def _answer(self, now: float, text: str | None = None, call: tuple[str, str] | None = None) -> None:
        if self._turn is not None:
            self._turn.interrupt(now)
        if call is None:
            self._answers += 1
        number, texts = self._answers, self._settings.answer_texts
        rate = self._output_rate
        order = Order(
            number,
            text or texts[(number - 1) % len(texts)].replace("{n}", str(number)),
            self._speech.pieces(max(0, number - 1), rate) if call is None else (),
            rate,
            call,
            self._mishaps.empties(number),
        )
        turn = self._turn = Turn(order, self._around)
        self.timeline.note("response_created", now, response=number, number=number)
        turn.start(now)
        if call is None:
            self._mishaps.watch(turn, now)
        self._rearm(turn)

    def _rearm(self, turn: Turn) -> None:
        """See to it that `turn` goes on when it is due, after its due time changed."""
        if turn.due == NEVER:
            return
        self._armed += 1
        token = self._armed

        def step(now: float) -> None:
            if self._armed == token and turn is self._turn:
                turn.advance(now)
                self._rearm(turn)

        self._agenda.at(turn.due, step)

    def _audio_sent(self, turn: Turn, now: float) -> None:
        pieces, details = turn.order.pieces, {"response": turn.order.number, "sent_ms": turn.sent_ms}
        if turn.sent_ms == pieces[0].ms:
            self.timeline.note("first_delta", now, **details)
        if turn.sent_ms == sum(each.ms for each in pieces):
            self.timeline.note("last_delta", now, **details)
        self._mishaps.watch(turn, now)

    def _finished(self, turn: Turn, now: float) -> None:
        self.timeline.note("response_done", now, response=turn.order.number, status=turn.status, sent_ms=turn.sent_ms)
        if turn.use is not None:
            self._waiting[turn.use] = None
        if turn is self._turn:
            self._turn, self._last = None, turn if turn.status == "completed" else None

    # --- ends -------------------------------------------------------------------------------------------------------

    def _expire(self, now: float) -> None:
        self.timeline.note("fault", now, fault="expired")
        if self._settings.session_end == "exception":
            self._outbox.fail("modelTimeoutException", "The stream has reached its longest duration.")
        self._outbox.put(Finish())

    def _check_audio(self, since: float, now: float) -> None:
        last = max(since, self._listening.heard_at or since)
        due = last + self._settings.audio_timeout_s
        if now < due:
            self._agenda.at(due, lambda then: self._check_audio(since, then))
            return
        seconds = self._settings.audio_timeout_s
        self.refuse("validationException", f"Timed out waiting for audio bytes ({seconds:g} seconds).", now)


def _unwrapped(payload: bytes) -> bytes:
    try:
        return binascii.a2b_base64(orjson.loads(payload)["bytes"], strict_mode=True)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise Violation("Invalid event bytes") from None


def _audio(content: str) -> bytes:
    try:
        return binascii.a2b_base64(content, strict_mode=True)
    except ValueError:
        raise Violation("Invalid input request: the content of audioInput is not base64.") from None
