"""Models that do what the test says, kept going by :class:`Continuous`, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from mediaproviders.continuity import Candidate, ContinuitySettings, Continuous
from mediaproviders.contract import (
    PCMU,
    AgentTranscript,
    Audio,
    AudioDone,
    Brief,
    CallerTranscript,
    ProviderError,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
)
from support.scripted_model import TRAITS, ScriptedConversation
from support.virtual_time import settle


class FakeSession(ScriptedConversation):
    """Ids count from 1 in every session, so that they collide with those of other sessions."""

    def __init__(self, brief):
        super().__init__()
        self.brief = brief
        self.left = False
        self._n = 0

    def remember(self, told):
        assert not self.told
        assert not self.heard
        super().remember(told)

    @property
    def knows(self):
        """What it was told of before, at its opening and right after."""
        remembered = [each[1:] for each in self.told if each[0] == "remember"]
        return self.brief.history + (remembered[0] if remembered else ())

    def lose(self, code="closed_1006", retryable=True):
        self.does(ProviderError(f"lost: {code}", code=code, retryable=retryable))

    def turn(self, text=None):
        """The caller speaks; the words are known at once, or never."""
        self._n += 1
        item = f"u{self._n}"
        self.does(SpeechStarted(item, None), SpeechStopped(item, None), TurnCommitted(item))
        if text is not None:
            self.does(CallerTranscript(item, text, final=True))
        return item

    def begin(self, text, ms=0):
        """The agent begins an answer."""
        self._n += 1
        self.does(ResponseStarted(f"r{self._n}"), AgentTranscript(f"a{self._n}", text, final=False))
        if ms:
            self.does(Audio(f"a{self._n}", f"r{self._n}", bytes(ms * self.brief.output_format.bytes_per_ms)))
        return self._n

    def finish(self, n, status="completed"):
        self.does(AudioDone(f"a{n}", f"r{n}"), ResponseDone(f"r{n}", status))

    def say(self, text, ms=0):
        self.finish(self.begin(text, ms))


class FakeModel:
    """`refuses` are raised in turn instead of sessions, None lets one in."""

    def __init__(self, refuses=(), slow_s=0.0, **traits):
        self.traits = replace(TRAITS, **{"announces_end": True, **traits})
        self.refuses = list(refuses)
        self.slow_s = slow_s
        self.sessions = []
        self.asked_at = []
        self.life = []

    async def start(self):
        self.life.append("start")

    async def close(self):
        self.life.append("close")

    @asynccontextmanager
    async def connect(self, brief) -> AsyncIterator[FakeSession]:
        self.asked_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.slow_s)
        refusal = self.refuses.pop(0) if self.refuses else None
        if refusal is not None:
            raise refusal
        session = FakeSession(brief)
        self.sessions.append(session)
        try:
            yield session
        finally:
            session.left = True


class World:
    """One conversation in progress, and all that is around it."""

    Model = FakeModel

    def __init__(self, *models, brief=None, **settings):
        self.models = models or (FakeModel(),)
        self.brief = brief or Brief("m", "Be brief.", PCMU, PCMU)
        self.settings = ContinuitySettings(**settings)
        candidates = [Candidate(f"model-{n}", model, f"id-{n}") for n, model in enumerate(self.models)]
        self.provider = Continuous(candidates, self.settings)
        self.events = []
        self.error = None

    async def __aenter__(self):
        self._context = self.provider.connect(self.brief)
        self.conversation = await self._context.__aenter__()
        self._reader = asyncio.create_task(self._read())
        await settle()
        return self

    async def __aexit__(self, *exc):
        await self._context.__aexit__(None, None, None)
        await self._reader

    async def _read(self):
        try:
            async for event in self.conversation:
                self.events.append(event)
        except Exception as error:
            self.error = error

    async def does(self, *events, model=0):
        """The newest session of a model does something, and everybody takes note."""
        self.models[model].sessions[-1].does(*events)
        await settle()

    @property
    def session(self):
        """The session in use."""
        return self.conversation._session

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def reasons(self):
        return [event.reason for event in self.of(Reconnected)]


def refusal(code="server_error", retryable=True):
    return ProviderError(code, code=code, retryable=retryable)


@pytest.fixture(scope="session")
def world():
    return World


@pytest.fixture(scope="session")
def refused():
    return refusal
