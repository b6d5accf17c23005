"""Replaces: the dialog that a new one is to take the place of (RFC 3891)."""

from dataclasses import dataclass
from typing import Self

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.dialog import Dialog
from mediaserver.sip.grammar import parse_parameters
from mediaserver.sip.leg import Leg, LegState
from mediaserver.sip.message import Request
from mediaserver.sip.screening import Refusal


@dataclass(frozen=True, slots=True)
class Replaces:
    """One Replaces value, from the point of view of whoever receives it: `to_tag` is its own."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """`call-id;to-tag=…;from-tag=…[;early-only]`; RemoteProtocolError(400) if malformed."""
        call_id, semicolon, rest = text.partition(";")
        parameters = parse_parameters(semicolon + rest)
        to_tag, from_tag = parameters.get("to-tag"), parameters.get("from-tag")
        if not call_id.strip() or not to_tag or not from_tag:
            raise RemoteProtocolError("a Replaces needs Call-ID, to-tag and from-tag")
        return cls(call_id.strip(), to_tag, from_tag, "early-only" in parameters)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


def replaces_of(dialog: Dialog) -> Replaces:
    """What names a dialog of ours to its far end; a tag of an RFC 2543 peer that has none is 0 (section 6.1)."""
    return Replaces(dialog.call_id, dialog.remote_tag or "0", dialog.local_tag)


def replaced_by(invite: Request, core: Core) -> Leg | Refusal | None:
    """The leg an INVITE is to take the place of, None if it says nothing of the kind, or why it may not (section 3)."""
    values = invite.headers.get_all("Replaces")
    if not values:
        return None
    if len(values) > 1 or "Join" in invite.headers:
        return Refusal(400, reason="Bad Request (one Replaces, and no Join)")
    try:
        named = Replaces.parse(values[0])
    except RemoteProtocolError as fault:
        return Refusal(400, reason=f"Bad Request ({fault})")
    leg = core.dialogs.get((named.call_id, named.to_tag, named.from_tag))
    if leg is None and named.from_tag == "0":
        leg = core.dialogs.get((named.call_id, named.to_tag, ""))
    if leg is None:
        return Refusal(481)
    if leg.state in (LegState.CONFIRMED, LegState.ANSWERED):
        return Refusal(486) if named.early_only else leg
    # An early dialog may be taken over only by the one who is called in it: a branch of an INVITE of ours.
    return leg if leg.state is LegState.EARLY else Refusal(481)
