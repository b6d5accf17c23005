"""Client transactions (RFC 3261 17.1, RFC 6026 8.4): two tables, how responses match, the ACK to a refusal."""

from collections.abc import Hashable

from mediaserver.sip.events import Flow
from mediaserver.sip.headers import Headers
from mediaserver.sip.leg import Leg
from mediaserver.sip.message import Request, Response
from mediaserver.sip.timers import Timer
from mediaserver.sip.transaction import Act, Input, State, Table, Transaction

INVITE_CLIENT: Table = {
    State.CALLING: {
        Timer.A: (State.CALLING, (Act.SEND, Timer.A)),
        Timer.B: (State.TERMINATED, (Act.TIMED_OUT,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
        Input.PROVISIONAL: (State.PROCEEDING, (Act.PASS,)),
        Input.SUCCESS: (State.ACCEPTED, (Act.PASS, Timer.M)),
        Input.FAILURE: (State.COMPLETED, (Act.SEND_ACK, Act.PASS, Timer.D)),
    },
    State.PROCEEDING: {
        Input.PROVISIONAL: (State.PROCEEDING, (Act.PASS,)),
        Input.SUCCESS: (State.ACCEPTED, (Act.PASS, Timer.M)),
        Input.FAILURE: (State.COMPLETED, (Act.SEND_ACK, Act.PASS, Timer.D)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
        Input.GIVE_UP: (State.TERMINATED, (Act.TIMED_OUT,)),
    },
    State.COMPLETED: {
        Input.FAILURE: (State.COMPLETED, (Act.SEND_ACK,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
        Timer.D: (State.TERMINATED, ()),
    },
    # RFC 6026: a 2xx may come again, or from another branch of a fork; each is the user's to ACK.
    State.ACCEPTED: {
        Input.SUCCESS: (State.ACCEPTED, (Act.PASS,)),
        Timer.M: (State.TERMINATED, ()),
    },
    State.TERMINATED: {},
}

NON_INVITE_CLIENT: Table = {
    State.TRYING: {
        Timer.E: (State.TRYING, (Act.SEND, Timer.E)),
        Timer.F: (State.TERMINATED, (Act.TIMED_OUT,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
        Input.PROVISIONAL: (State.PROCEEDING, (Act.PASS,)),
        Input.SUCCESS: (State.COMPLETED, (Act.PASS, Timer.K)),
        Input.FAILURE: (State.COMPLETED, (Act.PASS, Timer.K)),
    },
    State.PROCEEDING: {
        Timer.E: (State.PROCEEDING, (Act.SEND, Act.SLOW_E, Timer.E)),
        Timer.F: (State.TERMINATED, (Act.TIMED_OUT,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (Act.BROKEN,)),
        Input.PROVISIONAL: (State.PROCEEDING, (Act.PASS,)),
        Input.SUCCESS: (State.COMPLETED, (Act.PASS, Timer.K)),
        Input.FAILURE: (State.COMPLETED, (Act.PASS, Timer.K)),
    },
    State.COMPLETED: {
        Timer.K: (State.TERMINATED, ()),
    },
    State.TERMINATED: {},
}

FIRST_INVITE = (Act.SEND, Timer.A, Timer.B)
FIRST_NON_INVITE = (Act.SEND, Timer.E, Timer.F)


def response_key(response: Response) -> Hashable:
    """What a response is matched by: the branch of its top Via and the method of its CSeq (17.1.3)."""
    return response.via.branch, response.cseq.method


def client_transaction(request: Request, flow: Flow, *, leg: Leg | None = None) -> Transaction:
    """A transaction for `request`, whose top Via carries a branch of ours; begin it with `Engine.add`."""
    invite = request.method == "INVITE"
    transaction = Transaction(
        INVITE_CLIENT if invite else NON_INVITE_CLIENT,
        State.CALLING if invite else State.TRYING,
        (request.via.branch, request.method),
        request,
        flow,
        leg=leg,
    )
    transaction.wire = bytes(request)
    if invite:
        transaction.ack = lambda response: bytes(refusal_ack(request, response))
    return transaction


def first_actions(request: Request) -> tuple[Act | Timer, ...]:
    """The initial transition of the transaction that sends `request`."""
    return FIRST_INVITE if request.method == "INVITE" else FIRST_NON_INVITE


def refusal_ack(invite: Request, response: Response) -> Request:
    """The ACK to a non-2xx final response (17.1.1.3): the INVITE's top Via and Route, the response's To."""
    return hop_request("ACK", invite, str(response.headers.get("To")))


def cancel_request(invite: Request) -> Request:
    """The CANCEL of an INVITE (9.1): same Request-URI, Call-ID, To, From, CSeq number, top Via and Route."""
    return hop_request("CANCEL", invite, str(invite.headers.get("To")))


def hop_request(method: str, invite: Request, to: str) -> Request:
    """A request that follows `invite` hop by hop, in the same branch."""
    headers = Headers()
    headers.add("Via", invite.headers.get_all("Via")[0])
    for route in invite.headers.get_all("Route"):
        headers.add("Route", route)
    headers.add("Max-Forwards", "70")
    headers.add("From", str(invite.headers.get("From")))
    headers.add("To", to)
    headers.add("Call-ID", invite.call_id)
    headers.add("CSeq", f"{invite.cseq.number} {method}")
    return Request(method, invite.uri, headers, b"")
