"""The provider that keeps conversations going."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from mediaproviders.continuity.conversation import ContinuousConversation
from mediaproviders.continuity.settings import Candidate, ContinuitySettings
from mediaproviders.contract import Brief, Provider, Traits


class Continuous:
    """Carries each conversation by the first of the candidates, and by the next when that one fails.

    Its conversations have no limit in time: sessions are exchanged before theirs. ValueError without a candidate.
    """

    def __init__(self, candidates: Sequence[Candidate], settings: ContinuitySettings | None = None) -> None:
        if not candidates:
            raise ValueError("continuity: at least one candidate is needed")
        self._candidates = tuple(candidates)
        self._settings = settings or ContinuitySettings()

    @property
    def traits(self) -> Traits:
        """What the first candidate can do."""
        return replace(self._candidates[0].provider.traits, max_connection_s=None)

    async def start(self) -> None:
        """Start the candidates' providers. Raises ProviderError."""
        for provider in self._providers():
            await provider.start()

    async def close(self) -> None:
        """Close the candidates' providers, all of them; raises the first error."""
        errors: list[Exception] = []
        for provider in self._providers():
            try:
                await provider.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[ContinuousConversation]:
        """Open a conversation; entering completes when one candidate is ready. Raises the last one's ProviderError."""
        return self._connect(brief)

    @asynccontextmanager
    async def _connect(self, brief: Brief) -> AsyncIterator[ContinuousConversation]:
        conversation = ContinuousConversation(self._candidates, self._settings, brief)
        try:
            await conversation.open()
            yield conversation
        finally:
            await conversation.close()

    def _providers(self) -> list[Provider]:
        """Each once: two candidates may be models of one provider."""
        return list({id(each.provider): each.provider for each in self._candidates}.values())
