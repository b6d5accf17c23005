"""One conversation: the thread is kept here, and every answer is a request of its own, one at a time.

What a request that fails does: before its first word it is tried again, `Patience.retries` times; then the session
ends with its error. After its first word it is not repeated, for the caller may have heard it: the response has
failed, and only the second in a row ends the session.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openai import AsyncOpenAI, AsyncStream

from mediaproviders.contract import (
    AgentTranscript,
    Brief,
    Event,
    Fault,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Told,
)
from mediaproviders.openai_chat import errors
from mediaproviders.openai_chat.reply import Reply, SenselessError
from mediaproviders.openai_chat.thread import Thread
from mediaproviders.outbox import Outbox

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_FAILURES: Final = 2
"""Responses in a row that fail after their first word, and the session with them."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the model may be silent within an answer, and how often one without a word is asked for again."""

    silence_s: float = 5.0
    retries: int = 1
    retry_delay_s: float = 0.25
    longest_wait_s: float = 2.0
    """A service that asks for a longer pause than this (Retry-After) is not waited for."""


@dataclass(slots=True)
class _Answer:
    """The answer in progress."""

    response: str
    item: str
    reply: Reply
    task: "asyncio.Task[None] | None" = None
    amended: str | None = None


class ChatConversation:
    """Keeps to the contract, in the text modality; entered through `OpenAIChat.connect`."""

    def __init__(self, client: AsyncOpenAI, brief: Brief, parameters: Mapping[str, Any], patience: Patience) -> None:
        self._client = client
        self._brief = brief
        self._parameters = parameters
        self._patience = patience
        self._stem = secrets.token_hex(4)
        self._names: Counter[str] = Counter()
        self._thread = Thread(brief.instructions)
        self._thread.remember(brief.history)
        self._outbox = Outbox(1)  # its limit is for audio, and there is none
        self._answer: _Answer | None = None
        self._wanted: asyncio.Handle | None = None
        self._waits = False
        self._failures = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def close(self) -> None:
        """Stop everything; events that were not read stay readable."""
        self._end(None)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- commands

    def send_audio(self, data: bytes) -> None:
        """Nothing: it does not hear."""

    @property
    def dropped_ms(self) -> float:
        """Nothing is sent, so nothing is dropped."""
        return 0.0

    @property
    def ending_at(self) -> float | None:
        """None: nothing ends it."""
        return None

    def remember(self, told: Sequence[Told]) -> None:
        """What was said before."""
        self._thread.remember(told)

    def greet(self) -> None:
        """Say the greeting word by word, without asking the model; nothing if there is none, or an answer is begun."""
        greeting = self._brief.greeting
        if not greeting or self._closed or self._answer is not None:
            return
        response, item = self._name("resp"), self._name("item")
        self._thread.begin(item)
        self._thread.amend(item, greeting)
        self._put(ResponseStarted(response), AgentTranscript(item, greeting, final=False))
        self._put(AgentTranscript(item, greeting, final=True), ResponseDone(response, "completed"))

    def create_response(self) -> None:
        """Have the thread as it is answered, now or after the answer in progress."""
        self._ask()

    def cancel(self) -> None:
        """Stop the answer in progress, also one only asked for; what came of it stays in the thread."""
        self._withdraw()
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if answer.task is not None:
            answer.task.cancel()
        self._note(answer)
        self._put(ResponseDone(answer.response, "cancelled"))

    def truncate(self, item: str, heard_ms: int) -> None:
        """Nothing: there is no audio. :meth:`amend` is for texts."""

    def amend(self, item: str, text: str) -> None:
        """Replace what the model remembers of `item`; a Fault for an unknown one."""
        if self._answer is not None and self._answer.item == item:
            self._answer.amended = text
        elif not self._thread.amend(item, text):
            self._put(Fault("unknown_item", f"nothing was said as {item!r}"))

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call; the model goes on when all are answered. A Fault for a call that is not open."""
        if not self._thread.answered(call, output):
            self._put(Fault("unknown_call", f"no call {call!r} is open"))
        elif not self._thread.waiting:
            self._ask()

    def send_text(self, text: str) -> None:
        """The caller's words; they are answered."""
        self._thread.caller(text)
        self._ask()

    def instruct(self, text: str) -> None:
        """A system message, acted on now."""
        self._thread.told(text)
        self._ask()

    def renew(self, reason: str) -> bool:
        """Nothing can be replaced: every answer is a request of its own, and its silence is measured here."""
        return False

    def __aiter__(self) -> AsyncIterator[Event]:
        """Events until the session ends."""
        return self._outbox.events()

    # --- requests

    def _ask(self) -> None:
        """Ask for an answer, once for all that is put into the thread in this turn of the loop."""
        if self._closed:
            return
        if self._answer is not None:
            self._waits = True
        elif self._wanted is None:
            self._wanted = asyncio.get_running_loop().call_soon(self._begin)

    def _withdraw(self) -> None:
        self._waits = False
        if self._wanted is not None:
            self._wanted.cancel()
            self._wanted = None

    def _begin(self) -> None:
        self._wanted = None
        answer = self._answer = _Answer(self._name("resp"), self._name("item"), self._reply())
        self._thread.begin(answer.item)
        self._put(ResponseStarted(answer.response))
        answer.task = asyncio.get_running_loop().create_task(self._run(answer))
        self._tasks.add(answer.task)
        answer.task.add_done_callback(self._tasks.discard)

    async def _run(self, answer: _Answer) -> None:
        failure = await self._try(answer)
        if self._answer is not answer:
            return
        self._answer = None
        if failure is None:
            self._completed(answer)
        else:
            self._failed(answer, failure)
        if self._waits:
            self._waits = False
            self._ask()

    async def _try(self, answer: _Answer) -> ProviderError | None:
        """Ask until there is an answer or patience is at its end; None, or what the last try failed with."""
        for left in reversed(range(self._patience.retries + 1)):
            failure, pause_s = await self._attempt(answer)
            while failure is not None and failure.code == errors.TOO_LONG and self._thread.forget_half():
                self._put(Fault(failure.code, "the older half of the conversation is forgotten"))
                failure, pause_s = await self._attempt(answer)
            if failure is None or not failure.retryable or answer.reply.text or not left:
                return failure
            if pause_s > self._patience.longest_wait_s:
                return failure
            self._put(Fault(failure.code, f"asked again: {failure}"))
            await asyncio.sleep(max(pause_s, self._patience.retry_delay_s))
        return None

    async def _attempt(self, answer: _Answer) -> tuple[ProviderError | None, float]:
        """One request: what it failed with, and the pause the service asks for."""
        reply = answer.reply = self._reply()
        try:
            await self._stream(answer, reply)
        except TimeoutError:
            silence = f"nothing came for {self._patience.silence_s:g} s"
            return ProviderError(f"the model stalled: {silence}", code="stalled", retryable=True), 0.0
        except SenselessError as error:
            return ProviderError(f"the model's answer makes no sense: {error}", code="protocol", retryable=True), 0.0
        except Exception as error:
            return errors.from_exception(error), errors.retry_after_s(error)
        if reply.finish is None and reply.usage is None:
            return ProviderError("the answer ended before its end", code="connection_lost", retryable=True), 0.0
        return None, 0.0

    async def _stream(self, answer: _Answer, reply: Reply) -> None:
        loop, silence_s = asyncio.get_running_loop(), self._patience.silence_s
        async with asyncio.timeout(silence_s) as limit:
            # The thread's messages and the parameters are plain objects, checked by the service.
            messages: Any = self._thread.messages()
            stream: AsyncStream[Any] = await self._client.chat.completions.create(messages=messages, **self._parameters)
            async with stream:
                async for chunk in stream:
                    limit.reschedule(loop.time() + silence_s)
                    piece = reply.take(chunk)
                    if piece:
                        self._put(AgentTranscript(answer.item, piece, final=False))

    # --- the ends of an answer

    def _completed(self, answer: _Answer) -> None:
        self._failures = 0
        reply = answer.reply
        self._note(answer)
        calls = self._thread.called(answer.item, reply.calls)
        if reply.text:
            self._put(AgentTranscript(answer.item, reply.text, final=True))
        self._put(*calls)
        if reply.usage is not None:
            self._put(reply.usage)
        reason = _INCOMPLETE.get(reply.finish or "")
        self._put(ResponseDone(answer.response, "incomplete" if reason else "completed", reason))

    def _failed(self, answer: _Answer, failure: ProviderError) -> None:
        self._put(Fault(failure.code, str(failure)))
        self._note(answer)
        if answer.reply.text:
            self._put(AgentTranscript(answer.item, answer.reply.text, final=True))
            self._failures += 1
        if failure.code in errors.REFUSED:
            self._put(ResponseDone(answer.response, "incomplete", failure.code))
            return
        self._put(ResponseDone(answer.response, "failed", failure.code))
        if not answer.reply.text or self._failures >= _FAILURES:
            self._end(failure)

    def _note(self, answer: _Answer) -> None:
        """Keep in the thread what was said of an answer."""
        self._thread.amend(answer.item, answer.reply.text if answer.amended is None else answer.amended)

    def _end(self, error: ProviderError | None) -> None:
        self._closed = True
        self._withdraw()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._outbox.close(error)

    def _put(self, *events: Event) -> None:
        for event in events:
            self._outbox.put(event)

    def _reply(self) -> Reply:
        return Reply(lambda: self._name("call"))

    def _name(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}_{self._stem}_{self._names[kind]}"
