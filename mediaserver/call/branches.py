"""The branches of one INVITE of ours: each answers our offer, or offers, for itself (RFC 3261 13.2.2.4, RFC 3262 5)."""

import copy

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.plan import MediaPlan

_NOT_ACCEPTABLE = 488


class Branches:
    """What each branch has agreed to. `ours` is the negotiation as it left us; `late`: it made no offer."""

    def __init__(self, ours: Negotiation, *, late: bool) -> None:
        self._ours = ours
        self._late = late
        self._forks: dict[str, Negotiation] = {}
        self.offer = None if late else ours.offer()
        """The body of the INVITE."""

    def early(self, fork: str, body: bytes) -> tuple[MediaPlan | None, bytes | None]:
        """A description in a provisional response: what it agrees to, and our answer if it was an offer.

        Only the first answer of a branch counts. Raises RemoteProtocolError for one that cannot be used.
        """
        branch = self._forks.setdefault(fork, copy.copy(self._ours))
        if self._late:
            answer = branch.answer(body)
            return branch.plan, answer
        return (branch.accepted(body), None) if branch.offering else (None, None)

    def over(self, fork: str) -> None:
        """The branch has ended (RFC 6228)."""
        self._forks.pop(fork, None)

    def changed(self, offer: bytes | None) -> tuple[MediaPlan | None, bytes]:
        """A new offer before the answer (RFC 3311): what it agrees to, and our answer.

        Raises RemoteProtocolError, also when there are several branches, for it does not say which it is of.
        """
        early = [branch for branch in self._forks.values() if branch.plan is not None]
        if offer is None or len(early) != 1:
            raise RemoteProtocolError("an offer of a branch we cannot tell", status=_NOT_ACCEPTABLE)
        answer = early[0].answer(offer)
        return early[0].plan, answer

    def settled(self, fork: str, body: bytes | None) -> tuple[Negotiation, bytes | None]:
        """The negotiation of the branch that answered with `body`, and our answer if that was an offer.

        Raises RemoteProtocolError if nothing is agreed with that.
        """
        if body is None:
            early = self._forks.get(fork)
            if early is None or early.plan is None:
                raise RemoteProtocolError("the 200 carries no description", status=_NOT_ACCEPTABLE)
            return early, None
        branch = copy.copy(self._ours)
        if self._late:
            return branch, branch.answer(body)
        branch.accepted(body)
        return branch, None
