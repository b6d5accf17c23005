"""Signalling by HTTP, as calls see it: a leg is a WHIP session, and what is sent on it answers a request of the peer's.

Its handles are below zero; those of SIP are above. What HTTP has no words for is refused as a peer of SIP would.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mediaserver.sip.events import Acknowledged, Cancelled, ChangeRefused, Ended, Event, Reinvited, TransferProgress

type Fields = Sequence[tuple[str, str]]

_NOT_IMPLEMENTED = 501


class TurnedDownError(Exception):
    """The call did not want what was asked of it. `status` is SIP's, `headers` those of its response."""

    def __init__(self, status: int, headers: Fields = ()) -> None:
        super().__init__(status)
        self.status = status
        self.headers = dict(headers)


@dataclass(slots=True)
class _Leg:
    """One session: its offer waits for an answer, or is answered; then a change of it may wait for its own."""

    answer: asyncio.Future[bytes]
    change: asyncio.Future[bytes] | None = None


class WebLine:
    """The part of `call.signalling.Signalling` that is about legs. `tell` takes their events."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._legs: dict[int, _Leg] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._legs)

    # --- what the peer asks, by HTTP ----------------------------------------------------------------------------------

    def begin(self) -> tuple[int, asyncio.Future[bytes]]:
        """A new leg, whose offer is about to be with its call, and what that will come to."""
        self._last -= 1
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._legs[self._last] = _Leg(answer)
        return self._last, answer

    async def answered(self, leg: int, answer: asyncio.Future[bytes]) -> bytes:
        """The answer to its offer. Raises TurnedDownError. A caller that is cancelled while it waits has given up."""
        try:
            return await answer
        except asyncio.CancelledError:
            self._given_up(leg)
            raise

    async def changed(self, leg: int, offer: bytes) -> bytes:
        """The answer to another offer. Raises TurnedDownError: 481 if the leg is gone, 491 while another one waits."""
        found = self._legs.get(leg)
        if found is None or not found.answer.done():
            raise TurnedDownError(481)
        if found.change is not None:
            raise TurnedDownError(491)
        found.change = asyncio.get_running_loop().create_future()
        try:
            self._tell(Reinvited(leg, offer))
            return await found.change
        finally:
            found.change = None

    def hung_up(self, leg: int) -> None:
        """The peer ends the call. Nothing if it is over."""
        if self._legs.pop(leg, None) is not None:
            self._tell(Ended(leg, by_peer=True, status=None, reason=""))

    def _given_up(self, leg: int) -> None:
        found = self._legs.pop(leg, None)
        if found is None:
            return
        if found.answer.done() and not found.answer.cancelled():
            self._tell(Ended(leg, by_peer=True, status=None, reason=""))
        else:
            self._tell(Cancelled(leg, ""))

    # --- what the call says -------------------------------------------------------------------------------------------

    def provisional(self, leg: int, status: int, sdp: bytes | None = None) -> None:
        """HTTP has one response to a request: it is not this."""

    def answer(self, leg: int, sdp: bytes) -> None:
        """The response to its offer. It is with the peer when it is sent: nothing repeats or acknowledges it."""
        found = self._legs.get(leg)
        if found is None or found.answer.done():
            return
        found.answer.set_result(sdp)
        self._soon(Acknowledged(leg, None))

    def reject(self, leg: int, status: int, headers: Fields = ()) -> None:
        """The refusal of its offer; the leg is gone."""
        found = self._legs.pop(leg, None)
        if found is not None and not found.answer.done():
            found.answer.set_exception(TurnedDownError(status, headers))

    def answer_reinvite(self, leg: int, sdp: bytes) -> None:
        """The response to a change."""
        if (change := self._change(leg)) is not None:
            change.set_result(sdp)

    def reject_reinvite(self, leg: int, status: int) -> None:
        """The refusal of a change."""
        if (change := self._change(leg)) is not None:
            change.set_exception(TurnedDownError(status))

    def reinvite(self, leg: int, sdp: bytes) -> None:
        """A server cannot ask for anything by HTTP: refused."""
        self._soon(ChangeRefused(leg, _NOT_IMPLEMENTED, "Not Implemented"))

    def refer(self, leg: int) -> None:
        """Neither for a transfer: refused."""
        self._soon(TransferProgress(leg, _NOT_IMPLEMENTED, "Not Implemented", final=True))

    def bye(self, leg: int) -> None:
        """The session is gone: whoever asks for it is told so, and its feed ends."""
        found = self._legs.pop(leg, None)
        if found is None:
            return
        if not found.answer.done():
            found.answer.set_exception(TurnedDownError(480))
        if found.change is not None and not found.change.done():
            found.change.set_exception(TurnedDownError(481))

    def _change(self, leg: int) -> asyncio.Future[bytes] | None:
        found = self._legs.get(leg)
        return None if found is None or found.change is None or found.change.done() else found.change

    def _soon(self, event: Event) -> None:
        """After the step of the call that asked for it."""
        asyncio.get_running_loop().call_soon(self._tell, event)
