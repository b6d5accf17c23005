"""One chat with one agent."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

import structlog

from mediaproviders.catalog import Chat
from mediaproviders.contract import (
    AgentTranscript,
    Conversation,
    Fault,
    Provider,
    ProviderError,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    TookOver,
    ToolCall,
    Usage,
)
from mediaproviders.speech.contract import TextToSpeech
from mediaserver.agents.ready import ReadyAgent
from mediaserver.agents.spoken import spoken
from mediaserver.chat import opening
from mediaserver.chat.quiet_line import QuietLine
from mediaserver.chat.reply import Reply
from mediaserver.chat.trouble import HOPELESS, ChatError, broken_off, plain
from mediaserver.talk.budget import Budget
from mediaserver.talk.orders import Agent
from mediaserver.talk.tools import END_CALL, Toolbox

type Heeded = AgentTranscript | Fault | Reconnected | ResponseDone | ResponseStarted | TookOver | ToolCall | Usage
_HEEDED: Final = (AgentTranscript, Fault, Reconnected, ResponseDone, ResponseStarted, TookOver, ToolCall, Usage)
_MOST_EVENTS: Final = 1000
"""Events that wait to be asked for; then the model waits."""
_LEAST_CHUNK_MS: Final = 40
_LAST_WORDS_S: Final = 2.0
"""How long the agent may pause in its last words."""
_WITHDRAW_S: Final = 3.0
"""How long an answer that nobody wants any more may take to stop."""


class ChatSession:
    """An async context manager; entering opens the model's session. Always in writing, whatever the agent's calls are.

    `kind` says how: in the model's text modality, or through audio and its transcription. `voice` speaks what is typed
    to a model that only hears. `audio_flow` keeps a line of silence open to a model that wants one. The agent's
    `greeting` is not spoken by the model: it is :attr:`welcome`, and the model is told that it was said.
    """

    def __init__(
        self,
        agent: Agent,
        provider: Provider,
        kind: Chat,
        *,
        toolbox: Toolbox | None = None,
        voice: TextToSpeech | None = None,
        audio_flow: bool = False,
    ) -> None:
        self.agent = agent
        self.welcome = agent.greeting or ""
        """What the agent opens with; empty: whoever chats speaks first."""
        self.ended: str | None = None
        """Why the chat is over; None while it goes on."""
        self._provider = provider
        self._kind = kind
        self._toolbox = toolbox or Toolbox(agent.tools)
        self._voice = voice
        self._audio_flow = audio_flow
        self._budget = Budget(agent.limits, agent.price)
        self._stack = AsyncExitStack()
        self._events: asyncio.Queue[Heeded | None] = asyncio.Queue(_MOST_EVENTS)
        """None is the session's end, and the last."""
        self._loss: ProviderError | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: Conversation | None = None
        self._line: QuietLine | None = None
        self._reply: Reply | None = None
        self._log = structlog.get_logger().bind(agent=agent.name, chat=True)

    @classmethod
    def of(cls, ready: ReadyAgent, known: Mapping[str, str] | None = None) -> "ChatSession":
        """A chat with an agent made ready; `known` is what is known of whoever chats, by the names prompts use."""
        voice, audio_flow = ready.chat_voice, ready.model.audio_flow
        return cls(ready.agent(known), ready.chat_provider, ready.chat, voice=voice, audio_flow=audio_flow)

    @property
    def slow(self) -> bool:
        """Answers are spoken and transcribed before they are shown."""
        return self._kind == "transcription"

    @property
    def cost(self) -> float | None:
        """US dollars so far by the list price; None where that is not known."""
        return self._budget.cost(asyncio.get_running_loop().time())

    # --- life ---

    async def __aenter__(self) -> Self:
        """Open the model's session. Raises ChatError."""
        traits = self._provider.traits
        brief = opening.brief(self.agent, self._kind, traits, self._toolbox.specs, self._voice)
        try:
            session = await self._stack.enter_async_context(self._provider.connect(brief))
        except ProviderError as error:
            raise plain(error, over=True) from error
        self._session = session
        self._budget.begin(asyncio.get_running_loop().time())
        self._begin(self._read(session))
        if self.slow and (self._audio_flow or not traits.text_input):
            chunk_ms = max(traits.uplink_ms, _LEAST_CHUNK_MS)
            self._line = QuietLine(session.send_audio, brief.input_format, chunk_ms)
            self._begin(self._line.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave."""
        tasks, self._session = tuple(self._tasks), None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, session: Conversation) -> None:
        try:
            async for event in session:
                if isinstance(event, _HEEDED):
                    await self._events.put(event)
            self._loss = ProviderError("it ended the session", code="connection_lost", retryable=True)
        except ProviderError as error:
            self._loss = error
        except Exception as error:
            self._log.exception("chat.failed")
            self._loss = ProviderError(f"the session failed: {error!r}", code="internal", retryable=False)
        await self._events.put(None)

    # --- talk ---

    async def say(self, text: str) -> AsyncGenerator[str]:
        """Say something; the answer, in pieces as they come. Raises ChatError, after which the chat may go on."""
        session = self._session
        if session is None or self.ended is not None:
            raise ChatError(f"The chat is over: {self.ended or 'it was left'}.", over=True)
        if not text.strip():
            return
        await self._clear_up(session)
        reply = self._reply = Reply()
        await self._send(session, text)
        while not reply.done:
            if piece := await self._step(session, reply):
                yield piece
        self._judge(reply)

    async def _clear_up(self, session: Conversation) -> None:
        """An answer that nobody waited for to its end is stopped; what else has come meanwhile is only counted."""
        reply = self._reply
        if reply is not None and not reply.done:
            session.cancel()
            try:
                async with asyncio.timeout(_WITHDRAW_S):
                    while not reply.done:
                        await self._step(session, reply)
            except TimeoutError:
                self._log.warning("chat.late_answer")
        while not self._events.empty():
            event = self._events.get_nowait()
            if event is None:
                self._events.put_nowait(None)
                break
            self._note(event)

    async def _send(self, session: Conversation, text: str) -> None:
        line, voice = self._line, self._voice
        if self._kind == "text" or self._provider.traits.text_input or line is None or voice is None:
            session.send_text(text)
            return
        try:
            async for audio in spoken(voice, text, line.form):
                line.speak(audio)
        except ProviderError as error:
            raise ChatError(f"What was typed cannot be spoken to the model: {error}", over=False) from error

    async def _step(self, session: Conversation, reply: Reply) -> str:
        event = await self._next(session, reply)
        if event is None:
            reply.done = True
            return ""
        self._note(event)
        piece = reply.take(event)
        if isinstance(event, ToolCall):
            if event.name == END_CALL.name and self._toolbox.ends_calls:
                self.ended = "the agent ended it"
                reply.ending()
            else:
                self._begin(self._run_tool(session, reply, event))
        return piece

    async def _next(self, session: Conversation, reply: Reply) -> Heeded | None:
        """The next event, None once the agent has ended the chat. A silent model is replaced once, if it can be."""
        renewed = False
        while True:
            patience_s = self._patience_s(reply)
            try:
                async with asyncio.timeout(patience_s):
                    event = await self._events.get()
            except TimeoutError:
                if self.ended is not None:
                    return None
                if not renewed and session.renew("stalled"):
                    renewed = True
                    continue
                raise ChatError(f"The model did not answer within {patience_s:.0f} s.", over=False) from None
            if event is None and self.ended is None:
                assert self._loss is not None
                self.ended = "the model was lost"
                raise plain(self._loss, over=True) from self._loss
            return event

    def _patience_s(self, reply: Reply) -> float:
        if self.ended is not None:  # some models do not end the response in which they asked for the end
            return _LAST_WORDS_S
        spoken_s = self._line.pending_s if self._line is not None else 0.0
        tools_s = self.agent.tool_timeout_s if reply.waits_for_tools else 0.0
        return self.agent.stall_timeout_s + spoken_s + tools_s

    async def _run_tool(self, session: Conversation, reply: Reply, called: ToolCall) -> None:
        output = await self._toolbox.run(called.name, called.arguments, self.agent.tool_timeout_s)
        self._log.info("chat.tool", name=called.name)
        reply.answered(called.call)
        session.send_tool_result(called.call, output)

    def _note(self, event: Heeded) -> None:
        match event:
            case Usage():
                self._budget.used(event)
            case TookOver(model=model):
                self._budget.take_over(self.agent.prices.get(model), asyncio.get_running_loop().time())
            case Fault(code=code, message=message):
                self._log.warning("chat.fault", code=code, message=message)
            case _:
                pass

    def _judge(self, reply: Reply) -> None:
        """What is to be said at the end of an answer."""
        if self.ended is None and self._budget.exceeded(asyncio.get_running_loop().time()) == "max-cost":
            self.ended = "it has cost what the agent's limit allows"
        if reply.failure is not None:
            if reply.failure in HOPELESS:
                self.ended = "the model was lost"
            raise broken_off(reply.failure, over=self.ended is not None)
        if not reply.text and self.ended is None:
            raise ChatError("The model's answer was empty; say it again.", over=False)
