"""What was said and done, as another session can be told of it."""

from collections.abc import Container, Iterable
from dataclasses import replace

from mediaproviders.contract import Said, Told, Used


def retold(history: Iterable[Told], running: Container[str]) -> list[Told]:
    """Calls get ids of their own: a session may count its own calls from 1 as the last one did.

    Not every session takes the result of another's call. So a tool that is still `running` is told in words, and its
    result will be.
    """
    told: list[Told] = []
    for each in history:
        if not isinstance(each, Used):
            told.append(each)
        elif each.call in running:
            told.append(
                Said("system", f"The tool {each.name} was called with {each.arguments}. Its result will follow.")
            )
        else:
            told.append(replace(each, call=f"told_{len(told) + 1}"))
    return told
