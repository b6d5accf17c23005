"""Transfers of one call."""

import json
from typing import TYPE_CHECKING

from mediaserver.sip.events import TransferAsked, TransferProgress
from mediaserver.talk.orders import Outcome, TransferWanted

if TYPE_CHECKING:
    from mediaserver.call.call import Call


class Transfers:
    """The transfers of `call`, one after the other."""

    def __init__(self, call: "Call") -> None:
        self._call = call

    def wanted(self, wanted: TransferWanted) -> None:
        """The agent wants its caller put through."""
        text = json.dumps({"error": "transfers are not available"})
        self._call.desk.media.order(Outcome(wanted.call, wanted.tool_call, text))

    def asked(self, asked: TransferAsked) -> None:
        """The peer wants us to go on with somebody else."""
        self._call.desk.signalling.reject_transfer(asked.leg, 603)

    def progress(self, progress: TransferProgress) -> None:
        """What the peer tells of our REFER."""

    def under_way(self) -> bool:
        """Whether the peer has taken our REFER."""
        return False

    def over(self) -> None:
        """The call has ended."""
