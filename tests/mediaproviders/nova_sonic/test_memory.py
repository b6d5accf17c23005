"""What a new session is told of before."""

from hypothesis import given
from hypothesis import strategies as st

from mediaproviders.contract import Said, Used
from mediaproviders.nova_sonic.memory import MOST_BLOCKS, MOST_BYTES, MOST_PART_BYTES, OPENING, blocks, parts

SAID = st.builds(Said, st.sampled_from(["caller", "agent", "system"]), st.text(max_size=3000))
USED = st.builds(Used, st.just("c"), st.just("weather"), st.just("{}"), st.none())


@given(st.lists(st.one_of(SAID, USED), max_size=80))
def test_whatever_was_said_is_told_as_the_service_takes_it(told):
    made = blocks(told)
    assert [each.role for each in made] == [("USER", "ASSISTANT")[index % 2] for index in range(len(made))]
    sizes = [len(part.encode()) for each in made for part in each.parts]
    assert sum(sizes) <= MOST_BYTES
    assert all(0 < size <= MOST_PART_BYTES for size in sizes)
    assert len(made) <= MOST_BLOCKS
    assert all(each.parts for each in made)


@given(st.text())
def test_parts_are_the_whole(text):
    assert "".join(parts(text, 16)) == text
    assert all(len(part.encode()) <= 16 for part in parts(text, 16))


def test_words_are_kept_whole():
    assert list(parts("one two three four five", 10)) == ["one two ", "three ", "four five"]


def test_the_newest_is_kept():
    told = [Said("caller", f"{number} " + "w" * 2000) for number in range(50)]
    mixed = [each for pair in zip(told, [Said("agent", "Yes.")] * 50, strict=True) for each in pair]
    made = blocks(mixed)
    assert made[-2].parts[0].startswith("49 ")
    assert len(made) < 50


def test_an_agent_that_spoke_first():
    made = blocks([Said("agent", "Hello."), Used("c", "weather", "{}"), Said("agent", "Sunny.")])
    assert [(each.role, each.parts) for each in made] == [("USER", (OPENING,)), ("ASSISTANT", ("Hello.\nSunny.",))]
    assert blocks([]) == blocks([Said("caller", "  ")]) == []
