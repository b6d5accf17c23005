"""Keys pressed on a call for its peer to hear: by events or tones in the media plane, or by INFO."""

import asyncio
import json
from collections.abc import Callable

from mediaserver.call.keys import RELAY, relay, schedule
from mediaserver.call.route import KeyStyle
from mediaserver.call.signalling import Media, Signalling
from mediaserver.call.stream import Stream
from mediaserver.talk.orders import KeysWanted, Outcome, Press


class Keypad:
    """The keys of one call. `leg` and `style` tell which leg it has, and how that leg's trunk wants keys."""

    def __init__(
        self,
        stream: Stream,
        signalling: Signalling,
        media: Media,
        leg: Callable[[], int | None],
        style: Callable[[], KeyStyle],
    ) -> None:
        self._stream = stream
        self._signalling = signalling
        self._media = media
        self._leg = leg
        self._style = style
        self._timers: list[asyncio.TimerHandle] = []

    def wanted(self, wanted: KeysWanted) -> None:
        """The agent wants keys pressed; it is told when they are, or at once where the media plane sees to it."""
        if not schedule(wanted.keys):
            refusal = {"error": f"{wanted.keys!r} has no keys; give 0-9, *, #, A-D"}
            self._media.order(Outcome(wanted.call, wanted.tool_call, json.dumps(refusal)))
            return
        told = Outcome(wanted.call, wanted.tool_call, json.dumps({"pressed": wanted.keys}))
        self.press(wanted.call, wanted.keys, lambda: self._media.order(told))

    def press(self, call: str, keys: str, then: Callable[[], None] = lambda: None) -> None:
        """Press `keys`; `then` is called when that is done as far as it is in our hands."""
        style, plan = self._style(), self._stream.plan
        events = plan is not None and plan.event_send is not None
        if style == "info" or (style == "auto" and not events):
            self._by_info(keys, then)
            return
        self._media.order(Press(call, keys, "tones" if style == "inband" else "auto"))
        then()

    def release(self) -> None:
        """The call is over."""
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()

    def _by_info(self, keys: str, then: Callable[[], None]) -> None:
        """One INFO a key, as fast as a finger: peers put no order into those that come at once."""
        loop, due = asyncio.get_running_loop(), schedule(keys)
        self._timers = [timer for timer in self._timers if timer.when() > loop.time()]
        self._timers += [loop.call_later(at, self._inform, digit) for at, digit in due]
        self._timers.append(loop.call_later(due[-1][0] if due else 0.0, then))

    def _inform(self, digit: str) -> None:
        if (leg := self._leg()) is not None:
            self._signalling.info(leg, RELAY, relay(digit))
