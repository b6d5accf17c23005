"""Secrets where they are kept. What is found goes to an adapter, and nowhere else: not into logs, errors, or texts.

A secret is written as "env:NAME", "file:/path", "aws-secretsmanager:name" or "…name#key" (one value of a JSON secret),
"sealed:TOKEN", or as it is.
"""

import json
import os
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from mediaserver.agents.sealing import Sealer, SealError
from mediaserver.errors import ConfigurationError

KINDS: Final = ("env", "file", "aws-secretsmanager", "sealed", "plain")
_REFERENCE: Final = re.compile(r"([a-z][a-z-]{1,23}):(.*)", re.DOTALL)
_MOST_BYTES: Final = 64 * 1024


class SecretError(ConfigurationError):
    """A secret that cannot be had; `faults` has one sentence: the field, why, and what to do."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__([f"{field}: {why}"])


class Secrets:
    """Finds secrets. `kinds` are those that may be used: whoever may write agents need not be let at every file.

    Looking them up blocks (a file, the network): not for a loop that carries calls.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str] = os.environ,
        sealer: Sealer | None = None,
        kinds: Collection[str] = KINDS,
    ) -> None:
        self._environment = environment
        self._sealer = sealer
        self._kinds = kinds

    def resolve(self, given: SecretStr, field: str) -> str:
        """The secret itself. Raises SecretError."""
        kind, rest = _parse(given)
        if kind not in self._kinds:
            raise SecretError(field, f"may not be given as {kind!r} here; use {', '.join(self._kinds)}")
        match kind:
            case "env":
                found = self._of_environment(rest, field)
            case "file":
                found = _of_file(rest, field)
            case "aws-secretsmanager":
                found = _of_aws(rest, field)
            case "sealed":
                found = self._unsealed(rest, field)
            case _:
                found = rest
        if not found:
            raise SecretError(field, f"is empty{_where(kind, rest)}; put the secret there")
        return found

    def warnings(self, given: SecretStr) -> list[str]:
        """What is unwise about how it is kept, one clause each. Nothing is looked up but a file's mode."""
        kind, rest = _parse(given)
        if kind == "plain":
            if _REFERENCE.fullmatch(rest):
                kinds = ", ".join(f"{known}:" for known in KINDS[:-1])
                return [f"is taken as the secret itself; a reference begins with one of {kinds}"]
            return ["is written in plain text; write env:NAME or file:/path, or seal it"]
        if kind == "file" and _readable_by_all(Path(rest)):
            return [f"{rest} can be read by everyone on this machine; chmod 600 it"]
        return []

    def _of_environment(self, name: str, field: str) -> str:
        if name not in self._environment:
            raise SecretError(field, f"the environment has no {name}; set it")
        return self._environment[name].strip()

    def _unsealed(self, token: str, field: str) -> str:
        try:
            return (self._sealer or Sealer.of_environment(self._environment)).unseal(token)
        except SealError as error:
            raise SecretError(field, f"is sealed, and {error}" if "no key" in str(error) else str(error)) from None


def _parse(given: SecretStr) -> tuple[str, str]:
    text = given.get_secret_value().strip()
    reference = _REFERENCE.fullmatch(text)
    if reference is not None and reference[1] in KINDS[:-1]:
        return reference[1], reference[2].strip()
    return "plain", text


def _where(kind: str, rest: str) -> str:
    return "" if kind in ("plain", "sealed") else f" ({kind}:{rest})"


def _of_file(path: str, field: str) -> str:
    try:
        with Path(path).open("rb") as file:
            found = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SecretError(field, f"{path} cannot be read ({error.strerror}); give an existing file") from None
    try:
        text = found.decode().strip()
    except UnicodeDecodeError:
        raise SecretError(field, f"{path} is no text; write the secret alone into it") from None
    if len(found) > _MOST_BYTES:
        raise SecretError(field, f"{path} is too long for a secret; write the secret alone into it")
    return text


def _readable_by_all(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)


def _of_aws(reference: str, field: str) -> str:
    """A secret of AWS Secrets Manager, with the credentials and region that boto3 finds."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    name, _, key = reference.partition("#")
    try:
        text = _ask_aws(name)
    except NoRegionError:
        raise SecretError(field, "AWS Secrets Manager needs a region; set AWS_REGION, or give an ARN") from None
    except NoCredentialsError:
        raise SecretError(field, "there are no AWS credentials; give the server a role, a profile, or keys") from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "error")
        why = _AWS.get(code, "see the rights and the region of the server's AWS identity")
        raise SecretError(field, f"AWS Secrets Manager refuses {name!r} ({code}); {why}") from None
    except BotoCoreError as error:
        raise SecretError(field, f"AWS Secrets Manager cannot be reached ({type(error).__name__}); try again") from None
    if text is None:
        raise SecretError(field, f"the secret {name!r} is binary; store it as text")
    return _value(text, key, name, field) if key else text.strip()


_AWS: Final[Mapping[str, str]] = {
    "ResourceNotFoundException": "there is no secret of that name in that region; check both",
    "AccessDeniedException": "give the server's role secretsmanager:GetSecretValue on it",
}


def _ask_aws(name: str) -> str | None:
    import boto3
    from botocore.config import Config

    region = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 6 else None
    limits = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    client: Any = boto3.session.Session().client("secretsmanager", region_name=region, config=limits)
    try:
        found: dict[str, Any] = client.get_secret_value(SecretId=name)
    finally:
        client.close()
    text: str | None = found.get("SecretString")
    return text


def _value(text: str, key: str, name: str, field: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        raise SecretError(field, f"the secret {name!r} is no JSON; leave #{key} out") from None
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise SecretError(field, f"the secret {name!r} has no text under {key!r}; name one of its keys")
    return value.strip()
