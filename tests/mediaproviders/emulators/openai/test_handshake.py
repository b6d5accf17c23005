"""Which requests become sessions."""

import json

import pytest

from mediaproviders.emulators.openai import EmulatorSettings, Refuse
from mediaproviders.emulators.openai.handshake import Admission, HttpAnswer, admit, refusal

ANY = EmulatorSettings()
AZURE = EmulatorSettings(dialect="azure")
PREVIEW = EmulatorSettings(dialect="azure-preview")
XAI = EmulatorSettings(dialect="xai")
TARGET = "/v1/realtime?model=gpt-realtime"
ON_AZURE = "/openai/v1/realtime?model=gpt-realtime"
ON_PREVIEW = "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-4o-realtime"
ON_XAI = "/v1/realtime?model=grok-voice-latest"
KEY = {"api-key": "k"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("target", "key", "settings", "status", "code"),
    [
        (TARGET, None, ANY, 401, "missing_api_key"),
        (TARGET, "Basic sk-x", ANY, 401, "missing_api_key"),
        (TARGET, "Bearer ", ANY, 401, "missing_api_key"),
        (TARGET, "Bearer nonsense", ANY, 401, "invalid_api_key"),
        (TARGET, "Bearer sk-x", EmulatorSettings(accepted_key="sk-y"), 401, "invalid_api_key"),
        ("/v1/realtime", "Bearer sk-x", ANY, 400, "missing_required_parameter"),
        ("/v1/realtime?model=gpt-5", "Bearer sk-x", ANY, 404, "model_not_found"),
        (TARGET, "Bearer sk-x", EmulatorSettings(models=frozenset({"mine"})), 404, "model_not_found"),
        ("/v2/realtime?model=gpt-realtime", "Bearer sk-x", ANY, 404, "not_found"),
        ("/openai/v1/realtime?model=gpt-realtime", "Bearer sk-x", ANY, 404, "not_found"),
    ],
)
def test_refused(target: str, key: str | None, settings: EmulatorSettings, status: int, code: str) -> None:
    answer = admit(target, {} if key is None else {"Authorization": key}, settings)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("target", "headers", "settings", "status", "code"),
    [
        (ON_AZURE, {}, AZURE, 401, "401"),
        (ON_AZURE, {"api-key": ""}, AZURE, 401, "401"),
        (ON_AZURE, KEY, EmulatorSettings(dialect="azure", accepted_key="other"), 401, "401"),
        (ON_AZURE, bearer("t"), EmulatorSettings(dialect="azure", accepted_token="u"), 401, "401"),
        (ON_AZURE + "&api-version=2025-04-01-preview", KEY, AZURE, 401, "401"),
        ("/openai/v1/realtime", KEY, AZURE, 400, "missing_required_parameter"),
        ("/openai/v1/realtime?model=nowhere", KEY, AZURE, 404, "DeploymentNotFound"),
        (ON_AZURE, KEY, EmulatorSettings(dialect="azure", models=frozenset({"mine"})), 404, "DeploymentNotFound"),
        (TARGET, KEY, AZURE, 404, "404"),
        (ON_PREVIEW, KEY, AZURE, 404, "404"),
        (ON_PREVIEW, {}, PREVIEW, 401, "401"),
        (ON_PREVIEW.replace("gpt-4o", "nothing"), KEY, PREVIEW, 404, "DeploymentNotFound"),
        ("/openai/realtime?deployment=gpt-4o-realtime", KEY, PREVIEW, 404, "404"),
        ("/openai/realtime?api-version=x", KEY, PREVIEW, 400, "missing_required_parameter"),
        ("/openai/deployments/gpt-4o-realtime/realtime?api-version=x", KEY, PREVIEW, 404, "404"),
        (ON_AZURE, KEY, PREVIEW, 404, "404"),
    ],
)
def test_refused_by_azure(
    target: str, headers: dict[str, str], settings: EmulatorSettings, status: int, code: str
) -> None:
    answer = admit(target, headers, settings)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (ON_XAI, {}, 401),
        (ON_XAI, KEY, 401),
        (ON_XAI, bearer("sk-x"), 401),
        ("/v1/realtime?model=grok-4", bearer("xai-x"), 404),
        (ON_AZURE, bearer("xai-x"), 404),
    ],
)
def test_refused_by_xai(target: str, headers: dict[str, str], status: int) -> None:
    answer = admit(target, headers, XAI)
    assert isinstance(answer, HttpAnswer) and answer.status == status
    # Not the shape of OpenAI's errors: the error is a text.
    assert isinstance(json.loads(answer.body)["error"], str)


def test_the_key_is_not_echoed_whole() -> None:
    answer = admit(TARGET, bearer("secret-secret-secret"), ANY)
    assert isinstance(answer, HttpAnswer) and b"secret-secret" not in answer.body


def test_beta_clients_are_refused() -> None:
    answer = admit(TARGET, {**bearer("sk-x"), "OpenAI-Beta": "realtime=v1"}, ANY)
    assert isinstance(answer, HttpAnswer) and answer.status == 400


def test_admitted() -> None:
    assert admit(TARGET, bearer("sk-x"), ANY) == Admission("gpt-realtime", None)
    named = {**bearer("sk-x"), "X-Call": "8"}
    assert admit(TARGET + "&call=7", named, ANY) == Admission("gpt-realtime", "7")
    assert admit(TARGET, named, ANY) == Admission("gpt-realtime", "8")
    mine = EmulatorSettings(models=frozenset({"mine"}), accepted_key="key")
    assert admit("/v1/realtime?model=mine", {"Authorization": "bearer key"}, mine) == Admission("mine", None)


@pytest.mark.parametrize(
    ("headers", "settings"),
    [
        (KEY, {}),
        (bearer("a token"), {}),
        (KEY, {"accepted_key": "k"}),
        # A key is taken as a bearer, too.
        (bearer("k"), {"accepted_key": "k", "accepted_token": "t"}),
        (bearer("t"), {"accepted_key": "k", "accepted_token": "t"}),
    ],
)
def test_admitted_by_azure(headers: dict[str, str], settings: dict[str, str]) -> None:
    current = EmulatorSettings(dialect="azure", **settings)  # type: ignore[arg-type]
    assert admit(ON_AZURE, headers, current) == Admission("gpt-realtime", None)
    preview = EmulatorSettings(dialect="azure-preview", **settings)  # type: ignore[arg-type]
    assert admit(ON_PREVIEW, headers, preview) == Admission("gpt-4o-realtime", None)


def test_admitted_by_xai() -> None:
    assert admit(ON_XAI, bearer("xai-x"), XAI) == Admission("grok-voice-latest", None)
    # It has a model for who names none.
    assert admit("/v1/realtime", bearer("xai-x"), XAI) == Admission("grok-voice-latest", None)


def test_refusals_by_connection() -> None:
    settings = EmulatorSettings(refusals=(Refuse(429, range(1, 3), retry_after_s=7),))
    answers = [refusal(each, settings) for each in range(4)]
    assert [each and each.status for each in answers] == [None, 429, 429, None]
    assert answers[1] is not None and answers[1].retry_after_s == 7


@pytest.mark.parametrize("dialect", ["azure", "azure-preview"])
def test_azure_refuses_by_number(dialect: str) -> None:
    answer = refusal(0, EmulatorSettings(dialect=dialect, refusals=(Refuse(429),)))  # type: ignore[arg-type]
    assert answer is not None and json.loads(answer.body)["error"]["code"] == "429"
