"""Text modality: what the model remembers of its own words, made to agree with what was heard of them."""

from collections.abc import Callable

from mediaproviders.openai_realtime import commands
from mediaproviders.openai_realtime.items import Order


class Memory:
    """Takes items of the agent out of the conversation and puts what was heard in their place.

    `agent_text` is the content type of a text the agent said.
    """

    def __init__(self, send: Callable[[bytes], None], agent_text: str) -> None:
        self._send = send
        self._agent_text = agent_text
        self._waiting: dict[str, tuple[str, str]] = {}
        """Items to replace once their response is over: that response, and the text."""
        self.order = Order()
        """Where the items stand."""

    def amend(self, item: str, text: str, *, being_written: str | None) -> None:
        """Put `text` in the place of `item`; once the response is over that is still writing it, if there is one."""
        if being_written is not None:
            # Replaced now, it would come back.
            self._waiting[item] = (being_written, text)
        else:
            self._replace(item, text)

    def response_over(self, response: str) -> None:
        """Make good what waited for it."""
        for item, (writing, text) in list(self._waiting.items()):
            if writing == response:
                del self._waiting[item]
                self._replace(item, text)

    def _replace(self, item: str, text: str) -> None:
        if not text.strip():
            gone = self.order.remove(item)
            if gone is not None:
                self._send(commands.delete_item(gone))
            return
        places = self.order.replace(item)
        if places is not None:
            old, new, after = places
            self._send(commands.delete_item(old))
            self._send(commands.put_agent_message(new, text, after, self._agent_text))
