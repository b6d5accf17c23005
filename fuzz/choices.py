"""Where a target takes its decisions from: the octets of a fuzzer, or hypothesis."""

from collections.abc import Sequence
from typing import Protocol

from hypothesis import strategies as st


class Choices(Protocol):
    """Decisions one after the other. `rest` is the last one asked for."""

    def below(self, bound: int) -> int:
        """A number from 0 up to `bound`, at most 2**32, exclusively."""

    def pick[Option](self, options: Sequence[Option]) -> Option:
        """One of them."""

    def flag(self) -> bool:
        """Yes or no."""

    def octets(self, most: int) -> bytes:
        """Up to `most` of them, at most 65,535."""

    def more(self) -> bool:
        """Whether to go on. Once it has said no, nothing else may be asked."""

    def rest(self, examples: Sequence[bytes], words: Sequence[bytes]) -> bytes:
        """All that is left: in the manner of `examples`, with some of `words` strewn in, if there is a choice."""


def _width(bound: int) -> int:
    """Octets a number below `bound` is written with."""
    return 1 if bound <= 0x100 else 2 if bound <= 0x1_0000 else 4


class FromOctets:
    """What is decided by octets; when they are used up, always 0."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def _number(self, width: int) -> int:
        read = self._octets[self._at : self._at + width]
        self._at += width
        return int.from_bytes(read, "little")

    def below(self, bound: int) -> int:
        """The next number, by its remainder."""
        return self._number(_width(bound)) % bound

    def pick[Option](self, options: Sequence[Option]) -> Option:
        """By its place."""
        return options[self.below(len(options))]

    def flag(self) -> bool:
        """The lowest bit of one octet."""
        return bool(self.below(2))

    def octets(self, most: int) -> bytes:
        """A length and so many octets."""
        size = self.below(most + 1)
        read = self._octets[self._at : self._at + size]
        self._at += size
        return read

    def more(self) -> bool:
        """As long as there are octets."""
        return self._at < len(self._octets)

    def rest(self, examples: Sequence[bytes], words: Sequence[bytes]) -> bytes:
        """What is left, as it is."""
        return self._octets[self._at :]


class FromHypothesis:
    """What is drawn. `octets_so_far` are those by which `FromOctets` decides alike."""

    def __init__(self, data: st.DataObject, most_steps: int) -> None:
        self._data = data
        self._steps_left = most_steps
        self.octets_so_far = bytearray()

    def below(self, bound: int) -> int:
        """Drawn."""
        number = self._data.draw(st.integers(0, bound - 1))
        self.octets_so_far += number.to_bytes(_width(bound), "little")
        return number

    def pick[Option](self, options: Sequence[Option]) -> Option:
        """By its place."""
        return options[self.below(len(options))]

    def flag(self) -> bool:
        """Drawn."""
        return bool(self.below(2))

    def octets(self, most: int) -> bytes:
        """Drawn."""
        drawn = self._data.draw(st.binary(max_size=min(most, 300)))
        self.octets_so_far += len(drawn).to_bytes(_width(most + 1), "little") + drawn
        return drawn

    def more(self) -> bool:
        """Mostly; the number of steps is bounded."""
        self._steps_left -= 1
        return self._steps_left > 0 and self._data.draw(st.integers(0, 24)) > 0

    def rest(self, examples: Sequence[bytes], words: Sequence[bytes]) -> bytes:
        """An example with some edits."""
        octets = bytearray(self._data.draw(st.sampled_from(examples)))
        for _ in range(self._data.draw(st.integers(0, 5))):
            at = self._data.draw(st.integers(0, len(octets)))
            end = min(len(octets), at + self._data.draw(st.sampled_from((0, 0, 1, 1, 2, 5, 40))))
            octets[at:end] = self._data.draw(st.one_of(st.sampled_from(words), st.binary(max_size=4)))
        self.octets_so_far += octets
        return bytes(octets)


def edited(octets: bytes, choices: Choices, words: Sequence[bytes]) -> bytes:
    """`octets` with up to four pieces cut out, overwritten or put in."""
    text = bytearray(octets)
    for _ in range(choices.below(5)):
        at = choices.below(0x1_0000) % (len(text) + 1)
        end = min(len(text), at + choices.pick((0, 1, 2, 5, 40)))
        text[at:end] = choices.pick(words) if choices.flag() else choices.octets(4)
    return bytes(text)


def pumped(choices: Choices, words: Sequence[bytes], longest: int) -> bytes:
    """A few words and a unit of up to four over and over: what takes some readers the square of the time."""
    unit = b"".join(choices.pick(words) for _ in range(1 + choices.below(4))) + choices.octets(3)
    size = choices.pick((longest, longest // 8))
    text = choices.pick(words) + choices.octets(4) + unit * (size // len(unit)) + choices.pick(words)
    return text[:size]
