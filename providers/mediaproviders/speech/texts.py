"""Long texts cut to what a service takes at once."""

from collections.abc import Callable, Iterator

_ENDS_BEFORE_SPACE = ".!?…"
_ENDS = "。！？\n"


def parts(text: str, most: int, size: Callable[[str], int] = len) -> Iterator[str]:
    """`text` in pieces of at most `most`, measured by `size`: cut after a sentence, else at a space, else anywhere.

    Blank text has no pieces.
    """
    rest = text.strip()
    while rest:
        if size(rest) <= most:
            yield rest
            return
        end = _cut(rest, _reach(rest, most, size))
        yield rest[:end].strip()
        rest = rest[end:].lstrip()


def octets(text: str) -> int:
    """Its size in UTF-8."""
    return len(text.encode())


def speakable(text: str) -> bool:
    """Whether there is anything in it to be said aloud."""
    return any(each.isalnum() for each in text)


def _reach(text: str, most: int, size: Callable[[str], int]) -> int:
    """How many characters fit; at least one."""
    low, high = 1, min(len(text), most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(text[:middle]) <= most else (low, middle - 1)
    return low


def _cut(text: str, reach: int) -> int:
    # A sentence that ends in the first half is no reason to waste a request on the other.
    for end in range(reach, reach // 2, -1):
        last = text[end - 1]
        if last in _ENDS or (last in _ENDS_BEFORE_SPACE and text[end : end + 1].isspace()):
            return end
    for end in range(reach, 0, -1):
        if text[end : end + 1].isspace():
            return end
    return reach
