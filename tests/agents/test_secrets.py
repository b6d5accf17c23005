import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from mediaserver.agents.sealing import KEY_VARIABLE, Sealer, new_key
from mediaserver.agents.secrets import SecretError, Secrets


def found(reference, **environment):
    return Secrets(environment=environment).resolve(SecretStr(reference), "api_key")


def refused(reference, **environment):
    with pytest.raises(SecretError) as error:
        found(reference, **environment)
    assert error.value.__cause__ is None
    return str(error.value)


def test_plain_and_environment():
    assert found("sk-plain") == "sk-plain"
    assert found("env:KEY", KEY=" sk-env\n") == "sk-env"
    assert refused("env:KEY") == "api_key: the environment has no KEY; set it"
    assert refused("env:KEY", KEY="") == "api_key: is empty (env:KEY); put the secret there"


def test_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("sk-file\n")
    assert found(f"file:{path}") == "sk-file"
    assert "cannot be read (No such file" in refused(f"file:{path}x")
    path.write_bytes(b"\xff\xfe")
    assert "is no text" in refused(f"file:{path}")
    path.write_text("x" * 70_000)
    assert "too long" in refused(f"file:{path}")


def test_sealed():
    key = new_key()
    token = Sealer([key]).seal("sk-sealed")
    assert found(token, **{KEY_VARIABLE: key}) == "sk-sealed"
    assert "is sealed, and there is no key" in refused(token)
    assert "another key" in refused(token, **{KEY_VARIABLE: new_key()})


def test_kinds_may_be_restricted(tmp_path):
    with pytest.raises(SecretError, match="may not be given as 'file' here; use env, sealed"):
        Secrets(kinds=("env", "sealed")).resolve(SecretStr(f"file:{tmp_path}"), "api_key")


def test_warnings(tmp_path):
    secrets, path = Secrets(), tmp_path / "key"
    path.write_text("x")

    def warnings(text):
        return secrets.warnings(SecretStr(text))

    path.chmod(0o644)
    assert warnings(f"file:{path}") == [f"{path} can be read by everyone on this machine; chmod 600 it"]
    path.chmod(0o600)
    assert warnings(f"file:{path}") == []
    assert warnings("env:X") == warnings("sealed:x") == []
    (plain,) = warnings("sk-plain-text")
    assert "plain text" in plain and "sk-plain-text" not in plain
    (misspelt,) = warnings("evn:NAME")
    assert "a reference begins with one of env:, file:" in misspelt


# --- AWS Secrets Manager: the real SDK, against a server of our own ---

SECRETS = {"plain": "sk-aws\n", "json": json.dumps({"openai": "sk-json", "n": 3}), "binary": None}


class Keeper(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["SecretId"]
        target = self.headers["X-Amz-Target"]
        name = asked.rpartition(":")[2]
        if target != "secretsmanager.GetSecretValue" or "AWS4-HMAC-SHA256" not in self.headers["Authorization"]:
            status, answer = 400, {"__type": "InvalidRequestException"}
        elif name == "forbidden":
            status, answer = 400, {"__type": "AccessDeniedException"}
        elif name not in SECRETS:
            status, answer = 400, {"__type": "ResourceNotFoundException"}
        else:
            text = SECRETS[name]
            status, answer = 200, {"SecretBinary": "eA=="} if text is None else {"SecretString": text}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("aws")
def test_aws_secrets_manager():
    assert found("aws-secretsmanager:plain") == "sk-aws"
    assert found("aws-secretsmanager:json#openai") == "sk-json"
    assert found("aws-secretsmanager:arn:aws:secretsmanager:eu-north-1:123456789012:secret:plain") == "sk-aws"
    assert "has no text under 'xai'" in refused("aws-secretsmanager:json#xai")
    assert "has no text under 'n'" in refused("aws-secretsmanager:json#n")
    assert "'plain' is no JSON; leave #x out" in refused("aws-secretsmanager:plain#x")
    assert "is binary" in refused("aws-secretsmanager:binary")
    assert "there is no secret of that name" in refused("aws-secretsmanager:nothing")
    assert "secretsmanager:GetSecretValue" in refused("aws-secretsmanager:forbidden")


@pytest.mark.usefixtures("aws")
def test_aws_without_credentials_or_region(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "there are no AWS credentials" in refused("aws-secretsmanager:plain")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "needs a region" in refused("aws-secretsmanager:plain")


@pytest.mark.usefixtures("aws")
def test_aws_that_cannot_be_reached(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    assert "cannot be reached (EndpointConnectionError)" in refused("aws-secretsmanager:plain")
