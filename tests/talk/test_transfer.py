"""Where a transfer may go, and what the model is told of it."""

import pytest

from mediaserver.talk.press import RefusedKeysError, keys
from mediaserver.talk.transfer import RefusedTargetError, Transfer, is_target, plain, spec, target

LISTED = Transfer(valid_numbers=("+49 30 1234", "sip:desk@pbx.example"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("+49 (30) 12-34", "+49301234"),
        ("tel:+49301234;phone-context=x", "+49301234"),
        (" 110 ", "110"),
        ("<sip:a@b>", "sip:a@b"),
    ],
)
def test_a_number_is_dialled_without_its_decoration(given: str, expected: str):
    assert plain(given) == expected


@pytest.mark.parametrize("given", ["+49 30 1234", "*21#", "sip:ward@pbx.example;transport=tls", "sips:a@b"])
def test_what_can_be_dialled(given: str):
    assert is_target(given)


@pytest.mark.parametrize(
    "given", ["", "the boss", "sip:a b", "sip:a@b>;x", "sip:a@b?Replaces=1", "+", "12a", "http://x"]
)
def test_what_cannot_be_dialled(given: str):
    assert not is_target(given)


def test_the_model_chooses_from_the_list():
    assert target(LISTED, '{"phone": "+49301234"}') == "+49301234"
    assert target(LISTED, '{"phone": "tel:+49-30-1234"}') == "+49301234"
    assert target(LISTED, '{"phone": "sip:desk@pbx.example"}') == "sip:desk@pbx.example"
    with pytest.raises(RefusedTargetError, match=r"0900123 is not allowed; allowed are \+49 30 1234"):
        target(LISTED, '{"phone": "0900123"}')
    assert spec(LISTED).parameters["properties"]["phone"]["enum"] == list(LISTED.valid_numbers)  # type: ignore[index]


def test_with_a_default_the_model_has_no_choice():
    fixed = Transfer(default_number="+49 30 99", valid_numbers=("1",))
    assert target(fixed, '{"phone": "0900123"}') == "+493099"
    assert spec(fixed).parameters["properties"] == {}


def test_without_either_any_number_will_do_but_no_nonsense():
    assert target(Transfer(), '{"phone": 4930123}') == "4930123"
    for arguments in ("", "{}", "[]", '{"phone": ""}', '{"phone": true}', '{"phone": "mum"}', "{"):
        with pytest.raises(RefusedTargetError):
            target(Transfer(), arguments)


def test_keys_to_be_pressed():
    assert keys('{"keys": "12w3,#"}') == "12w3,#"
    assert keys('{"keys": "1 a W"}') == "1AW"
    assert keys('{"keys": 42}') == "42"


@pytest.mark.parametrize(
    "arguments", ["", "{}", "[1]", '{"keys": ""}', '{"keys": "ww"}', '{"keys": "12x"}', "1", "nope"]
)
def test_what_cannot_be_pressed(arguments: str):
    with pytest.raises(RefusedKeysError):
        keys(arguments)


def test_too_many_keys():
    with pytest.raises(RefusedKeysError):
        keys(f'{{"keys": "{"1" * 65}"}}')
