"""Whatever happens in whatever order: each session is told what was said and heard until then, and nothing twice."""

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from mediaproviders.contract import (
    Audio,
    CallerTranscript,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    TurnCommitted,
    Used,
)
from mediaproviders.history import INAUDIBLE, cut_text
from support.virtual_time import settle, tell

SPOKEN_MS = 400
HEARD = st.integers(0, 500)
STEPS = st.one_of(
    st.sampled_from(["turn", "lost words", "answer", "begin", "finish", "lose", "lose", "tool", "typed"]),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 2.0, 15.0, 40.0, 90.0])),
    st.tuples(st.just("barge in"), HEARD),
    st.tuples(st.just("truncate"), st.tuples(st.integers(0, 5), HEARD)),
    st.tuples(st.just("result"), st.integers(0, 3)),
)


@dataclass
class Line:
    """One line of the minutes. `text` None: the words were lost."""

    speaker: str
    text: str | None
    item: str | None = None
    heard_ms: int = SPOKEN_MS
    cut: bool = False
    call: ToolCall | None = None
    output: str | None = None


class Minutes:
    """What was said, kept by the test itself from what it has the model and the caller do."""

    def __init__(self, w):
        self.w = w
        self.lines = []
        self.answer = None
        self.number = None
        self.open = []
        self.last = w.session
        self._n = 0

    def sentence(self):
        self._n += 1
        return " ".join(f"{word}{self._n}" for word in ("one", "two", "three", "four"))

    def told(self):
        told, lost = [], False
        for line in self.lines:
            if line.call is not None:
                told.append(self._tool(line, len(told) + 1))
                lost = False
            elif line.text:
                told.append(Said(line.speaker, line.text))
                lost = False
            else:
                lost = lost or line.speaker == "caller"
        return (*told, Said("caller", INAUDIBLE)) if lost else tuple(told)

    def _tool(self, line, place):
        if line.output is None:
            return Said("system", f"The tool f was called with {line.call.arguments}. Its result will follow.")
        return Used(f"told_{place}", "f", line.call.arguments, line.output)

    # --- steps ---

    async def turn(self, words=True):
        if self.answer is not None:
            await self.barge_in(200)
        text = self.sentence()
        self.w.session.turn(text if words else None)
        self.lines.append(Line("caller", text if words else None))

    async def lost_words(self):
        await self.turn(words=False)

    async def typed(self):
        text = self.sentence()
        self.w.conversation.send_text(text)
        self.lines.append(Line("caller", text))

    async def begin(self):
        if self.answer is not None:
            return
        text = self.sentence()
        self.number = self.w.session.begin(text, ms=SPOKEN_MS)
        await settle()
        self.answer = Line("agent", text, self.w.of(Audio)[-1].item)
        self.lines.append(self.answer)

    async def finish(self):
        if self.answer is not None:
            self.w.session.finish(self.number)
            self.answer = None

    async def answer_whole(self):
        await self.begin()
        await self.finish()

    async def barge_in(self, heard_ms):
        if self.answer is None:
            return
        self.w.session.does(SpeechStarted("cough", None), Interrupted(), SpeechStopped("cough", None))
        self.w.session.does(ResponseDone(f"r{self.number}", "cancelled"))
        await settle()
        self._cut(self.answer, heard_ms)
        self.answer = None

    async def truncate(self, which):
        place, heard_ms = which
        said = [line for line in self.lines if line.item is not None and line is not self.answer]
        if place < len(said):
            self._cut(said[place], heard_ms)

    def _cut(self, line, heard_ms):
        self.w.conversation.truncate(line.item, heard_ms)
        if not line.cut or heard_ms < line.heard_ms:
            heard_ms = min(heard_ms, line.heard_ms)
            line.text = cut_text(line.text, heard_ms, line.heard_ms)
            line.heard_ms, line.cut = heard_ms, True

    async def tool(self):
        self._n += 1
        call = ToolCall(f"c{self._n % 3}", "f", f'{{"n":{self._n}}}')
        self.w.session.does(call)
        await settle()
        got = [event for event in self.w.of(ToolCall) if event.arguments == call.arguments]
        if got:  # a session that uses an id twice is not believed
            self.lines.append(Line("", None, call=got[0]))
            self.open.append(self.lines[-1])

    async def result(self, which):
        if which < len(self.open):
            line = self.open.pop(which)
            line.output = f"result of {line.call.arguments}"
            self.w.conversation.send_tool_result(line.call.call, line.output)

    async def lose(self):
        asked_again = self.answer is not None and not self.open
        if asked_again:
            self.lines.remove(self.answer)
        self.answer = None
        self.w.session.lose()
        await settle()
        if asked_again:
            assert self.w.session.told[-1] == ("create",)

    async def wait(self, seconds):
        await asyncio.sleep(seconds)

    # --- checks ---

    async def step(self, step):
        name, *given = step if isinstance(step, tuple) else (step,)
        name = {"answer": "answer_whole"}.get(name, name.replace(" ", "_"))
        exchanged = self.w.conversation.rollovers
        before = self.told()
        await getattr(self, name)(*given)
        await settle()
        if self.w.conversation.rollovers > exchanged:
            assert name == "wait"
            assert self.told() == before
        self.check()

    def check(self):
        assert self.w.error is None
        session = self.w.session
        if session is not self.last:
            self.last = session
            assert session.knows == self.told()
        texts = [said.text for said in self.told() if isinstance(said, Said)]
        assert len(set(texts)) == len(texts)


@settings(max_examples=400, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_each_session_is_told_what_was_said_and_heard(world, steps):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model, delays_s=(0.0,) * 100) as w:
            minutes = Minutes(w)
            for step in steps:
                await minutes.step(step)
            # And what the server saw is the same: each sentence once, under an id of its own.
            items = [event.item for event in w.of(CallerTranscript)]
            assert len(set(items)) == len(items)
            turns = [event.item for event in w.of(TurnCommitted)]
            assert len(set(turns)) == len(turns)
            responses = [event.response for event in w.of(ResponseStarted)]
            assert len(set(responses)) == len(responses)
            calls = [event.call for event in w.of(ToolCall)]
            assert len(set(calls)) == len(calls)

    tell(story())
