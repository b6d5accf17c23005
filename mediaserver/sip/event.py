"""Event and Subscription-State: which subscription a NOTIFY is of, and how long that lasts (RFC 6665 8.2)."""

from dataclasses import dataclass

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import parse_parameters
from mediaserver.sip.message import Request
from mediaserver.sip.seconds import seconds_of


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a NOTIFY or SUBSCRIBE says of its subscription; `expires` in seconds."""

    package: str
    id: str | None
    terminated: bool
    why: str
    """The reason parameter of a terminated one."""
    expires: int | None


def subscribed(request: Request) -> Subscribed:
    """Read the two fields; what is missing or malformed of the state counts as active, for that is how peers are."""
    package, event = _value(request.headers.get("Event"))
    state, parameters = _value(request.headers.get("Subscription-State"))
    return Subscribed(
        package=package,
        id=event.get("id"),
        terminated=state == "terminated",
        why=parameters.get("reason") or "",
        expires=seconds_of(parameters.get("expires")),
    )


def _value(text: str | None) -> tuple[str, dict[str, str | None]]:
    word, semicolon, parameters = (text or "").partition(";")
    try:
        return word.strip().lower(), parse_parameters(semicolon + parameters)
    except RemoteProtocolError:
        return word.strip().lower(), {}
