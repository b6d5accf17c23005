"""The text model's events: its answers cut into sentences for the mouth, everything else passed on."""

from collections import OrderedDict
from typing import Final

from mediaproviders.cascade.mouth import Answer, Mouth
from mediaproviders.cascade.sentences import Sentences
from mediaproviders.contract import (
    AgentTranscript,
    Conversation,
    Event,
    Fault,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    ToolCall,
    Usage,
)
from mediaproviders.outbox import Outbox

_REMEMBERED: Final = 64
"""Answers that can still be truncated."""


class Writing:
    """One response at a time, as the contract has it."""

    def __init__(self, mouth: Mouth, text: Conversation, outbox: Outbox) -> None:
        self._mouth = mouth
        self._text = text
        self._outbox = outbox
        self._answer: Answer | None = None
        """The response that is being written."""
        self._void = False
        """It was stopped: what still comes of it is not spoken."""
        self._sentences = Sentences()
        self._item = ""
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def take(self, event: Event) -> None:
        """One event of the text model."""
        match event:
            case ResponseStarted(response=response):
                self._answer, self._void = Answer(response), False
                self._sentences, self._item = Sentences(), ""
                self._mouth.begin(self._answer)
            case AgentTranscript(item=item, text=text, final=final):
                self._wrote(item, text, final=final)
            case ResponseDone():
                self._done(event)
            case Reconnected():
                self.stop()
                self._outbox.put(event)
            case ToolCall() | Usage() | Fault():
                self._outbox.put(event)
            case _:
                pass

    def stop(self) -> list[Answer]:
        """The caller has the floor. Returns the answers that were not given to their end."""
        self._void = True
        return self._mouth.stop()

    def answer(self, item: str) -> Answer | None:
        """The answer whose audio is called so, if it is remembered."""
        return self._answers.get(item)

    def _wrote(self, item: str, text: str, *, final: bool) -> None:
        answer = self._answer
        if answer is None:
            return
        if self._void:
            # Written before the model knew that it was stopped, and never heard.
            if item not in answer.generated:
                answer.generated[item] = text
                self._text.amend(item, "")
            return
        if final and item in answer.generated:
            return
        if item != self._item:
            self._flush(answer)
            self._item = item
        if not answer.item:
            self._remember(item, answer)
        answer.generated[item] = answer.generated.get(item, "") + text
        for sentence in self._sentences.add(text):
            self._mouth.say(answer, item, sentence)

    def _done(self, event: ResponseDone) -> None:
        answer, self._answer = self._answer, None
        if answer is None or self._void:
            return
        if event.status != "cancelled":
            self._flush(answer)
        self._mouth.end(answer, event)

    def _flush(self, answer: Answer) -> None:
        for sentence in self._sentences.rest():
            self._mouth.say(answer, self._item, sentence)

    def _remember(self, item: str, answer: Answer) -> None:
        answer.item = item
        self._answers[item] = answer
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
