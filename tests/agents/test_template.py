import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.agents.template import faults, fill


def test_variables_are_filled_and_double_braces_are_single():
    text = 'Say {{"name": "{caller}"}} to {agent}.'
    assert list(faults(text, {"caller", "agent"})) == []
    assert fill(text, {"caller": "+49", "agent": "Ann"}) == 'Say {"name": "+49"} to Ann.'


def test_values_are_not_read_as_templates():
    assert fill("{a}", {"a": "{b} }} {{"}) == "{b} }} {{"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello {caler}", "{caler} is no variable; did you mean caller?"),
        ("one\ntwo { three", "line 2: { at '{ three' is no variable; write {{ for a brace"),
        ("a } b", "line 1: } at '} b' is no variable; write }} for a brace"),
        ("{two words}", "line 1: { at '{two words}' is no variable"),
    ],
)
def test_what_is_no_variable_is_named(text, words):
    assert words in next(faults(text, {"caller", "date"}))


def test_every_fault_is_told():
    assert len(list(faults("{x} { {y}", {"caller"}))) == 3


@given(st.text(alphabet="{}ab \n", max_size=12))
def test_a_text_without_faults_can_be_filled(text):
    if not list(faults(text, {"a", "b"})):
        fill(text, {"a": "1", "b": "2"})
