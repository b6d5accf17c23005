"""One response: its events in their order, its pace, its end and its bill."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mediaproviders.emulators.answers import Answer
from mediaproviders.emulators.openai.bill import usage
from mediaproviders.emulators.openai.conversation import ASSISTANT_MS_PER_TOKEN, Conversation, Item, tokens_of_text
from mediaproviders.emulators.openai.outbox import Outbox
from mediaproviders.emulators.pace import Pace

type Status = Literal["completed", "cancelled", "incomplete", "failed"]
NEVER = float("inf")
WORD_MS = 250.0
"""A written word takes the time it would take to say."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one response is to be."""

    number: int
    """Counted in its session, from 1."""
    configuration: dict[str, Any]
    """The session's, with this response's overrides."""
    text: str
    answer: Answer | None
    """None: no audio, the answer is text."""
    call: tuple[str, str] | None = None
    """A function call instead of speech: name and JSON arguments."""
    in_conversation: bool = True
    """False: out of band, its items join no conversation."""
    metadata: dict[str, str] | None = None
    input_tokens: tuple[int, int, int] = (0, 0, 0)
    """Text, audio, and how many of them were cached."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What responses share: where they send, what they join, how they are paced, who watches."""

    outbox: Outbox
    conversation: Conversation
    conversation_id: str
    ids: Callable[[str], str]
    pace: Pace
    jitter: Callable[[], float]
    """Random numbers in [0, 1)."""
    audio_sent: Callable[["Response", float], None]
    """Told after each audio delta, with the time."""
    words_sent: Callable[["Response", int, float], None]
    """Told after each delta of a written answer, with the words so far and the time."""
    finished: Callable[["Response", float], None]
    """Told after the response's last event, with the time."""


