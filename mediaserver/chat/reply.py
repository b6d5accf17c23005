"""One answer of the model: what of its events is shown, and when it is over. Pure."""

from mediaproviders.contract import (
    AgentTranscript,
    Event,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    ToolCall,
)


class Reply:
    """Takes events in order; tells the words to show. Tool calls keep it open until the model has gone on."""

    def __init__(self) -> None:
        self.done = False
        self.failure: str | None = None
        """Why there is no answer, or no whole one."""
        self.text = ""
        """All that was shown."""
        self._items: dict[str, str] = {}
        self._calls: set[str] = set()
        self._went_on = True
        """Something came since the last tool result that only follows from it."""
        self._ending = False

    def take(self, event: Event) -> str:
        """What is to be shown of it."""
        match event:
            case AgentTranscript(item=item, text=text, final=final):
                return self._words(item, text, final)
            case ResponseStarted():
                self._went_on = True
            case ToolCall(call=call):
                self._calls.add(call)
            case ResponseDone(status=status, reason=reason):
                self._response_done(status, reason)
            case Reconnected():
                # What was under way is void; the answer comes again, from its beginning.
                self._items.clear()
                return self._show("\n") if self.text and not self.text.endswith("\n") else ""
            case _:
                pass
        return ""

    def answered(self, call: str) -> None:
        """The model has been given the result of a tool."""
        self._calls.discard(call)
        self._went_on = False

    def ending(self) -> None:
        """Nothing comes after the present response."""
        self._ending = True

    @property
    def waits_for_tools(self) -> bool:
        """Tools are running."""
        return bool(self._calls)

    def _words(self, item: str, text: str, final: bool) -> str:
        begun = item in self._items
        known = self._items.get(item, "")
        piece = text
        if final:
            # What was shown cannot be taken back: of a whole that differs nothing is added.
            piece = text[len(known) :] if text.startswith(known) else ""
        self._items[item] = known + piece
        if not piece:
            return ""
        self._went_on = True
        if not self.text:
            piece = piece.lstrip()
        elif not begun and not self.text[-1].isspace() and not piece[0].isspace():
            piece = " " + piece
        return self._show(piece)

    def _show(self, piece: str) -> str:
        self.text += piece
        return piece

    def _response_done(self, status: str, reason: str | None) -> None:
        if status == "failed" or (status == "incomplete" and not self.text):
            self.failure = reason or status
            self.done = not self._calls
        elif self._ending or (not self._calls and self._went_on):
            self.done = True
