"""Where credentials come from."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mediaproviders.contract import PCM16_8K, Brief, ProviderError
from mediaproviders.emulators.aws import Secret
from mediaproviders.emulators.nova import NovaEmulator, NovaSettings
from mediaproviders.nova_sonic import NovaSonic
from mediaproviders.nova_sonic.credentials import Credentials

BRIEF = Brief("amazon.nova-2-sonic-v1:0", "Be brief.", PCM16_8K, PCM16_8K)


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch, tmp_path):
    """No credentials of the machine's own, and no service asked for any."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def process(path, expires, name="profile work"):
    """A profile whose credentials come from a program."""
    answer = {"Version": 1, "AccessKeyId": "ASIAWORK", "SecretAccessKey": "secret", "SessionToken": "token"}
    program = path / "program.py"
    program.write_text(f"print({json.dumps({**answer, 'Expiration': expires.isoformat()})!r})")
    (path / "config").write_text(f"[{name}]\nregion = eu-north-1\ncredential_process = {sys.executable} {program}\n")


async def test_given_keys_win(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env")
    given = await Credentials("AKIAGIVEN", "given", "token").identity()
    assert (given.access_key_id, given.secret_access_key, given.session_token) == ("AKIAGIVEN", "given", "token")
    found = await Credentials().identity()
    assert (found.access_key_id, found.expiration) == ("AKIAENV", None)
    with pytest.raises(ValueError, match="belong together"):
        Credentials("AKIAGIVEN")


async def test_a_profile(nothing_around):
    expires = datetime.now(UTC) + timedelta(hours=1)
    process(nothing_around, expires)
    credentials = Credentials(profile="work")
    identity = await credentials.identity()
    assert (identity.access_key_id, identity.session_token) == ("ASIAWORK", "token")
    assert abs(identity.expiration - expires) < timedelta(seconds=1)
    assert await credentials.region() == "eu-north-1"


async def test_none_at_all():
    for credentials in (Credentials(), Credentials(profile="nobody")):
        with pytest.raises(ProviderError) as failure:
            await credentials.identity()
        assert (failure.value.code, failure.value.retryable) == ("invalid_api_key", False)
    with pytest.raises(ProviderError, match="no region") as failure:
        await NovaSonic(access_key_id="AKIA", secret_access_key="x").start()
    assert failure.value.code == "invalid_configuration"


async def test_the_region_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert await Credentials().region() == "us-west-2"


@pytest.mark.parametrize(("minutes", "soon"), [(5, True), (60, False)])
async def test_a_session_ends_with_its_credentials(nothing_around, minutes, soon):
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    process(nothing_around, expires)
    secret = Secret("secret", "token", expires.timestamp())
    async with NovaEmulator(NovaSettings(keys=lambda key: secret if key == "ASIAWORK" else None)) as emulator:
        authority = str(emulator.certificates.authority)
        named = NovaSonic(endpoint_url=emulator.url, profile="work", ca_file=authority)
        async with named.connect(BRIEF) as conversation:
            assert (conversation.ending_at is not None) == soon
