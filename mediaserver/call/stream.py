"""What a call and its peer have agreed to hear and say, from the first description to the last (RFC 3264)."""

from structlog.typing import FilteringBoundLogger

from mediaserver.call.signalling import Media
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.plan import Direction, MediaPlan
from mediaserver.talk.orders import Describe


class Stream:
    """The media plane follows what is agreed: `tell` describes it to `call`."""

    def __init__(self, call: str, media: Media, log: FilteringBoundLogger) -> None:
        self._call = call
        self._media = media
        self._log = log
        self._told: MediaPlan | None = None
        self.negotiation: Negotiation | None = None
        """None before anything is described."""

    @property
    def plan(self) -> MediaPlan | None:
        """What the media plane was told last."""
        return self._told

    @property
    def held(self) -> bool:
        """Either side is silent, as agreed: nothing is to be missed."""
        return self._told is not None and self._told.direction is not Direction.SENDRECV

    @property
    def offering(self) -> bool:
        """An offer of ours waits for its answer."""
        return self.negotiation is not None and self.negotiation.offering

    def answer(self, offer: bytes) -> bytes:
        """Our answer to the peer's offer; `tell` when it is out. Raises as `Negotiation.answer` does."""
        assert self.negotiation is not None
        return self.negotiation.answer(offer)

    def offer(self, direction: Direction = Direction.SENDRECV) -> bytes:
        """Our offer; `accept` takes the answer."""
        assert self.negotiation is not None
        return self.negotiation.offer(direction)

    def accept(self, answer: bytes) -> None:
        """The peer's answer to our offer. Raises as `Negotiation.accepted` does."""
        assert self.negotiation is not None
        self.negotiation.accepted(answer)
        self.tell()

    def withdraw(self) -> None:
        """Our offer was refused: what was agreed before holds."""
        if self.negotiation is not None:
            self.negotiation.withdraw()

    def tell(self) -> None:
        """Have the media plane follow what is agreed; hold, resumption and changes are logged."""
        assert self.negotiation is not None
        if (plan := self.negotiation.plan) is not None:
            self.describe(plan)

    def preview(self, plan: MediaPlan) -> None:
        """Have the media plane follow what only an answer makes final."""
        self._media.order(Describe(self._call, plan))

    def describe(self, plan: MediaPlan) -> None:
        """Have the media plane follow `plan`."""
        before, was_held, self._told = self._told, self.held, plan
        self._media.order(Describe(self._call, plan))
        if before is None:
            return
        shown = {"direction": plan.direction.value, "codec": plan.send.encoding}
        if self.held != was_held:
            self._log.info("call.held" if self.held else "call.resumed", **shown)
        elif plan != before:
            self._log.info("call.media_changed", **shown)
