"""What a call needs of whoever transfers it."""

from typing import Protocol

from mediaserver.sip.events import TransferAsked, TransferProgress
from mediaserver.talk.orders import TransferWanted


class Handover(Protocol):
    """The transfers of one call, one after the other."""

    def wanted(self, wanted: TransferWanted) -> None:
        """The agent wants its caller put through to somebody else."""

    def asked(self, asked: TransferAsked) -> None:
        """The peer wants us to go on with somebody else (REFER)."""

    def progress(self, progress: TransferProgress) -> None:
        """What the peer tells of our own REFER."""

    def under_way(self) -> bool:
        """The peer has taken our REFER: when it hangs up now, the transfer is made."""

    def carries_on(self) -> bool:
        """The peer has hung up while we look for whom it has sent us to: the call waits for what comes of that."""

    def over(self) -> None:
        """The call has ended."""
