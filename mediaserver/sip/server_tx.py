"""Server transactions (RFC 3261 17.2, RFC 6026 8.5): two tables and how requests match."""

from collections.abc import Hashable

from mediaserver.sip.events import Flow
from mediaserver.sip.leg import Leg
from mediaserver.sip.message import Request
from mediaserver.sip.timers import Timer
from mediaserver.sip.transaction import Act, Input, State, Table, Transaction

INVITE_SERVER: Table = {
    State.PROCEEDING: {
        Input.REQUEST: (State.PROCEEDING, (Act.SEND,)),
        Input.PROVISIONAL: (State.PROCEEDING, (Act.SEND,)),
        Input.SUCCESS: (State.ACCEPTED, (Act.SEND, Timer.L)),
        Input.FAILURE: (State.COMPLETED, (Act.SEND, Timer.G, Timer.H)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
    },
    # RFC 6026 7.1: the INVITE again is absorbed; the 2xx is repeated by the UAS core until it is ACKed.
    State.ACCEPTED: {
        Input.ACK: (State.ACCEPTED, (Act.PASS,)),
        Input.SUCCESS: (State.ACCEPTED, (Act.SEND,)),
        Input.TRANSPORT_ERROR: (State.ACCEPTED, (Act.BROKEN,)),
        Timer.L: (State.TERMINATED, ()),
    },
    State.COMPLETED: {
        Input.REQUEST: (State.COMPLETED, (Act.SEND,)),
        Input.ACK: (State.CONFIRMED, (Timer.I,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
        Timer.G: (State.COMPLETED, (Act.SEND, Timer.G)),
        Timer.H: (State.TERMINATED, (Act.TIMED_OUT,)),
    },
    State.CONFIRMED: {
        Timer.I: (State.TERMINATED, ()),
    },
    State.TERMINATED: {},
}

NON_INVITE_SERVER: Table = {
    State.TRYING: {
        Input.PROVISIONAL: (State.PROCEEDING, (Act.SEND,)),
        Input.SUCCESS: (State.COMPLETED, (Act.SEND, Timer.J)),
        Input.FAILURE: (State.COMPLETED, (Act.SEND, Timer.J)),
    },
    State.PROCEEDING: {
        Input.REQUEST: (State.PROCEEDING, (Act.SEND,)),
        Input.PROVISIONAL: (State.PROCEEDING, (Act.SEND,)),
        Input.SUCCESS: (State.COMPLETED, (Act.SEND, Timer.J)),
        Input.FAILURE: (State.COMPLETED, (Act.SEND, Timer.J)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
    },
    State.COMPLETED: {
        Input.REQUEST: (State.COMPLETED, (Act.SEND,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
        Timer.J: (State.TERMINATED, ()),
    },
    State.TERMINATED: {},
}

_MAGIC = "z9hg4bk"


def request_key(request: Request, method: str | None = None) -> Hashable:
    """What a request is matched by (17.2.3); an ACK has the key of its INVITE.

    `method` asks for the transaction of another method in the same branch: the INVITE a CANCEL is about (9.2).
    """
    method = method or request.method
    if method == "ACK":
        method = "INVITE"
    via = request.via
    branch = via.branch or ""
    if branch.lower().startswith(_MAGIC):
        return branch, via.host.lower(), via.port, method
    # An RFC 2543 peer. The To tag is left out, for the ACK has one that its INVITE had not.
    return (
        str(request.uri),
        request.from_.tag,
        request.call_id,
        request.cseq.number,
        request.headers.get_all("Via")[0],
        method,
    )


def server_transaction(request: Request, key: Hashable, flow: Flow, *, leg: Leg | None = None) -> Transaction:
    """A transaction that answers `request`; `flow` is where responses go (18.2.2)."""
    if request.method == "INVITE":
        return Transaction(INVITE_SERVER, State.PROCEEDING, key, request, flow, leg=leg)
    return Transaction(NON_INVITE_SERVER, State.TRYING, key, request, flow, leg=leg)
