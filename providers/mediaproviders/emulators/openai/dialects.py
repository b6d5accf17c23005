"""How a service words the protocol: the core of a session knows OpenAI's GA shapes, a dialect translates to and fro."""

from collections.abc import Iterable
from typing import Any, Protocol

from mediaproviders.emulators.openai import validation

type Fields = dict[str, Any]


class Dialect(Protocol):
    """The wording of one session; it may remember what it said."""

    audio_delta: str
    """The type of the event that carries audio."""

    def hear(self, event: Fields) -> Fields:
        """A client event in GA shape. Raises Refusal for a shape this dialect does not know."""

    def say(self, kind: str, fields: Fields) -> Iterable[tuple[str, Fields]]:
        """The events, if any, that say this GA event."""

    def parameter(self, path: str | None) -> str | None:
        """The path of a refused parameter in this dialect's words."""


class CurrentDialect:
    """OpenAI's GA interface, and Azure's."""

    audio_delta = "response.output_audio.delta"

    def hear(self, event: Fields) -> Fields:
        """As it is, when its shape is right."""
        validation.check_shape(event)
        return event

    def say(self, kind: str, fields: Fields) -> Iterable[tuple[str, Fields]]:
        """As it is."""
        return ((kind, fields),)

    def parameter(self, path: str | None) -> str | None:
        """As it is."""
        return path


type Places = tuple[tuple[str, tuple[str, ...]], ...]
"""Where a setting lies at the top level of a dialect's session, and where in the GA session."""


def from_top(given: Fields, places: Places) -> Fields:
    """A session in GA shape, made of one that has some settings at the top level; given objects are left alone."""
    moved = {name for name, _ in places}
    session = {name: _copied(value) for name, value in given.items() if name not in moved}
    for name, path in places:
        if name in given:
            into = session
            for step in path[:-1]:
                into = into.setdefault(step, {})
            into[path[-1]] = given[name]
    return session


def to_top(session: Fields, places: Places) -> Fields:
    """The reverse: what lies deep in the GA session is brought up; the rest stays."""
    made = {name: _copied(value) for name, value in session.items()}
    for name, path in places:
        holder: Any = made
        for step in path[:-1]:
            holder = holder.get(step, {})
        if path[-1] in holder:
            made[name] = holder.pop(path[-1])
    return made


def parameter(path: str | None, places: Places) -> str | None:
    """A path in a GA session or response, in the words of a dialect."""
    if path is None:
        return None
    root, _, rest = path.partition(".")
    for name, place in sorted(places, key=lambda each: -len(each[1])):
        deep = ".".join(place)
        if rest == deep or rest.startswith((deep + ".", deep + "[")):
            return f"{root}.{name}{rest[len(deep) :]}"
    return path


def _copied(value: Any) -> Any:
    return {name: _copied(each) for name, each in value.items()} if isinstance(value, dict) else value
