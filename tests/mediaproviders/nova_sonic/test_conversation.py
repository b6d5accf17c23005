"""Reading a stream, without one."""

import asyncio
from collections.abc import Iterator
from typing import Any

from smithy_core.exceptions import CallError

from mediaproviders.contract import PCM16_8K, Brief, Fault
from mediaproviders.nova_sonic import errors
from mediaproviders.nova_sonic.configuration import setup
from mediaproviders.nova_sonic.conversation import Limits, NovaConversation

REFUSALS = 2000
"""More than calls may be nested."""


class Link:
    """Refuses, and then is over."""

    breakage = None

    def __init__(self) -> None:
        self._left: Iterator[int] = iter(range(REFUSALS))

    async def receive(self) -> bytes | None:
        if next(self._left, None) is None:
            return None
        raise CallError(message=errors.SURVIVED)


async def test_any_number_of_refused_results_is_survived():
    brief = Brief("nova", "Be brief.", PCM16_8K, PCM16_8K)
    access: Any = None
    conversation = NovaConversation(access, brief, setup(brief, 2), 2, Limits(60, 2000, 480.0))
    async with asyncio.timeout(10):
        await conversation._read(Link())  # type: ignore[arg-type]
    assert list(conversation.session.events) == [Fault("tool_result", errors.SURVIVED)] * REFUSALS
    assert conversation._error is not None and conversation._error.retryable  # the stream was over then
