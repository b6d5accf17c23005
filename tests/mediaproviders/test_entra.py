"""Bearer tokens: asked for once, off the loop, and replaced in time."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from azure.core.exceptions import ServiceRequestError

from mediaproviders.contract import ProviderError
from mediaproviders.entra import EARLY_S, SCOPE, EntraToken


class Credential:
    """Hands out numbered tokens that are good for `good_s`."""

    def __init__(self, good_s=3600.0, error=None):
        self.good_s = good_s
        self.error = error
        self.asked = []
        self.threads = set()
        self.closed = False

    def get_token(self, *scopes):
        self.asked.append(scopes)
        self.threads.add(threading.current_thread())
        if self.error is not None:
            raise self.error
        return SimpleNamespace(token=f"token {len(self.asked)}", expires_on=time.time() + self.good_s)

    def close(self):
        self.closed = True


async def test_one_request_for_all_who_ask_at_once():
    credential = Credential()
    token = EntraToken(credential)
    assert await asyncio.gather(*(token() for _ in range(5))) == ["token 1"] * 5
    assert credential.asked == [(SCOPE,)]
    assert threading.current_thread() not in credential.threads
    await token.close()
    assert credential.closed


async def test_who_waits_for_a_token_leaves_the_threads_to_others():
    given, asked, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    class Slow(Credential):
        def get_token(self, *scopes):
            loop.call_soon_threadsafe(asked.set)
            assert given.wait(30)
            return super().get_token(*scopes)

    token = EntraToken(Slow())
    waiting = asyncio.gather(*(token() for _ in range(100)))
    try:
        async with asyncio.timeout(10):
            await asked.wait()
            # Were each of the hundred to wait in a thread, there would be none left for this.
            await asyncio.to_thread(time.time)
    finally:
        given.set()
    assert await waiting == ["token 1"] * 100


async def test_a_token_about_to_expire_is_replaced():
    token = EntraToken(Credential(good_s=EARLY_S - 1), scope="https://ai.azure.com/.default")
    assert [await token(), await token()] == ["token 1", "token 2"]


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (RuntimeError("no identity here\nand a long explanation"), "invalid_api_key", False),
        (ServiceRequestError("no identity here"), "unreachable", True),
    ],
)
async def test_no_token(error, code, retryable):
    token = EntraToken(Credential(error=error))
    with pytest.raises(ProviderError, match=r"no identity here$") as refused:
        await token()
    assert (refused.value.code, refused.value.retryable) == (code, retryable)


async def test_the_default_credential_is_azure_identitys(monkeypatch):
    made = Credential()
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: made)
    token = EntraToken()
    await token.close()
    assert await token() == "token 1"
    assert made.asked == [(SCOPE,)]
