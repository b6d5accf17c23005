"""What who watches a conversation is told of it, as it happens. Nothing, and at next to no cost, while nobody does."""

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from mediaserver.rtp.session import MediaSession
from mediaserver.talk.latency import TurnLatency
from mediaserver.talk.orders import Noted, Report, Turned

_REMEMBERED: Final = 64
"""Items that words may still come for after they were cut off."""

type Who = Literal["caller", "agent"]


class Notes:
    """Those on one call. `clock` gives monotonic seconds. Nothing here is called for a packet."""

    __slots__ = ("_caller", "_clock", "_report", "_settled", "_speaking", "call", "on")

    def __init__(self, call: str, report: Callable[[Report], None], clock: Callable[[], float]) -> None:
        self.call = call
        self.on = False
        """Somebody watches."""
        self._report = report
        self._clock = clock
        self._speaking: set[Who] = set()
        self._caller: dict[str, str] = {}
        self._settled: deque[str] = deque(maxlen=_REMEMBERED)

    def watch(self, on: bool) -> None:
        """Somebody watches, from the state of things on; or nobody does any more."""
        if on is self.on:
            return
        self.on = on
        self._caller.clear()
        for who in sorted(self._speaking):
            self.tell("speaking", who=who, on=True)

    def tell(self, what: str, /, **fields: object) -> None:
        """Something happened just now."""
        if self.on:
            self._report(Noted(self.call, what, self._clock(), fields))

    def speaks(self, who: Who, on: bool) -> None:
        """Somebody begins to speak, or is silent; what is known already is not told again."""
        if on is (who in self._speaking):
            return
        (self._speaking.add if on else self._speaking.discard)(who)
        self.tell("speaking", who=who, on=on)

    def caller_said(self, item: str, text: str, final: bool) -> None:
        """A piece of what the caller said, or the whole of it; told as the text so far."""
        if not self.on:
            return
        text = text if final else self._caller.get(item, "") + text
        if final:
            self._caller.pop(item, None)
        else:
            self._caller[item] = text
        self.tell("transcript", who="caller", item=item, text=text.strip(), final=final)

    def agent_says(self, item: str, text: str) -> None:
        """What the agent's item is by now, heard or not."""
        if item not in self._settled:
            self.tell("transcript", who="agent", item=item, text=text.strip(), final=False)

    def agent_said(self, item: str, text: str, heard_text: str | None) -> None:
        """An item of the agent is settled; `heard_text` is what the caller heard of it, None: everything."""
        self._settled.append(item)
        cut = {} if heard_text is None else {"interrupted": True, "heard_text": heard_text}
        self.tell("transcript", who="agent", item=item, text=text.strip(), final=True, **cut)

    def turn(self, latency: TurnLatency) -> None:
        """An answer begins to be heard; where the time went that it took. That is counted whoever watches."""
        self._report(Turned(self.call, latency))
        self.tell(
            "turn",
            turn=latency.turn,
            endpoint_ms=round(latency.endpoint_ms, 1),
            think_ms=round(latency.think_ms, 1),
            playout_ms=round(latency.playout_ms, 1),
            total_ms=round(latency.total_ms, 1),
        )

    def tool(self, name: str, output: str | None = None) -> None:
        """The model calls a tool, or this came of it."""
        failed = output is not None and output.lstrip().startswith('{"error"')
        self.tell("tool", name=name, state="called" if output is None else "failed" if failed else "done")

    def line(self, session: MediaSession) -> None:
        """How the line has been so far."""
        if not self.on:
            return
        counted = session.counters()
        self.tell(
            "quality",
            lost=counted.lost,
            late=counted.late,
            concealed_ms=round(counted.concealed_ms, 1),
            jitter_ms=round(counted.jitter_ms, 1),
            rtt_ms=None if counted.rtt_ms is None else round(counted.rtt_ms, 1),
            remote_lost=counted.remote_fraction_lost,
        )
