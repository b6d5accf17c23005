"""One realtime session: client events and time in, server events out. No socket, no clock of its own."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.openai import validation
from mediaproviders.emulators.openai.beta import BetaDialect
from mediaproviders.emulators.openai.configuration import default_session, kind_of, updated
from mediaproviders.emulators.openai.conversation import Conversation, Item
from mediaproviders.emulators.openai.dialects import CurrentDialect, Dialect
from mediaproviders.emulators.openai.listening import Listening
from mediaproviders.emulators.openai.mishaps import Mishaps
from mediaproviders.emulators.openai.outbox import Outbox
from mediaproviders.emulators.openai.refusal import Refusal
from mediaproviders.emulators.openai.responding import Responding
from mediaproviders.emulators.openai.response import Response
from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.openai.xai import FORCE_MESSAGE, XAIDialect
from mediaproviders.emulators.rehearsed import RehearsedSession
from mediaproviders.emulators.speech import BYTES_PER_MS
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.websocket import Close, Data, Effect

APPEND = "input_audio_buffer.append"
_APPEND_FIELDS = frozenset({"type", "audio", "event_id"})
DIALECTS: Final[Mapping[str, Callable[[], Dialect]]] = {
    "openai": CurrentDialect,
    "azure": CurrentDialect,
    "azure-preview": BetaDialect,
    "xai": XAIDialect,
}


class Session(RehearsedSession[Effect]):
    """The core of the emulator. Feed it frames and time; drain its effects after each call."""

    def __init__(
        self,
        settings: EmulatorSettings,
        answers: Answers,
        *,
        model: str,
        ids: Callable[[str], str],
        timeline: Timeline,
        expires_at: int,
        connection: int = 0,
    ) -> None:
        self._settings = settings
        self._ids = ids
        self._dialect = DIALECTS[settings.dialect]()
        self._outbox = Outbox(ids, self._dialect)
        super().__init__(timeline, self._outbox)
        self._conversation = Conversation()
        self._configuration = default_session(timeline.session, model, expires_at, settings.service.defaults)
        jitter = random.Random(f"{settings.seed}/{connection}").random
        shared = (self._outbox, self._agenda, self._conversation, timeline, ids)
        self._responding = Responding(settings, answers, *shared, jitter)
        self._listening = Listening(settings, *shared, self._configuration["audio"]["input"])
        faults = tuple(each for each in settings.faults if each.concerns(connection))
        self._mishaps = Mishaps(faults, self._outbox, self._agenda, self._responding, timeline, self._expire)
        self._listening.began = self._user_began
        self._listening.ended = self._user_ended
        self._responding.ended = self._response_ended
        limits = settings.service.limits
        self._limits = replace(limits, voices=limits.voices | settings.voices)
        self._handlers: dict[str, Callable[[dict[str, Any], float], None]] = {
            "session.update": self._update,
            "input_audio_buffer.commit": lambda event, now: self._listening.commit(now),
            "input_audio_buffer.clear": lambda event, now: self._listening.clear(),
            "output_audio_buffer.clear": self._clear_output,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": lambda event, now: self._responding.cancel(event.get("response_id"), now),
        }

    def open(self, now: float) -> None:
        """The connection stands: greet the client and start the session's clock."""
        self.timeline.note("session", now, model=self._configuration["model"])
        self._outbox.emit("session.created", session=self._configuration)
        self._agenda.at(now + self._settings.lifetime_s, self._expire)
        if self._settings.dialect == "xai":
            self._agenda.at(now + self._settings.ping_s, self._ping)
        self._mishaps.begin(now)

    def receive_binary(self, frame: Data, now: float) -> None:
        """A binary frame from the client: it is refused, whatever is in it."""
        self._refuse(Refusal("invalid_frame", "Binary frames are not accepted; send JSON text."), None, now)

    def receive(self, frame: Data, now: float) -> None:
        """A text frame from the client, decoded or not; what is wrong with it is answered by an `error` event."""
        if self._outbox.closed:
            return
        event_id: str | None = None
        try:
            event = validation.parsed(frame)
            named = event.get("event_id")
            event_id = named if isinstance(named, str) else None
            if event.get("type") == APPEND and event.keys() <= _APPEND_FIELDS and "audio" in event:
                # The one event there are fifty of a second: its shape is checked here, by hand.
                self._listening.append(validation.audio_bytes(event["audio"], "audio"), now)
                return
            self._dispatch(event, now)
        except Refusal as refusal:
            self._refuse(refusal, event_id, now)

    def _dispatch(self, event: dict[str, Any], now: float) -> None:
        self.timeline.client_events.append((now, event))
        event = self._dialect.hear(event)
        try:
            validation.check_values(event, self._limits)
            self._handlers[event["type"]](event, now)
        except Refusal as refusal:
            refusal.param = self._dialect.parameter(refusal.param)
            raise

    def _refuse(self, refusal: Refusal, event_id: str | None, now: float) -> None:
        self.timeline.note("refused", now, code=refusal.code, param=refusal.param)
        self._outbox.emit("error", error=refusal.body(event_id))

    # --- client events ----------------------------------------------------------------------------------------------

    def _update(self, event: dict[str, Any], now: float) -> None:
        responding = self._responding
        self._configuration = updated(
            self._configuration,
            event["session"],
            has_spoken=responding.has_spoken,
            is_responding=responding.active is not None,
        )
        self._listening.configure(self._configuration["audio"]["input"])
        self._outbox.emit("session.updated", session=self._configuration)

    def _clear_output(self, event: dict[str, Any], now: float) -> None:
        raise Refusal("invalid_value", f"'{event['type']}' is for WebRTC and SIP sessions only.", "type")

    def _create_item(self, event: dict[str, Any], now: float) -> None:
        given = event["item"]
        if given["type"] == FORCE_MESSAGE:
            self._force_message(given, now)
            return
        body = {"id": self._ids("item"), "object": "realtime.item", "status": "completed", **given}
        item = Item(body)
        if body["type"] == "message":
            encoded = sum(len(part.get("audio", "")) for part in body["content"])
            kind = kind_of(self._configuration["audio"]["input"]["format"])
            item.audio_ms = encoded * 3 / 4 / BYTES_PER_MS[kind]
            # Like the service, it tells of an item's audio but does not send it back.
            body["content"] = [{name: part[name] for name in part if name != "audio"} for part in body["content"]]
            item.has_audio = encoded > 0
        previous = self._conversation.insert(item, event.get("previous_item_id"))
        if body["type"] == "message" and body["role"] == "user":
            self._listening.turns += 1
        self._outbox.emit("conversation.item.added", previous_item_id=previous, item=body)
        self._outbox.emit("conversation.item.done", previous_item_id=previous, item=body)

    def _force_message(self, given: dict[str, Any], now: float) -> None:
        text = "".join(part.get("text", "") for part in given["content"])
        self._listening.stop_waiting()
        self._responding.create(self._configuration, {}, self._listening.turns, now, text=text)
        self._listening.deaf = not given.get("interruptible", True)

    def _retrieve_item(self, event: dict[str, Any], now: float) -> None:
        item = self._conversation.get(event["item_id"], "retrieve")
        self._outbox.emit("conversation.item.retrieved", item=item.body)

    def _delete_item(self, event: dict[str, Any], now: float) -> None:
        self._conversation.delete(event["item_id"])
        self._outbox.emit("conversation.item.deleted", item_id=event["item_id"])

    def _truncate_item(self, event: dict[str, Any], now: float) -> None:
        item_id, end_ms = event["item_id"], event["audio_end_ms"]
        self.timeline.note("truncate", now, item=item_id, audio_end_ms=end_ms)
        self._conversation.truncate(item_id, end_ms)
        self._outbox.emit("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=end_ms)

    def _create_response(self, event: dict[str, Any], now: float) -> None:
        self._listening.stop_waiting()
        self._responding.create(self._configuration, event.get("response", {}), self._listening.turns, now)

    # --- turns ------------------------------------------------------------------------------------------------------

    def _detection(self) -> dict[str, Any]:
        detection = self._configuration["audio"]["input"]["turn_detection"]
        return dict(detection) if detection is not None else {}

    def _user_began(self, now: float) -> None:
        if self._detection().get("interrupt_response"):
            self._responding.interrupt(now)

    def _user_ended(self, now: float) -> None:
        if self._detection().get("create_response"):
            self._answer(now)

    def _answer(self, now: float) -> None:
        try:
            self._responding.create(self._configuration, {}, self._listening.turns, now)
        except Refusal as refusal:
            self._refuse(refusal, None, now)

    def _response_ended(self, response: Response, now: float) -> None:
        self._listening.deaf = False
        timeout_ms = self._detection().get("idle_timeout_ms")
        if timeout_ms is None or response.order.call is not None or response.status != "completed":
            return
        # The user's silence counts from the moment the answer has been played.
        played_s = max(0.0, response.sent_ms / 1000 - (now - response.first_audio_at)) if response.sent_ms else 0.0
        self._listening.wait_for_user(timeout_ms / 1000, now + played_s + timeout_ms / 1000, self._answer)

    def _expire(self, now: float) -> None:
        minutes = self._settings.lifetime_s / 60
        message = f"Your session hit the maximum duration of {minutes:g} minutes."
        self._refuse(Refusal("session_expired", message), None, now)
        self._outbox.put(Close(1001, "session expired"))

    def _ping(self, now: float) -> None:
        self._outbox.emit("ping", timestamp=round(now * 1000))
        self._agenda.at(now + self._settings.ping_s, self._ping)
