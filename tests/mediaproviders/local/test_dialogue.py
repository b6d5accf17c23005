import json
from pathlib import Path

import pytest

from mediaproviders.contract import ProviderError, Said
from mediaproviders.local import match
from mediaproviders.local.dialogue import Answer, Dialogue, sentences, spoken_result
from mediaproviders.local.receptionist import RECEPTIONIST
from mediaproviders.local.script import Script


def intent(heard: str, *tools: str) -> str:
    answer = Dialogue(RECEPTIONIST, tools=tools).answer(heard)
    assert answer is not None
    return answer.intent


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("What are your opening hours?", "hours"),
        ("What are you opening hours?", "hours"),
        ("what time do you open", "hours"),
        ("Well, tell your opening ours.", "hours"),
        ("Where are you located?", "address"),
        ("What's your adress please", "address"),
        ("How much does a visit cost?", "price"),
        ("How much of a visit cost?", "price"),
        ("What can you do?", "abilities"),
        ("Can you tell me this story?", "story"),
        ("Please tell me a story.", "story"),
        ("What time is it?", "time"),
        ("Who are you?", "identity"),
        ("Are you a robot?", "identity"),
        ("My number is 555-1234.", "number"),
        ("My name is Alice Brown.", "name"),
        ("Could you say that again?", "fallback"),  # nothing was said yet
        ("Wait, please stop.", "stop"),
        ("Thank you very much.", "thanks"),
        ("Thank you. Good bye.", "goodbye"),
        ("Thanks, bye", "goodbye"),
        ("The weather is nice in Portugal", "fallback"),
        ("Mm", "fallback"),
    ],
)
def test_the_front_desk_understands(heard: str, meant: str) -> None:
    assert intent(heard) == meant


@pytest.mark.parametrize("said", [intent.any for intent in RECEPTIONIST.intents], ids=lambda phrases: phrases[0])
def test_every_phrase_of_the_built_in_script_finds_an_intent(said: tuple[str, ...]) -> None:
    assert all(match.score(phrase, phrase) == pytest.approx(1.0) for phrase in said)


def test_the_story_is_long_enough_to_be_interrupted() -> None:
    (story,) = [intent.say for intent in RECEPTIONIST.intents if intent.name == "story"]
    assert story is not None and len(story.split()) > 100  # three words a second


def test_a_number_is_read_back_digit_by_digit() -> None:
    answer = Dialogue(RECEPTIONIST).answer("My number is five five five 1234")
    assert answer is not None and answer.sentences == ("You said 5 5 5, 1 2 3, 4.",)
    pressed = Dialogue(RECEPTIONIST).answer("7")
    assert pressed is not None and pressed.sentences == ("You said 7.",)


def test_a_name_is_read_back() -> None:
    answer = Dialogue(RECEPTIONIST).answer("Hello, my name is Alice Brown.")
    assert answer is not None and answer.sentences == ("Nice to meet you, Alice Brown.",)


def test_fallbacks_take_turns() -> None:
    dialogue = Dialogue(RECEPTIONIST)
    said = [dialogue.answer("xyzzy") for _ in range(4)]
    assert len({answer.sentences for answer in said if answer}) == 3
    assert said[0] == said[3]


def test_a_noisy_line_is_not_apologised_to_for_ever() -> None:
    dialogue = Dialogue(RECEPTIONIST)
    assert [dialogue.answer(heard) is not None for heard in ("", " ...", "", "", "hello", "")] == [
        True, True, False, False, True, True,
    ]  # fmt: skip


def test_a_tool_is_called_only_if_the_agent_has_it() -> None:
    with_tool = Dialogue(RECEPTIONIST, tools=["get_time"]).answer("What time is it?")
    assert with_tool is not None and with_tool.call is not None and with_tool.call.name == "get_time"
    without = Dialogue(RECEPTIONIST).answer("What time is it?")
    assert without is not None and without.call is None and "clock" in without.sentences[0]


