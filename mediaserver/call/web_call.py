"""A call that a browser makes by HTTP: an incoming one like any other, but for what HTTP cannot say."""

from collections.abc import Callable
from typing import Final

from mediaserver.call.desk import Desk
from mediaserver.call.end import CallEnd
from mediaserver.call.incoming import Incoming
from mediaserver.sdp import web_offer
from mediaserver.sip.events import Flow
from mediaserver.talk.orders import Agent

UNREAD_S: Final = 10.0
"""How long after the answer a feed is kept for somebody who may come to read it."""


class WebCall(Incoming):
    """From its POST to the end. `source` is the IP address that the request came from."""

    refers = False

    def __init__(self, name: str, leg: int, agent: Agent, source: str, desk: Desk) -> None:
        # For media, a browser that signals by HTTP is what it is by WebSocket: DTLS, ICE, one port.
        flow = Flow("wss", (source, 0), ("", 0))
        super().__init__(name, leg, agent, None, lambda: desk.address(source), desk, flow)
        self.refusal = ("", "")
        """Why it was refused: a word for counters, and a sentence."""
        self.released: Callable[[], None] = lambda: None
        """Told when it is over."""

    @property
    def way(self) -> str:
        """By HTTP."""
        return "whip"

    def incoming(self, sdp: bytes | None) -> None:
        """The offer: get the model ready. The answer waits for it, so that what fails is told by a status."""
        super().incoming(sdp)
        if self.end is None:
            self.desk.feeds.of(self.id, None)

    def _agree(self, offer: bytes) -> bytes:
        web_offer.check(offer)
        answer = super()._agree(offer)
        web_offer.check_agreed(self.stream.agreed)
        return answer

    def _ready(self) -> None:
        super()._ready()
        if self.established:
            self._after(UNREAD_S, lambda: self.desk.feeds.forget_unread(self.id))

    def _reject(self, status: int, reason: str, message: str) -> None:
        if self.end is None:
            self.refusal = (reason, message)
        super()._reject(status, reason, message)

    def _let_go(self, end: CallEnd) -> None:
        self.released()
        super()._let_go(end)
