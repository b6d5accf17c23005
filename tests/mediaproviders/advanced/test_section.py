"""Faults are told as sentences that name the key, and the nearest one there is."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from mediaproviders.advanced import Section, faults


class Ear(Section):
    kind: Literal["near", "far"] = "near"
    silence_ms: Annotated[int, Field(ge=0, le=1000)] = 500


class Voice(Section):
    voice: str = "a"
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    ear: Ear | None = None
    words: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"voce": "b"}, "x.voce is unknown; did you mean voice?"),
        ({"zzz": 1}, "x.zzz is unknown; known are ear, speed, voice, words"),
        ({"ear": {"silence": 1}}, "x.ear.silence is unknown; did you mean silence_ms?"),
        ({"ear": {"kind": "medium"}}, "x.ear.kind is 'medium': input should be 'near' or 'far'"),
        ({"speed": 9}, "x.speed is 9: input should be less than or equal to 2"),
        ({"words": ["a", 1]}, "x.words.1 is 1: input should be a valid string"),
        ({"ear": 3}, "x.ear is 3: input should be a valid dictionary or instance of Ear"),
        ([], "x is []: input should be a valid dictionary or instance of Voice"),
    ],
)
def test_each_fault_is_a_sentence(value, told):
    assert faults("x", Voice, value) == [told]


def test_all_faults_at_once():
    assert len(faults("x", Voice, {"voce": 1, "speed": 9, "ear": {"kind": 1}})) == 3


def test_nothing_wrong():
    assert faults("x", Voice, {"voice": "b", "ear": None}) == []