class Response:
    """A response under way. `advance` does what is due; `due` says when there is more to do."""

    def __init__(self, order: Order, around: Surroundings) -> None:
        self.id = around.ids("resp")
        self.order = order
        self.due = NEVER
        self.item: Item | None = None
        self.sent_ms = 0.0
        """Audio sent so far."""
        self.first_audio_at = 0.0
        """When its first audio was sent."""
        self.status: Status | None = None
        """How it ended; None: it has not."""
        self.reason: str | None = None
        self._error: dict[str, str] | None = None
        self._around = around
        self._emit = around.outbox.emit
        self._steps: Iterator[float] = iter(())
        self._output: list[dict[str, Any]] = []
        self.words: list[str] = order.text.split(" ")
        self._words_said = 0
        self._said: list[str] = []
        self._next_piece = 0
        self._hold_s = 0.0
        self._now = 0.0
        self._flooding = False
        self._flood_ms = 0.0

    @property
    def reached_ms(self) -> float:
        """How far it has come: the audio sent, or the time its written words would take."""
        return self.sent_ms if self.order.answer is not None else self._words_said * WORD_MS

    def start(self, now: float) -> None:
        """Announce it; the rest follows by `advance`."""
        self._emit("response.created", response=self.body())
        body = self._called if self.order.call else self._spoken if self.order.answer else self._written
        self._steps = body(now)
        self.due = next(self._steps)

    def advance(self, now: float) -> None:
        """Do everything due."""
        self._now = now
        while self.due <= now:
            due = next(self._steps, None)
            if due is None:
                self._end(self.status or "completed", now)
                return
            self.due = due

    def cancel(self, reason: str, late_ms: float, settle_s: float, late_after_done: bool, now: float) -> None:
        """Stop it: up to `late_ms` of audio still arrives, and it stays active for `settle_s`."""
        late = self._in_flight(late_ms)
        self.status, self.reason = "cancelled", reason

        def wind_down() -> Iterator[float]:
            if not late_after_done:
                self._send_late(late)
            yield now + settle_s
            self._close_item("incomplete")

        self._steps = wind_down()
        self.due = now
        if late and late_after_done:
            finished = self._steps

            def trailing() -> Iterator[float]:
                yield from finished
                self._end("cancelled", now)
                self._send_late(late)

            self._steps = trailing()
        self.advance(now)

    def fail(self, code: str, now: float) -> None:
        """End it with an error, at once."""
        self._error = {"type": "server_error", "code": code, "message": "The emulator was told to fail this response."}
        self._close_item("incomplete")
        self._end("failed", now)

    def end_empty(self, now: float) -> None:
        """End it as if all were well, with nothing said."""
        self._end("completed", now)

    def end_early(self) -> None:
        """Say that it is over; it goes on all the same, and is over once more."""
        self.status = "completed"
        self._emit("response.done", response=self.body(self.usage()))
        self.status = None

    def hold(self, seconds: float) -> None:
        """Deliver nothing for a while."""
        self._hold_s += seconds
        self.due += seconds

    def flood(self, seconds: float) -> None:
        """Deliver the rest at once, and `seconds` of more audio with it."""
        self._flooding = True
        self._flood_ms += seconds * 1000
        self.due = 0.0

    # --- what it consists of ----------------------------------------------------------------------------------------

    def _spoken(self, start: float) -> Iterator[float]:
        answer, pace = self.order.answer, self._around.pace
        assert answer is not None
        due = start + pace.due_s(0.0, self._around.jitter())
        yield due
        item = self._open_message("audio")
        while self._next_piece < len(answer.pieces) or self.sent_ms < answer.duration_ms + self._flood_ms:
            piece = self._next_piece % len(answer.pieces)
            if not self._affords(answer.lengths_ms[piece]):
                self.status, self.reason = "incomplete", "max_output_tokens"
                break
            self._say(len(answer.pieces))
            self._next_piece += 1
            if not self.sent_ms:
                self.first_audio_at = self._now
            self._send(item, piece)
            self._around.audio_sent(self, self._now)
            # A fault may have ended it from within that call.
            if self.due == NEVER:
                return
            if not self._flooding:
                later = start + self._hold_s + pace.due_s(self.sent_ms, self._around.jitter())
                due = max(due, later)
                if self._next_piece < len(answer.pieces):
                    yield due
        self._close_item("completed" if self.status is None else "incomplete")

    def _written(self, start: float) -> Iterator[float]:
        pace = self._around.pace
        due = start + pace.due_s(0.0, self._around.jitter())
        yield due
        item = self._open_message("text")
        for index, word in enumerate(self.words):
            if not self._affords(0):
                self.status, self.reason = "incomplete", "max_output_tokens"
                break
            delta = word if index == 0 else " " + word
            self._said.append(delta)
            self._words_said += 1
            self._emit("response.output_text.delta", **self._place(item), delta=delta)
            self._around.words_sent(self, self._words_said, self._now)
            if self.due == NEVER:
                return
            due = max(due, start + self._hold_s + pace.due_s(self.reached_ms, self._around.jitter()))
            if not self._flooding and self._words_said < len(self.words):
                yield due
        self._close_item("completed" if self.status is None else "incomplete")

    def _called(self, start: float) -> Iterator[float]:
        assert self.order.call is not None
        name, arguments = self.order.call
        yield start + self._around.pace.first_audio_ms / 1000
        body = {"id": self._around.ids("item"), "object": "realtime.item", "type": "function_call"}
        body |= {"status": "in_progress", "name": name, "call_id": self._around.ids("call"), "arguments": ""}
        item = self.item = Item(body)
        self._announce(item)
        place = {"response_id": self.id, "item_id": item.id, "output_index": 0, "call_id": body["call_id"]}
        half = max(1, len(arguments) // 2)
        for part in (arguments[:half], arguments[half:]):
            if part:
                self._emit("response.function_call_arguments.delta", **place, delta=part)
                yield start + self._hold_s + self._around.pace.first_audio_ms / 1000
        item.body["arguments"] = arguments
        self._emit("response.function_call_arguments.done", **place, name=name, arguments=arguments)
        self._close_item("completed")

    # --- items ------------------------------------------------------------------------------------------------------

    def _open_message(self, part: str) -> Item:
        body = {"id": self._around.ids("item"), "object": "realtime.item", "type": "message"}
        body |= {"status": "in_progress", "role": "assistant"}
        item = self.item = Item({**body, "content": []}, has_audio=part == "audio")
        self._announce(item)
        empty = {"type": "audio", "transcript": ""} if part == "audio" else {"type": "text", "text": ""}
        self._emit("response.content_part.added", **self._place(item), part=empty)
        return item

    def _announce(self, item: Item) -> None:
        self._emit("response.output_item.added", response_id=self.id, output_index=0, item=item.body)
        if self.order.in_conversation:
            previous = self._around.conversation.add(item)
            self._emit("conversation.item.added", previous_item_id=previous, item=item.body)

    def _close_item(self, status: str) -> None:
        item = self.item
        if item is None or item.body["status"] != "in_progress":
            return
        item.body["status"] = status
        if item.is_assistant:
            self._close_message(item)
        self._output.append(item.body)
        if self.order.in_conversation:
            self._emit("conversation.item.done", item=item.body)
        self._emit("response.output_item.done", response_id=self.id, output_index=0, item=item.body)

    def _close_message(self, item: Item) -> None:
        text, place = "".join(self._said), self._place(item)
        if item.has_audio:
            self._emit("response.output_audio.done", **place)
            self._emit("response.output_audio_transcript.done", **place, transcript=text)
            part = {"type": "audio", "transcript": text}
            item.body["content"] = [{"type": "output_audio", "transcript": text}]
        else:
            self._emit("response.output_text.done", **place, text=text)
            part = {"type": "text", "text": text}
            item.body["content"] = [{"type": "output_text", "text": text}]
        self._emit("response.content_part.done", **place, part=part)

    def _place(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.id, "item_id": item.id, "output_index": 0, "content_index": 0}

    # --- audio ------------------------------------------------------------------------------------------------------

    def _say(self, pieces: int) -> None:
        """The words that go with the next piece."""
        first, last = (len(self.words) * each // pieces for each in (self._next_piece, self._next_piece + 1))
        words = self.words[first:last]
        if words and self.item is not None:
            delta = (" " if first else "") + " ".join(words)
            self._said.append(delta)
            self._emit("response.output_audio_transcript.delta", **self._place(self.item), delta=delta)

    def _send(self, item: Item, piece: int) -> None:
        assert self.order.answer is not None
        self._around.outbox.emit_audio(self.id, item.id, self.order.answer.pieces[piece])
        self.sent_ms += self.order.answer.lengths_ms[piece]
        item.audio_ms = self.sent_ms

    def _in_flight(self, late_ms: float) -> range:
        """The pieces that are on their way when it is cancelled."""
        answer, first = self.order.answer, self._next_piece
        if answer is None or self.item is None or not self.item.has_audio:
            return range(0)
        last, total = first, 0.0
        while last < len(answer.pieces) and total + answer.lengths_ms[last] <= late_ms:
            total += answer.lengths_ms[last]
            last += 1
        return range(first, last)

    def _send_late(self, pieces: range) -> None:
        for piece in pieces:
            if self.item is not None:
                self._send(self.item, piece)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end(self, status: Status, now: float) -> None:
        if self.due == NEVER:
            return
        self.status, self.due = status, NEVER
        self._emit("response.done", response=self.body(self.usage()))
        self._around.finished(self, now)

    def _affords(self, more_ms: float) -> bool:
        limit = self.order.configuration["max_output_tokens"]
        if limit == "inf":
            return True
        text, audio = self._output_tokens(self.sent_ms + more_ms)
        return text + audio <= int(limit)

    def _output_tokens(self, audio_ms: float) -> tuple[int, int]:
        text = tokens_of_text("".join(self._said))
        if self.item is not None and not self.item.is_assistant:
            text += self.item.text_tokens()
        return text, int(-(-audio_ms // ASSISTANT_MS_PER_TOKEN))

    def usage(self) -> dict[str, Any]:
        """Its bill: what it read and what it said."""
        return usage(self.order.input_tokens, self._output_tokens(self.sent_ms))

    def body(self, usage: dict[str, Any] | None = None) -> dict[str, Any]:
        """The response as in its events."""
        details: dict[str, Any] | None = None
        if self.status is not None:
            details = {"type": self.status}
            details |= {"reason": self.reason} if self.reason else {}
            details |= {"error": self._error} if self._error else {}
        configuration = self.order.configuration
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status or "in_progress",
            "status_details": None if self.status == "completed" else details,
            "output": self._output,
            "conversation_id": self._around.conversation_id if self.order.in_conversation else None,
            "output_modalities": configuration["output_modalities"],
            "max_output_tokens": configuration["max_output_tokens"],
            "audio": {"output": {key: configuration["audio"]["output"][key] for key in ("format", "voice")}},
            "usage": usage,
            "metadata": self.order.metadata,
        }
