"""Who is let in."""

import json

import pytest

from mediaproviders.emulators.gemini.handshake import Admission, HttpAnswer, admit
from mediaproviders.emulators.gemini.settings import GeminiSettings

DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"


def ask(target, key=None, authorization=None, call=None, **settings):
    return admit(target, key, authorization, call, GeminiSettings(**settings))


def status(answer):
    assert isinstance(answer, HttpAnswer)
    if answer.status != 200:
        assert json.loads(answer.body)["error"]["code"] == answer.status
    return answer.status


@pytest.mark.parametrize("target", [DEVELOPER, f"/{DEVELOPER}", DEVELOPER.replace("/google", "//google")])
def test_the_developer_api(target):
    assert ask(target, "AIza-x", call="c") == Admission(False, "v1beta", True, "c")
    assert ask(f"{target}?key=AIza-x") == Admission(False, "v1beta", True, None)
    # A wrong key is found out later.
    assert ask(target, "x") == Admission(False, "v1beta", False, None)
    assert ask(target, "right", accepted_key="right") == Admission(False, "v1beta", True, None)
    assert ask(target, "AIza-x", accepted_key="right") == Admission(False, "v1beta", False, None)
    assert status(ask(target)) == 403


def test_vertex():
    assert ask(VERTEX, authorization="Bearer t") == Admission(True, "v1beta1", True, None)
    assert status(ask(VERTEX)) == 401
    assert status(ask(VERTEX, "AIza-x")) == 401
    assert status(ask(VERTEX, authorization="Basic t")) == 401
    assert status(ask(VERTEX, authorization="Bearer t", accepted_token="u")) == 401


def test_other_paths():
    assert status(ask("/v1/realtime", "AIza-x")) == 404
    assert status(ask(DEVELOPER.replace("v1beta", "v9"), "AIza-x")) == 404
    assert status(ask("/health")) == 200
