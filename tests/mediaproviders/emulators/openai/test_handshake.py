"""Which requests become sessions."""

import json

import pytest

from mediaproviders.emulators.openai import EmulatorSettings, Refuse
from mediaproviders.emulators.openai.handshake import Admission, HttpAnswer, admit, refusal

ANY = EmulatorSettings()
TARGET = "/v1/realtime?model=gpt-realtime"


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
    answer = admit(target, key, None, None, settings)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)


def test_the_key_is_not_echoed_whole() -> None:
    answer = admit(TARGET, "Bearer secret-secret-secret", None, None, ANY)
    assert isinstance(answer, HttpAnswer) and b"secret-secret" not in answer.body


def test_beta_clients_are_refused() -> None:
    answer = admit(TARGET, "Bearer sk-x", None, "realtime=v1", ANY)
    assert isinstance(answer, HttpAnswer) and answer.status == 400


def test_admitted() -> None:
    assert admit(TARGET, "Bearer sk-x", None, None, ANY) == Admission("gpt-realtime", None)
    assert admit(TARGET + "&call=7", "Bearer sk-x", "8", None, ANY) == Admission("gpt-realtime", "7")
    assert admit(TARGET, "Bearer sk-x", "8", None, ANY) == Admission("gpt-realtime", "8")
    mine = EmulatorSettings(models=frozenset({"mine"}), accepted_key="key")
    assert admit("/v1/realtime?model=mine", "bearer key", None, None, mine) == Admission("mine", None)


def test_refusals_by_connection() -> None:
    settings = EmulatorSettings(refusals=(Refuse(429, range(1, 3), retry_after_s=7),))
    answers = [refusal(each, settings) for each in range(4)]
    assert [each and each.status for each in answers] == [None, 429, 429, None]
    assert answers[1] is not None and answers[1].retry_after_s == 7
