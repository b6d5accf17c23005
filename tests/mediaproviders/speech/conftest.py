"""What the tests of all speech services need."""

import asyncio

import pytest


class Watch:
    """Waits for moments in an emulator's record."""

    def __init__(self):
        self._entries = []
        self._news = asyncio.Event()

    def record(self, entry):
        """What the emulator calls."""
        self._entries.append(entry)
        self._news.set()

    async def seen(self, kind):
        """The first entry of that kind, waited for."""
        async with asyncio.timeout(5):
            while True:
                for entry in self._entries:
                    if entry["kind"] == kind:
                        return entry
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def watch():
    return Watch()
