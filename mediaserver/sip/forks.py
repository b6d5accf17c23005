"""The branches of an INVITE of ours that ring: early dialogs, each with PRACKs of its own (RFC 3261 12.1, 3262 4)."""

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.dialog import Dialog
from mediaserver.sip.grammar import number
from mediaserver.sip.identity import SDP
from mediaserver.sip.in_dialog import DialogRequests
from mediaserver.sip.leg import Attempt, Leg, LegState
from mediaserver.sip.message import Response
from mediaserver.sip.next_hop import way_of

_MOST = 32
"""Branches of one call; those of a peer that invents more ring unheard."""


class Forks:
    """Keeps the early dialogs of every call of ours."""

    def __init__(self, core: Core, requests: DialogRequests) -> None:
        self._core = core
        self._requests = requests

    def heard(self, leg: Leg, attempt: Attempt, response: Response, now: float) -> bool:
        """Take a provisional response above 100; False for one that is to be ignored: repeated, or out of order."""
        tag = response.to.tag
        if not tag:
            return True  # RFC 2543: no early dialog
        if response.status == 199:
            if (ended := leg.forks.pop(tag, None)) is not None:
                self._core.forget(ended, now)
            return True
        fork = leg.forks.get(tag)
        if fork is None:
            fork = self._ring(leg, attempt, response, tag)
        if fork is None:
            return "RSeq" not in response.headers
        return self._listen(fork, attempt, response, now)

    def acknowledge(self, fork: Leg, sdp: bytes, now: float) -> None:
        """Answer the offer of a reliable provisional response, by its PRACK."""
        rack, fork.prack_due = fork.prack_due, None
        assert rack is not None
        fork.said = sdp
        fork.settled = True
        self._prack(fork, rack, sdp, now)

    def _ring(self, leg: Leg, attempt: Attempt, response: Response, tag: str) -> Leg | None:
        if len(leg.forks) >= _MOST:
            return None
        try:
            dialog = Dialog.of_caller(attempt.request, response)
        except RemoteProtocolError:
            return None  # a Contact nobody can send to: the 2xx may have a better one
        flow = way_of(dialog, attempt.transaction.way, asked_by=attempt.transaction.flow)
        fork = Leg(leg.id, LegState.EARLY, flow, leg.contact, source=leg.source)
        fork.credentials, fork.parent = leg.credentials, leg
        fork.said = attempt.request.body or None
        leg.forks[tag] = fork
        self._core.enter_dialog(fork, dialog)
        return fork

    def _listen(self, fork: Leg, attempt: Attempt, response: Response, now: float) -> bool:
        rseq = _rseq(response)
        if rseq is not None and not _is_next(fork, attempt.request.cseq.number, rseq):
            return False
        self._core.heard_allow(fork, response)
        if response.body and not fork.settled:
            fork.told = response.body
        if rseq is None:
            return True
        fork.heard_rseq = attempt.request.cseq.number, rseq
        rack = f"{rseq} {attempt.request.cseq}"
        if response.body and not attempt.offered and not fork.settled:
            fork.prack_due = rack
            return True
        fork.settled = fork.settled or bool(response.body)
        self._prack(fork, rack, None, now)
        return True

    def _prack(self, fork: Leg, rack: str, sdp: bytes | None, now: float) -> None:
        content_type = None if sdp is None else SDP
        self._requests.send(fork, "PRACK", now, headers=[("RAck", rack)], content_type=content_type, body=sdp or b"")


def _rseq(response: Response) -> int | None:
    """The RSeq of a response that requires a PRACK (7.1)."""
    if not any(tag.lower() == "100rel" for tag in response.headers.get_all("Require")):
        return None
    try:
        return number(response.headers.get("RSeq") or "", "RSeq", 2**32 - 1)
    except RemoteProtocolError:
        return None


def _is_next(fork: Leg, cseq: int, rseq: int) -> bool:
    """Whether it is the first, or follows the last; anything else waits to be sent again in order (4)."""
    heard = fork.heard_rseq
    return heard is None or heard[0] != cseq or rseq == heard[1] + 1