def test_tool_arguments_and_result_are_filled_in() -> None:
    script = Script.read(
        {
            "greeting": "Hi.",
            "fallback": ["What?"],
            "intents": [
                {
                    "name": "order",
                    "any": ["my order"],
                    "recall": "number",
                    "tool": {"name": "find", "arguments": {"id": "{number}", "n": 3}, "say": "It is {result}. {x}"},
                }
            ],
        }
    )
    dialogue = Dialogue(script, tools=["find"])
    answer = dialogue.answer("Where is my order four two?")
    assert answer is not None and answer.call is not None
    assert json.loads(answer.call.arguments) == {"id": "4 2", "n": 3}
    assert dialogue.answer_with(answer.call, '{"result": "on its way"}').sentences == ("It is on its way.", "{x}")


@pytest.mark.parametrize(
    ("output", "spoken"),
    [("noon", "noon"), ('"noon"', "noon"), ('{"result": 5}', "5"), ('{"a": 1, "b": 2}', "a 1, b 2"), ("[1,2]", "1, 2")],
)
def test_a_tool_result_is_said_in_words(output: str, spoken: str) -> None:
    assert spoken_result(output) == spoken


def speak(dialogue: Dialogue, item: str, answer: Answer | None) -> None:
    assert answer is not None
    dialogue.begin(item, answer)
    for index, sentence in enumerate(answer.sentences, 1):
        dialogue.spoke(item, sentence, index * 1000.0)
    dialogue.finished(item)


def test_the_history_keeps_what_was_heard() -> None:
    dialogue = Dialogue(RECEPTIONIST, history=[Said("system", "before")])
    speak(dialogue, "a", Answer(("One two three four.", "Five six seven eight."), "x"))
    assert dialogue.cut("a", 1500)
    assert list(dialogue.history) == [Said("system", "before"), Said("agent", "One two three four. Five six")]
    assert dialogue.cut("a", 0)
    assert dialogue.history[-1] == Said("agent", "")
    assert not dialogue.cut("nobody", 10)


def test_it_goes_on_from_the_sentence_that_was_cut() -> None:
    dialogue = Dialogue(RECEPTIONIST)
    speak(dialogue, "a", dialogue.answer("tell me a story"))
    dialogue.cut("a", 2500)
    speak(dialogue, "b", dialogue.answer("wait"))
    rest = dialogue.answer("please go on")
    (story,) = [intent.say for intent in RECEPTIONIST.intents if intent.name == "story"]
    assert rest is not None and rest.sentences == sentences(story or "")[2:]


def test_it_says_the_last_answer_again() -> None:
    dialogue = Dialogue(RECEPTIONIST)
    first = dialogue.answer("what is your address")
    speak(dialogue, "a", first)
    again = dialogue.answer("say that again please")
    assert first is not None and again is not None and again.sentences == first.sentences


def test_goodbye_ends_the_call() -> None:
    answer = Dialogue(RECEPTIONIST).answer("Goodbye.")
    assert answer is not None and answer.ends


def test_sentences_are_never_longer_than_a_unit_of_work() -> None:
    assert sentences("One. Two! Three? ") == ("One.", "Two!", "Three?")
    assert all(len(piece) <= 300 for piece in sentences("word " * 500)) and sentences("") == ()


def test_every_fault_of_a_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        Script.read({"greeting": 5, "fallback": [], "intents": [{"name": "x", "any": [], "sey": "y"}]})
    assert caught.value.code == "script" and not caught.value.retryable
    assert all(place in str(caught.value) for place in ("greeting", "fallback", "intents.0.any", "intents.0.sey"))
    broken = tmp_path / "script.toml"
    broken.write_text("greeting = ")
    for path in (broken, tmp_path / "absent.toml"):
        with pytest.raises(ProviderError, match=path.name):
            Script.read(path)


def test_a_script_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text(
        'greeting = "Shop."\nfallback = ["What?"]\n[[intents]]\nname = "a"\nany = ["apple"]\nsay = "One dollar."\n'
    )
    answer = Dialogue(Script.read(path)).answer("an apple please")
    assert answer is not None and answer.sentences == ("One dollar.",)
