"""Tools the model has called: each result goes to the session that called, or is told in words to the one after it."""

from collections.abc import Container
from dataclasses import replace

from mediaproviders.continuity.names import Names
from mediaproviders.contract import ToolCall


class Calls:
    """The calls of a conversation."""

    def __init__(self) -> None:
        self._names = Names()
        self._made: dict[str, ToolCall] = {}
        self._late: list[str] = []

    def begin(self) -> None:
        """Calls are another session's from now on."""
        self._names.begin()

    def unique(self, call: ToolCall) -> ToolCall:
        """A call of the current session, under an id that no other has."""
        call = replace(call, call=self._names.unique(call.call))
        self._made.setdefault(call.call, call)
        return call

    def returned(
        self, call: str, output: str, still_open: Container[str], *, waits: bool
    ) -> tuple[str | None, str | None]:
        """A tool returned. The call as the current session knows it, or else an instruction that tells the result.

        `waits`: it was waited for. Neither while other calls of earlier sessions are `still_open`: the model goes on
        once, with all results.
        """
        own = self._names.own(call)
        if own is not None or not waits:
            return own or call, None
        made = self._made[call]
        self._late.append(f"The tool {made.name}, called before with {made.arguments}, returned: {output}")
        if any(other in still_open and self._names.own(other) is None for other in self._made):
            return None, None
        results, self._late = self._late, []
        return None, "\n".join(results)
