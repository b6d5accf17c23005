"""Numbers in any spelling; above all those of emergencies."""

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.call.number import BadNumberError, Plan, begins, dialled, is_emergency, is_number
from mediaserver.config.outbound import EMERGENCY

GERMANY = Plan("49")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+49 30 555-12", "+493055512"),
        ("tel:+49-30-555.12", "+493055512"),
        ("(030) 555 12", "+493055512"),
        ("0049/30/55512", "+493055512"),
        ("%2B493055512", "+493055512"),
        ("+49\u2011 30\u00a055512", "+493055512"),
        ("\u0664\u0669", "49"),
        ("4711", "4711"),
    ],
)
def test_one_form(text: str, number: str) -> None:
    assert dialled(text, GERMANY) == number


def test_without_a_country_numbers_stay_as_they_are() -> None:
    assert dialled("030 555", Plan()) == "030555"
    assert dialled("00 44 20 555", Plan()) == "+4420555"


@pytest.mark.parametrize(
    "text", ["", "  ", "alice", "+49305,,5", "+4930;ext=5", "+4930p5", "*31#4930", "+49+30", "4930x5", "+", "1" * 21]
)
def test_what_is_no_number_or_has_something_to_dial_after_it(text: str) -> None:
    with pytest.raises(BadNumberError):
        dialled(text, GERMANY)


def test_written_for_the_country_and_from_abroad() -> None:
    assert GERMANY.national("+4930555") == "030555"
    assert GERMANY.national("+4420555") == "004420555"
    assert GERMANY.international("+4930555") == "004930555"
    assert Plan().national("030555") == "030555"


def test_the_longest_beginning() -> None:
    assert begins("+4930555", ("+", "+49", "+4930", "+43")) == 5
    assert begins("+4930555", ("+43",)) == -1


def test_names_are_no_numbers() -> None:
    assert is_number("+49 30") and is_number("100")
    assert not is_number("alice") and not is_number("a1")


EXAMPLES = [
    "112", "tel:112", "sip:112@carrier.example", "sips:112@carrier.example;user=phone", "1-1-2", "1 1 2", "(112)",
    "%31%31%32", "sip:%31%31%32@h", "%2531%2531%2532", "+49112", "+1911", "+1 (911)", "0049112", "01149112", "0112",
    "9112", "9911", "112,5", "112;ext=5", "112p1", "112w1", "112#", "112x7", "112ext7", "112;phone-context=+49",
    "tel:112;phone-context=+49", "tel:911;phone-context=+1", "<sip:112@h>", "sip:112;x=1@h", "sip:112:pw@h",
    "１１２", "١١٢", "1\u200b12", "\u202a112\u202c", "1\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e3", "urn:service:sos",
    "urn:service:sos.police", "sip:sos@h", "1.1.2", "1/1/2", "08", "+44999", "sip:112@h?Subject=x", "SIP:112@h",
    "TEL:112", " 112 ", "\t112", "+49 0112", "callto:112",
]  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
def test_spellings_of_an_emergency_number(text: str) -> None:
    assert is_emergency(text, EMERGENCY)


@pytest.mark.parametrize(
    "text", ["+493055512", "+14155550112", "030112112", "1125", "5112", "sip:alice@h", "alice", "+49911555"]
)
def test_other_numbers_that_hold_one_are_none(text: str) -> None:
    assert not is_emergency(text, EMERGENCY)


DIGIT = {
    digit: [digit, f"%3{digit}", f"%253{digit}", chr(0xFF10 + int(digit)), chr(0x660 + int(digit))]
    for digit in string.digits
}
SEPARATORS = st.text(" -.()/\u00a0\u2011\u200b\u2060", max_size=3)
BEFORE = [
    "",
    "tel:",
    "TEL:",
    "sip:",
    "sips:",
    "<sip:",
    " ",
    "+49",
    "+1",
    "+",
    "0049",
    "00",
    "011",
    "0",
    "9",
    "tel:+44",
    "sip:+49",
]
AFTER = [
    "", ",", ",,5", ";ext=5", "p1", "w12", "x9", "#", ";phone-context=+49", ";isub=1", "@carrier.example",
    "@h;user=phone", "@h>", "&1",
]  # fmt: skip


@settings(max_examples=500)
@given(data=st.data())
def test_no_spelling_of_an_emergency_number_passes(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(EMERGENCY))
    pieces = [data.draw(st.sampled_from(BEFORE))]
    for digit in number:
        pieces += [data.draw(st.sampled_from(DIGIT[digit])), data.draw(SEPARATORS)]
    pieces.append(data.draw(st.sampled_from(AFTER)))
    text = "".join(pieces)
    assert is_emergency(text, EMERGENCY), text


@given(text=st.text())
def test_any_text_is_judged_without_failing(text: str) -> None:
    is_emergency(text, EMERGENCY)
    try:
        number = dialled(text, GERMANY)
    except BadNumberError:
        return
    assert number.removeprefix("+").isascii() and number.removeprefix("+").isdigit()


@pytest.mark.parametrize("unit", ["\u00a0", " ", "tel:", "%2531", "sip:a@", "\u200b"])
def test_a_long_text_is_read_at_once(unit: str) -> None:
    text = (unit * 30_000)[:30_000]
    before = time.process_time()
    assert not is_emergency(text, EMERGENCY)
    is_number(text)
    assert time.process_time() - before < 0.5, "all calls wait meanwhile"
