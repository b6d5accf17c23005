"""The descriptions of one call over its life: who has offered what, and what is agreed (RFC 3264)."""

import copy

from mediaserver.errors import LocalProtocolError
from mediaserver.sdp import negotiate
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import Direction, MediaPlan


class Negotiation:
    """Offers and answers of one leg. `local` is the address and RTP port we announce, `path` our encryption and ICE.

    The origin line names one session for the whole call, with a version that rises with every description sent.
    """

    def __init__(
        self, capabilities: Capabilities, local: tuple[str, int], session_id: int, path: MediaPath | None = None
    ) -> None:
        self._capabilities = capabilities
        self._local = local
        self._session_id = session_id
        self._path = path
        self._version = 0
        self._our_offer: bytes | None = None
        self._said: bytes | None = None
        """Our description as it holds: what a refresh of the session offers again."""
        self.plan: MediaPlan | None = None
        """What is agreed; None before the first answer."""

    def __copy__(self) -> "Negotiation":
        """As it stands: each branch of a fork goes on for itself, encryption and ICE included."""
        twin = object.__new__(Negotiation)
        twin.__dict__.update(self.__dict__)
        twin._path = copy.deepcopy(self._path)
        return twin

    @property
    def offering(self) -> bool:
        """An offer of ours waits for its answer."""
        return self._our_offer is not None

    def answer(self, offer: bytes, direction: Direction = Direction.SENDRECV) -> bytes:
        """Our answer to an offer of the peer; `plan` is what it agrees to. Raises as `negotiate.answer` does."""
        agreed = negotiate.answer(
            offer, self._capabilities, self._local, self._session_id, self._version + 1, direction, self._path
        )
        self._version += 1
        self.plan, self._said = agreed.plan, agreed.sdp
        return agreed.sdp

    def offer(self, direction: Direction = Direction.SENDRECV) -> bytes:
        """Our offer; `accepted` takes the answer to it."""
        self._version += 1
        self._our_offer = negotiate.offer(
            self._capabilities,
            self._local,
            self._session_id,
            self._version,
            direction,
            self.plan,
            self._path,
            self._said,
        )
        return self._our_offer

    def accepted(self, answer: bytes) -> MediaPlan:
        """What the answer to our offer agrees to; the offer is settled. Raises as `negotiate.accept` does.

        Without one it answers our description as it holds, with which the endpoint has refreshed the session.
        """
        our_offer, self._our_offer = self._our_offer or self._said, None
        if our_offer is None:
            raise LocalProtocolError("an answer without an offer")
        self.plan = negotiate.accept(our_offer, answer, self._capabilities, self._path)
        self._said = our_offer
        return self.plan

    def withdraw(self) -> None:
        """The offer was refused: what was agreed before holds (RFC 3264 4)."""
        self._our_offer = None
