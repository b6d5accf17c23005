"""Whose offer waits for its answer on a leg: only one at a time may (RFC 3261 14, RFC 3311 5, RFC 6337 4)."""

from mediaserver.sip.leg import Leg, LegState


def ours_is_open(leg: Leg) -> bool:
    """Whether an offer of ours, or a request for one, has no answer yet."""
    call = leg if leg.parent is None else leg.parent
    change, early = leg.change, leg.early
    if call.state is LegState.CALLING and not leg.settled:
        return True
    if leg.accepted is not None and leg.accepted.offered:
        return True
    if early is not None and early.unacknowledged is not None and early.unacknowledged.offered:
        return True
    return change is not None and change.under_way and (change.method == "INVITE" or change.sdp is not None)


def theirs_is_open(leg: Leg) -> bool:
    """Whether the peer has an offer, or a request for one, that we have not answered."""
    if leg.asked is not None or leg.prack_due is not None:
        return True
    if leg.pending is not None and not (leg.state is LegState.RINGING and leg.settled):
        return True
    return (leg.attempt is not None and leg.attempt.answer_due) or (leg.change is not None and leg.change.answer_due)


def at_rest(leg: Leg) -> bool:
    """Whether nothing is under way that a change of ours would collide with."""
    if ours_is_open(leg) or theirs_is_open(leg):
        return False
    return leg.accepted is None and (leg.change is None or not leg.change.under_way)
