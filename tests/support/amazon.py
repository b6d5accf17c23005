"""Amazon's settings of a machine: none at all, or a profile."""

import json
import sys

_VARIABLES = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION", "DEFAULT_REGION")


def nothing_around(monkeypatch, path):
    """No credentials of the machine's own, and no service asked for any; profiles are files under `path`."""
    for name in _VARIABLES:
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path / "credentials"))


def profile(path, expires):
    """A profile "work" in eu-north-1, whose credentials come from a program."""
    answer = {"Version": 1, "AccessKeyId": "ASIAWORK", "SecretAccessKey": "secret", "SessionToken": "token"}
    program = path / "program.py"
    program.write_text(f"print({json.dumps({**answer, 'Expiration': expires.isoformat()})!r})")
    (path / "config").write_text(
        f"[profile work]\nregion = eu-north-1\ncredential_process = {sys.executable} {program}\n"
    )
