"""A session and the credentials it began with."""

from datetime import UTC, datetime, timedelta

import pytest

from mediaproviders.contract import PCM16_8K, Brief, ProviderError
from mediaproviders.emulators.aws import Secret
from mediaproviders.emulators.nova import NovaEmulator, NovaSettings
from mediaproviders.nova_sonic import NovaSonic
from support import amazon

BRIEF = Brief("amazon.nova-2-sonic-v1:0", "Be brief.", PCM16_8K, PCM16_8K)


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    amazon.nothing_around(monkeypatch, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"access_key_id": "AKIA", "secret_access_key": "x"}, "invalid_configuration"),
        ({"profile": "nobody"}, "invalid_api_key"),
        ({"region": "eu-north-1"}, "invalid_api_key"),
    ],
)
async def test_no_region_or_no_credentials(given, code):
    with pytest.raises(ProviderError) as failure:
        await NovaSonic(**given).start()
    assert (failure.value.code, failure.value.retryable) == (code, False)


@pytest.mark.parametrize(("minutes", "soon"), [(5, True), (60, False)])
async def test_a_session_ends_with_its_credentials(machine, minutes, soon):
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    amazon.profile(machine, expires)
    secret = Secret("secret", "token", expires.timestamp())
    async with NovaEmulator(NovaSettings(keys=lambda key: secret if key == "ASIAWORK" else None)) as emulator:
        authority = str(emulator.certificates.authority)
        named = NovaSonic(endpoint_url=emulator.url, profile="work", ca_file=authority)
        async with named.connect(BRIEF) as conversation:
            assert (conversation.ending_at is not None) == soon
