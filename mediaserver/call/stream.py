"""What a call and its peer have agreed to hear and say, from the first description to the last (RFC 3264)."""

from dataclasses import replace

from structlog.typing import FilteringBoundLogger

from mediaserver.call.signalling import Changing, Media
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.plan import Direction, MediaPlan
from mediaserver.talk.orders import Describe

_NOT_ACCEPTABLE = 488


class Stream:
    """The media plane follows what is agreed: `tell` describes it to `call`."""

    def __init__(self, call: str, signalling: Changing, media: Media, log: FilteringBoundLogger) -> None:
        self._call = call
        self._signalling = signalling
        self._media = media
        self._log = log
        self._told: MediaPlan | None = None
        self._ack_answers = False
        self.negotiation: Negotiation | None = None
        """None before anything is described."""

    @property
    def plan(self) -> MediaPlan | None:
        """What the media plane was told last."""
        return self._told

    @property
    def agreed(self) -> MediaPlan | None:
        """What is agreed, told or not."""
        return None if self.negotiation is None else self.negotiation.plan

    @property
    def held(self) -> bool:
        """Either side is silent, as agreed: nothing is to be missed."""
        return self._told is not None and self._told.direction is not Direction.SENDRECV

    @property
    def on_hold(self) -> bool:
        """The peer does not want to hear us."""
        return self._told is not None and not self._told.direction.sends

    def begin(self, negotiation: Negotiation) -> None:
        """With a peer; an offer of ours that is out with the 200 is answered by its ACK."""
        self.negotiation = negotiation
        self._ack_answers = negotiation.offering

    def answer(self, offer: bytes) -> bytes:
        """Our answer to the peer's first offer; `tell` when it is out. Raises as `Negotiation.answer` does."""
        assert self.negotiation is not None
        return self.negotiation.answer(offer)

    def offer(self) -> bytes:
        """Our offer for a 200, whose ACK is to answer it."""
        assert self.negotiation is not None
        self._ack_answers = True
        return self.negotiation.offer()

    def acknowledged(self, sdp: bytes | None) -> None:
        """The ACK, of the INVITE or a re-INVITE. Raises RemoteProtocolError if it does not answer what we offered."""
        if self._ack_answers:
            self._ack_answers = False
            if sdp is None:
                raise RemoteProtocolError("the ACK carries no answer to our offer", status=_NOT_ACCEPTABLE)
            self._accept(sdp)

    def reinvited(self, leg: int, sdp: bytes | None) -> bytes | None:
        """A new offer within the call, or a request for one: it is answered. Our answer to an offer we take."""
        if sdp is None:
            self._signalling.answer_reinvite(leg, self.offer())
            return None
        try:
            answer = self.answer(sdp)
        except RemoteProtocolError as error:
            self._log.info("call.reinvite_refused", why=str(error))
            self._signalling.reject_reinvite(leg, error.status or _NOT_ACCEPTABLE)
            return None
        self._signalling.answer_reinvite(leg, answer)
        self.tell()
        return answer

    def hold(self, leg: int, *, on: bool) -> None:
        """Have the peer wait, or talk again: an offer of ours; `changed` or `change_refused` follows."""
        assert self.negotiation is not None
        direction = Direction.SENDONLY if on else Direction.SENDRECV
        self._signalling.reinvite(leg, self.negotiation.offer(direction))

    def changed(self, sdp: bytes | None) -> None:
        """The peer has agreed to a change of ours, or answered a refresh of the session with other media than before.

        Raises RemoteProtocolError for an answer that cannot be used; to a refresh, that leaves all as it was.
        """
        if sdp is None or self.negotiation is None:
            return
        asked = self.negotiation.offering
        try:
            self._accept(sdp)
        except RemoteProtocolError as error:
            if asked:
                raise
            self._log.info("call.change_ignored", why=str(error))

    def change_refused(self, status: int, reason: str) -> None:
        """The peer has not: what was agreed before holds."""
        self._log.info("call.change_refused", sip_status=status, peer_reason=reason)
        if self.negotiation is not None:
            self.negotiation.withdraw()

    def _accept(self, answer: bytes) -> None:
        assert self.negotiation is not None
        self.negotiation.accepted(answer)
        self.tell()

    def tell(self) -> None:
        """Have the media plane follow what is agreed; hold, resumption and changes are logged."""
        assert self.negotiation is not None
        if (plan := self.negotiation.plan) is not None:
            self.describe(plan)

    def preview(self, plan: MediaPlan, *, heard: bool) -> None:
        """Have the media plane follow what only an answer makes final; `heard`: what the peer sends is taken."""
        if not heard:
            direction = Direction.SENDONLY if plan.direction.sends else Direction.INACTIVE
            plan = replace(plan, direction=direction)
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
