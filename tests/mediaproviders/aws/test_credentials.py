"""Where credentials and regions come from."""

from datetime import UTC, datetime, timedelta

import pytest
from boto3 import Session
from botocore import exceptions

from mediaproviders.aws.credentials import Account, Credentials, Pinned
from mediaproviders.contract import ProviderError
from support import amazon


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    amazon.nothing_around(monkeypatch, tmp_path)
    return tmp_path


async def test_given_keys_win(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env")
    given = await Credentials(Account(None, "AKIAGIVEN", "given", "token")).identity()
    assert (given.access_key_id, given.secret_access_key, given.session_token) == ("AKIAGIVEN", "given", "token")
    found = await Credentials(Account()).identity()
    assert (found.access_key_id, found.expiration) == ("AKIAENV", None)


@pytest.mark.parametrize("half", [{"access_key_id": "AKIA"}, {"secret_access_key": "secret"}])
def test_half_a_key(half):
    with pytest.raises(ValueError, match="belong together"):
        Account(**half)


def test_secrets_stay_out_of_sight():
    assert "secret" not in repr(Account("eu-north-1", "AKIA-secret", "secret", "secret"))


async def test_a_profile(machine):
    expires = datetime.now(UTC) + timedelta(hours=1)
    amazon.profile(machine, expires)
    credentials = Credentials(Account(profile="work"))
    identity = await credentials.identity()
    assert (identity.access_key_id, identity.session_token) == ("ASIAWORK", "token")
    assert abs(identity.expiration - expires) < timedelta(seconds=1)
    assert await credentials.region() == "eu-north-1"


async def test_credentials_are_renewed_before_they_expire(machine):
    amazon.profile(machine, datetime.now(UTC) + timedelta(minutes=5))
    credentials = Credentials(Account(profile="work"))
    first = await credentials.identity()
    later = datetime.now(UTC) + timedelta(hours=1)
    amazon.profile(machine, later)
    second = await credentials.identity()
    assert first.expiration < second.expiration
    assert abs(second.expiration - later) < timedelta(seconds=1)


async def test_none_at_all():
    for account in (Account(), Account(profile="nobody")):
        with pytest.raises(ProviderError) as failure:
            await Credentials(account).identity()
        assert (failure.value.code, failure.value.retryable) == ("invalid_api_key", False)
    with pytest.raises(ProviderError, match="nobody"):
        await Credentials(Account(profile="nobody")).region()
    assert await Credentials(Account()).region() is None


def refused(code: str, status: int) -> exceptions.ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(answer, "AssumeRole")


@pytest.mark.parametrize(
    ("trouble", "code", "retryable"),
    [
        (exceptions.ConnectTimeoutError(endpoint_url="https://sts.invalid"), "unreachable", True),
        (exceptions.EndpointConnectionError(endpoint_url="https://sts.invalid"), "unreachable", True),
        (exceptions.CredentialRetrievalError(provider="custom-process", error_msg="busy"), "unreachable", True),
        (refused("ThrottlingException", 400), "server_error", True),
        (refused("InternalFailure", 500), "server_error", True),
        (refused("AccessDenied", 403), "invalid_api_key", False),
        (exceptions.ProfileNotFound(profile="nobody"), "invalid_api_key", False),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
async def test_what_may_pass_is_worth_another_attempt(monkeypatch, trouble, code, retryable):
    def fails(self):
        raise trouble

    monkeypatch.setattr(Session, "get_credentials", fails)
    with pytest.raises(ProviderError) as failure:
        await Credentials(Account("eu-north-1")).identity()
    assert (failure.value.code, failure.value.retryable) == (code, retryable)


async def test_the_region_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert await Credentials(Account()).region() == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert await Credentials(Account()).region() == "us-west-2"
    assert Account().session().region_name == "us-west-2"
    assert await Credentials(Account("eu-north-1")).region() == "eu-north-1"
    assert Account("eu-north-1").session().region_name == "eu-north-1"


async def test_a_stream_keeps_the_credentials_it_began_with():
    identity = await Credentials(Account(None, "AKIA", "secret")).identity()
    assert await Pinned(identity).get_identity(properties={}) is identity
