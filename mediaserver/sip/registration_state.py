"""What a registration wants, asks and is: the values that `registration` works with (RFC 3261 10.2, 5626, 3608)."""

from dataclasses import dataclass
from enum import Enum

from mediaserver.sip.uri import NameAddr, SipUri


class Status(Enum):
    """How a registration stands; `Registration.state` says since when and why."""

    IDLE = "not started"
    TRYING = "the first REGISTER is under way"
    REGISTERED = "calls reach us"
    FAILED = "calls do not reach us; it is tried again"
    LEAVING = "it is being undone"
    STOPPED = "undone"


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Whom to register, where, and how patiently; times in seconds."""

    account: NameAddr
    """The address of record: From and To."""
    registrar: SipUri
    """The Request-URI: the domain, without a user (10.2)."""
    expires: int = 600
    """What is asked for; the registrar grants what it will."""
    q: float | None = None
    instance: str | None = None
    """A URN that names this device for ever (RFC 5626 4.1): `urn:uuid:…`."""
    reg_id: int | None = None
    """Ask for outbound (RFC 5626): the registrar then binds us to the connection."""
    base_wait: float = 30.0
    longest_wait: float = 1800.0
    """Of the waits after failures, doubled from the base (RFC 5626 4.5)."""
    refused_wait: float = 1800.0
    """After a refusal that nobody expects to change: some providers lock out whoever insists."""


@dataclass(frozen=True, slots=True)
class Register:
    """A REGISTER to send: arguments for `OutsideRequests.request`. Challenges may raise `cseq` by `MOST_ANSWERS`."""

    target: SipUri
    from_: NameAddr
    to: NameAddr
    call_id: str
    cseq: int
    contact: bool
    """It has a Contact, as `Registration.contact` writes it; else it only asks which ones there are."""
    expires: int
    """Seconds wanted; 0 undoes the registration."""
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RegistrationState:
    """What to show: times in seconds on the clock of the calls."""

    status: Status
    until: float | None = None
    """When the registrar forgets us, unless refreshed; None: it does not know us."""
    failure: str | None = None
    """Why the last try failed, None when it did not."""
    failed_status: int | None = None
    failures: int = 0
    """In a row."""
    next_try: float | None = None
    service_routes: tuple[str, ...] = ()
    """Route values for our other requests by this registrar (RFC 3608)."""
    seen_as: tuple[str, int | None] | None = None
    """The address the registrar saw us at (RFC 3581)."""
    flow_timer: int | None = None
    """How often the connection must say something, if the registrar said so (RFC 5626 4.4)."""
    outbound: bool = False
    """The registrar does keep us by our connection (RFC 5626 6)."""
    bindings: tuple[str, ...] = ()
    """All Contact values it listed last, ours among them."""
