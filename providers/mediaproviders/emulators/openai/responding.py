"""Which response a session gives when, and that there is only one at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.openai.configuration import for_response, kind_of
from mediaproviders.emulators.openai.conversation import Conversation, tokens_of_text
from mediaproviders.emulators.openai.outbox import Outbox
from mediaproviders.emulators.openai.refusal import Refusal
from mediaproviders.emulators.openai.response import NEVER, Order, Response, Surroundings
from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.timeline import Timeline

RATE_LIMITS = [
    {"name": "requests", "limit": 5000, "remaining": 4999, "reset_seconds": 0.012},
    {"name": "tokens", "limit": 400000, "remaining": 399000, "reset_seconds": 0.15},
]


class Responding:
    """The responses of one session."""

    def __init__(
        self,
        settings: EmulatorSettings,
        answers: Answers,
        outbox: Outbox,
        agenda: Agenda,
        conversation: Conversation,
        timeline: Timeline,
        ids: Callable[[str], str],
        jitter: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._answers = answers
        self._outbox = outbox
        self._agenda = agenda
        self._conversation = conversation
        self._timeline = timeline
        self._around = Surroundings(
            outbox,
            conversation,
            ids("conv"),
            ids,
            settings.pace,
            jitter,
            self._audio_sent,
            self._words_sent,
            self._finished,
        )
        self._beside: list[Response] = []
        self._armed: dict[str, int] = {}
        self._last_input = 0
        self._calls_made: set[int] = set()
        self.active: Response | None = None
        """The one response of the conversation that is under way."""
        self.count = 0
        """Responses so far."""
        self.has_spoken = False
        """Audio has been sent: the voice is settled."""
        self.watchers: list[Callable[[Response, float], None]] = []
        """Told when a response is created and after each piece of its audio."""
        self.ended: Callable[[Response, float], None] = lambda response, now: None
        """Told when a response of the conversation is over."""

    def create(
        self, session: dict[str, Any], overrides: dict[str, Any], turn: int, now: float, *, text: str | None = None
    ) -> None:
        """Begin a response. `turn`: the user's turns so far; `text`: what it has to say. Raises Refusal."""
        in_conversation = overrides.get("conversation", "auto") != "none"
        if in_conversation and self.active is not None:
            raise Refusal(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        for index, item in enumerate(overrides.get("input", ())):
            if item.get("type") == "item_reference" and item["id"] not in self._conversation:
                raise Refusal("invalid_value", f"Item with id '{item['id']}' not found.", f"response.input[{index}].id")
        configuration = for_response(session, overrides, has_spoken=self.has_spoken)
        self.count += 1
        order = self._order(configuration, overrides, turn, in_conversation)
        response = Response(order if text is None else replace(order, text=text, call=None), self._around)
        if in_conversation:
            self.active = response
        else:
            self._beside.append(response)
        self._timeline.note("response_created", now, response=response.id, number=response.order.number)
        response.start(now)
        for watcher in self.watchers:
            watcher(response, now)
        self.rearm(response)

    def cancel(self, response_id: str | None, now: float) -> None:
        """The client stops a response, by default the active one. Raises Refusal."""
        running = [each for each in (self.active, *self._beside) if each is not None]
        chosen = [each for each in running if each.id == response_id] if response_id else running[:1]
        if not chosen or chosen[0].status == "cancelled":
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found", "response_id")
        self._stop(chosen[0], "client_cancelled", now)

    def interrupt(self, now: float) -> None:
        """The user began to speak: the active response stops, if there is one."""
        if self.active is not None and self.active.status != "cancelled":
            self._timeline.note("interrupted", now, response=self.active.id, sent_ms=self.active.sent_ms)
            self._stop(self.active, "turn_detected", now)

    def rearm(self, response: Response) -> None:
        """See to it that `response` goes on when it is due, after its due time changed."""
        if response.due == NEVER:
            return
        token = self._armed[response.id] = self._armed.get(response.id, 0) + 1

        def step(now: float) -> None:
            if self._armed.get(response.id) == token:
                response.advance(now)
                self.rearm(response)

        self._agenda.at(response.due, step)

    def _stop(self, response: Response, reason: str, now: float) -> None:
        self._timeline.note("cancel", now, response=response.id, reason=reason, sent_ms=response.sent_ms)
        settings = self._settings
        response.cancel(reason, settings.late_ms, settings.settle_ms / 1000, settings.late_after_done, now)
        self.rearm(response)

    # --- what is said -----------------------------------------------------------------------------------------------

    def _order(
        self, configuration: dict[str, Any], overrides: dict[str, Any], turn: int, in_conversation: bool
    ) -> Order:
        call = self._call(configuration, turn) if in_conversation else None
        answer = None
        if configuration["output_modalities"] == ["audio"]:
            answer = self._answers.answer(self.count - 1, kind_of(configuration["audio"]["output"]["format"]))
        return Order(
            number=self.count,
            configuration=configuration,
            text=self._text(),
            answer=answer,
            call=call,
            in_conversation=in_conversation,
            metadata=overrides.get("metadata"),
            input_tokens=self._input_tokens(configuration),
        )

    def _call(self, configuration: dict[str, Any], turn: int) -> tuple[str, str] | None:
        """The function this turn is answered with: as scripted, or forced by the client's tool choice."""
        declared = {tool.get("name") for tool in configuration["tools"]}
        choice = configuration["tool_choice"]
        if choice == "none":
            return None
        if isinstance(choice, dict) and choice.get("type") == "function":
            return str(choice["name"]), "{}"
        scripted = self._settings.tool_on_turn.get(turn)
        if scripted is None or scripted[0] not in declared or turn in self._calls_made:
            return None
        self._calls_made.add(turn)
        return scripted

    def _text(self) -> str:
        waiting = self._conversation.pending_calls()
        if waiting:
            return f"I am still waiting for {' and '.join(waiting)}."
        last = self._conversation.last_id
        if last is not None:
            body = self._conversation.get(last, "retrieve").body
            if body["type"] == "function_call_output":
                return f"The function returned {str(body['output'])[:200]}."
        texts = self._settings.answer_texts
        return texts[(self.count - 1) % len(texts)].replace("{n}", str(self.count))

    def _input_tokens(self, configuration: dict[str, Any]) -> tuple[int, int, int]:
        text, audio = self._conversation.tokens()
        text += tokens_of_text(configuration["instructions"])
        cached = min(self._last_input, text + audio)
        self._last_input = text + audio
        return text, audio, cached

    # --- what responses tell ------------------------------------------------------------------------------------------

    def _audio_sent(self, response: Response, now: float) -> None:
        answer = response.order.answer
        assert answer is not None and response.item is not None
        self.has_spoken = True
        details = {"response": response.id, "item": response.item.id, "sent_ms": response.sent_ms}
        if response.sent_ms == answer.lengths_ms[0]:
            self._timeline.note("first_delta", now, **details)
        if response.sent_ms == answer.duration_ms:
            self._timeline.note("last_delta", now, **details)
        for watcher in self.watchers:
            watcher(response, now)

    def _words_sent(self, response: Response, words: int, now: float) -> None:
        details = {"response": response.id, "item": response.item.id if response.item else None, "sent_ms": 0.0}
        if words == 1:
            self._timeline.note("first_delta", now, **details)
        if words == len(response.words):
            self._timeline.note("last_delta", now, **details)
        for watcher in self.watchers:
            watcher(response, now)

    def _finished(self, response: Response, now: float) -> None:
        self._outbox.emit("rate_limits.updated", rate_limits=RATE_LIMITS)
        self._armed.pop(response.id, None)
        self._timeline.note(
            "response_done", now, response=response.id, status=response.status, sent_ms=response.sent_ms
        )
        if response is self.active:
            self.active = None
            self.ended(response, now)
        else:
            self._beside.remove(response)
