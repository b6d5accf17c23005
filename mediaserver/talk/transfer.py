"""Where an agent may have its caller put through to, and how the model asks for it. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from mediaproviders.contract import ToolSpec

type TransferStyle = Literal["refer", "invite", "attended"]
"""By REFER without asking first; by a call of ours that is bridged; by REFER with Replaces, once it is answered."""

NAME: Final = "transfer_call"
_ANYWHERE: Final = re.compile(r"\+?[0-9*#]{1,32}|sips?:[^\s<>\"'?]{1,200}", re.IGNORECASE)
_DECORATION: Final = re.compile(r"[\s().\-/]")


@dataclass(frozen=True, slots=True)
class Transfer:
    """How one agent transfers its calls."""

    default_number: str | None = None
    """Where to, always: then the model has no choice."""
    valid_numbers: tuple[str, ...] = ()
    """What the model may choose from. Empty, and no default: any number."""
    style: TransferStyle | None = None
    """None: as the trunk has it."""
    wait_result: bool = True
    """The agent stays until the outcome is known, and goes on if it fails. False: the call is over for it."""
    default_message: str | None = None
    """What the caller is told if the model has said nothing."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """For the INVITE or REFER."""
    ignore_first: bool = False
    """The first wish is not granted: the model is to try once more by itself."""


class RefusedTargetError(Exception):
    """It cannot be transferred there; the text is for the model."""


def plain(number: str) -> str:
    """A number or URI without what people write around it: "tel:", spaces, brackets, dashes, URI parameters of tel."""
    number = number.strip().strip("<>")
    if number.lower().startswith(("sip:", "sips:")):
        return number
    if number.lower().startswith("tel:"):
        number = number[4:].partition(";")[0]
    return _DECORATION.sub("", number)


def is_target(number: str) -> bool:
    """A number, or a SIP URI without headers, that can be dialled."""
    return _ANYWHERE.fullmatch(plain(number)) is not None


def spec(transfer: Transfer) -> ToolSpec:
    """As declared to the model."""
    description = (
        "Transfer the call to somebody else. Tell the caller first that you are putting them through; the transfer "
        "begins when your words have been heard. If it fails you are told why, and the caller is still with you."
    )
    parameters: dict[str, object] = {"type": "object", "properties": {}, "additionalProperties": False}
    if transfer.default_number is None:
        phone: dict[str, object] = {"type": "string", "description": "Whom to transfer to: a number or a SIP URI."}
        if transfer.valid_numbers:
            phone["enum"] = list(transfer.valid_numbers)
        parameters |= {"properties": {"phone": phone}, "required": ["phone"]}
    return ToolSpec(NAME, description, parameters)


def target(transfer: Transfer, arguments: str) -> str:
    """Where the model wants the call to go, as it is to be dialled. Raises RefusedTargetError."""
    if transfer.default_number is not None:
        return plain(transfer.default_number)
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        raise RefusedTargetError("the arguments are not JSON; give phone") from None
    phone = given.get("phone") if isinstance(given, dict) else None
    if not isinstance(phone, str | int) or isinstance(phone, bool) or not str(phone).strip():
        raise RefusedTargetError("phone is missing; give the number to transfer to")
    wanted = plain(str(phone))
    if transfer.valid_numbers:
        for valid in transfer.valid_numbers:
            if plain(valid) == wanted:
                return wanted
        raise RefusedTargetError(f"{phone} is not allowed; allowed are {', '.join(transfer.valid_numbers)}")
    if not is_target(wanted):
        raise RefusedTargetError(f"{phone} is neither a telephone number nor a SIP URI")
    return wanted
