"""Two identities, made once: each is a key and a certificate."""

import pytest

from mediaserver.webrtc.identity import Identity


@pytest.fixture(scope="session")
def ours() -> Identity:
    return Identity()


@pytest.fixture(scope="session")
def theirs() -> Identity:
    return Identity()
