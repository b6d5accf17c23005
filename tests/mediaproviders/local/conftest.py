from collections.abc import AsyncIterator

import pytest_asyncio

from mediaproviders.local import LocalProvider


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider() -> AsyncIterator[LocalProvider]:
    """The model itself, its one process shared by every test: loading takes seconds."""
    local = LocalProvider()
    await local.start()
    yield local
    await local.close()
