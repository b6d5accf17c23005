import pytest

from mediaproviders.contract import ProviderError
from mediaserver.agents.shared import SharedProvider, Shelf
from support.scripted_model import ScriptedProvider


async def test_a_start_that_fails_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    class Reluctant(ScriptedProvider):
        async def start(self) -> None:
            tried.append(1)
            if len(tried) == 1:
                raise ProviderError("not yet", code="timeout", retryable=True)

    shared = SharedProvider(Reluctant())
    with pytest.raises(ProviderError):
        await shared.start()
    await shared.start()
    await shared.start()
    assert len(tried) == 2


def test_equal_settings_in_another_order_are_equal() -> None:
    shelf: Shelf[SharedProvider] = Shelf()

    def make() -> SharedProvider:
        return SharedProvider(ScriptedProvider())

    one = shelf.get("openai", {"api_key": "a", "base_url": "b"}, make)
    assert shelf.get("openai", {"base_url": "b", "api_key": "a"}, make) is one
    assert shelf.get("xai", {"api_key": "a", "base_url": "b"}, make) is not one
    assert len(shelf.all()) == 2
