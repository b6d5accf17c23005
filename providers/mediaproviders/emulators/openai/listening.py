"""The input audio buffer of a session: appends, turns found in it, and their transcripts."""

from collections.abc import Callable
from typing import Any

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.openai.configuration import kind_of
from mediaproviders.emulators.openai.conversation import Conversation, Item, tokens_of_text
from mediaproviders.emulators.openai.outbox import Outbox
from mediaproviders.emulators.openai.refusal import Refusal, invalid_value
from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.speech import Detector, Heard, InputBuffer
from mediaproviders.emulators.timeline import Timeline

MIN_COMMIT_MS = 100.0


class Listening:
    """Hears the user. `began` and `ended` are told of the user's turns as the detector finds them."""

    def __init__(
        self,
        settings: EmulatorSettings,
        outbox: Outbox,
        agenda: Agenda,
        conversation: Conversation,
        timeline: Timeline,
        ids: Callable[[str], str],
        heard: dict[str, Any],
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._agenda = agenda
        self._conversation = conversation
        self._timeline = timeline
        self._ids = ids
        self._buffer = InputBuffer(kind_of(heard["format"]))
        self._detector: Detector | None = None
        self._transcription: dict[str, Any] | None = None
        self._item_id = ids("item")
        self._idle_round = 0
        self._speech_start_ms = 0.0
        self.deaf = False
        """What the user says is dropped."""
        self.turns = 0
        """Turns of the user so far, spoken or typed."""
        self.began: Callable[[float], None] = lambda now: None
        """The detector heard speech start."""
        self.ended: Callable[[float], None] = lambda now: None
        """The detector heard speech stop, and the turn is committed."""
        self.configure(heard)

    def configure(self, heard: dict[str, Any]) -> None:
        """Take the session's `audio.input`."""
        if kind_of(heard["format"]) != self._buffer.kind:
            self._buffer.use(kind_of(heard["format"]))
        self._transcription = heard["transcription"]
        detection = heard["turn_detection"]
        if detection is None or detection["type"] in self._settings.service.dead_detectors:
            self._detector = None
        elif self._detector is None:
            self._detector = Detector(detection, self._settings.onset_ms)
        else:
            self._detector.configure(detection)

    def append(self, audio: bytes, now: float) -> None:
        """Take audio. Raises Refusal if it is not whole samples."""
        if len(audio) % 2 and self._buffer.kind not in ("audio/pcmu", "audio/pcma"):
            raise invalid_value("audio", "Invalid 'audio': 16-bit PCM needs an even number of bytes.")
        self._timeline.appended(len(audio), now)
        if self.deaf:
            return
        found = self._buffer.append(audio, self._detector)
        if found is not None:
            for each in found:
                self._found(each, now)

    def commit(self, now: float) -> None:
        """The client closes a turn itself. Raises Refusal if there is less than 100 ms of it."""
        if self._buffer.held_ms < MIN_COMMIT_MS:
            raise Refusal(
                "input_audio_buffer_commit_empty",
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS:.0f}ms of "
                f"audio, but buffer only has {self._buffer.held_ms:.2f}ms of audio.",
            )
        if self._detector is not None:
            self._detector.reset()
        self._commit(self._buffer.held_ms, now)

    def clear(self) -> None:
        """The client empties the buffer."""
        self._buffer.empty()
        if self._detector is not None:
            self._detector.reset()
        self._outbox.emit("input_audio_buffer.cleared")

    def wait_for_user(self, timeout_s: float, due: float, trigger: Callable[[float], None]) -> None:
        """Unless the user speaks or another wait begins before `due`, report the timeout and then `trigger`."""
        self._idle_round += 1
        this_round = self._idle_round

        def time_out(now: float) -> None:
            if this_round != self._idle_round or (self._detector is not None and self._detector.speaking):
                return
            end_ms = round(self._buffer.clock_ms)
            start_ms = max(0, round(end_ms - timeout_s * 1000))
            self._outbox.emit(
                "input_audio_buffer.timeout_triggered",
                audio_start_ms=start_ms,
                audio_end_ms=end_ms,
                item_id=self._item_id,
            )
            self._commit(float(end_ms - start_ms), now)
            trigger(now)

        self._agenda.at(due, time_out)

    def stop_waiting(self) -> None:
        """Something happened: the wait is void."""
        self._idle_round += 1

    def _found(self, heard: Heard, now: float) -> None:
        if heard.kind == "started":
            self.stop_waiting()
            self._speech_start_ms = max(heard.at_ms, self._buffer.start_ms)
            start_ms = round(self._speech_start_ms)
            self._outbox.emit("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=self._item_id)
            self._timeline.note(
                "speech_started", now, item=self._item_id, audio_start_ms=start_ms, clock_ms=self._buffer.clock_ms
            )
            self.began(now)
            return
        end_ms = round(heard.at_ms)
        self._outbox.emit("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=self._item_id)
        details = {"audio_end_ms": end_ms, "last_append_at": self._timeline.last_append_at}
        self._timeline.note("speech_stopped", now, item=self._item_id, **details)
        self._commit(heard.at_ms - self._speech_start_ms, now)
        self.ended(now)

    def _commit(self, length_ms: float, now: float) -> None:
        item_id, self._item_id = self._item_id, self._ids("item")
        body = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
        item = Item({**body, "content": [{"type": "input_audio", "transcript": None}]}, length_ms, has_audio=True)
        self._buffer.empty()
        self.turns += 1
        previous = self._conversation.add(item)
        self._outbox.emit("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self._outbox.emit("conversation.item.added", previous_item_id=previous, item=item.body)
        self._outbox.emit("conversation.item.done", previous_item_id=previous, item=item.body)
        self._timeline.note("committed", now, item=item_id, audio_ms=length_ms, turn=self.turns)
        if self._transcription is not None:
            turn = self.turns
            due = now + self._settings.transcription_ms / 1000
            self._agenda.at(due, lambda _: self._transcribe(item, length_ms, turn))

    def _transcribe(self, item: Item, length_ms: float, turn: int) -> None:
        kind = "conversation.item.input_audio_transcription"
        place = {"item_id": item.id, "content_index": 0}
        failure = self._failure(turn)
        if failure is not None:
            self._outbox.emit(f"{kind}.failed", **place, error={"type": "transcription_error", **failure})
            return
        hears = self._settings.hears
        text = hears[(turn - 1) % len(hears)] if hears else f"(speech, {length_ms / 1000:.1f} s)"
        middle = len(text) // 2
        for delta in (text[:middle], text[middle:]):
            if delta:
                self._outbox.emit(f"{kind}.delta", **place, delta=delta)
        item.body["content"][0]["transcript"] = text
        read, written = item.audio_tokens(), tokens_of_text(text)
        usage = {
            "type": "tokens",
            "total_tokens": read + written,
            "input_tokens": read,
            "output_tokens": written,
            "input_token_details": {"text_tokens": 0, "audio_tokens": read},
        }
        self._outbox.emit(f"{kind}.completed", **place, transcript=text, usage=usage)

    def _failure(self, turn: int) -> dict[str, str] | None:
        """Why a turn is not transcribed."""
        settings = self._settings
        if turn in settings.transcription_fails_on:
            return {"code": "audio_unintelligible", "message": "It was not intelligible."}
        model = (self._transcription or {}).get("model")
        known = settings.transcribers is None or model in settings.transcribers
        if settings.service.transcribes_by_deployment and not known:
            return {"code": "DeploymentNotFound", "message": f"There is no deployment {model!r} that transcribes."}
        return None
