"""What is known of a call that comes in: who calls whom, by what way, and what the peer says about it.

Much of it is what a stranger claims. What only a network in the middle can know, the asserted identity and where a call
was diverted from, is believed of trunks that are trusted, and of nobody else.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from mediaserver.call.diversion import first_diversion
from mediaserver.call.trunk import Trunk
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.message import Request
from mediaserver.sip.uri import NameAddr, SipUri

_NOT_IN_A_NAME = re.compile("[^a-z0-9]+")
ANONYMOUS = frozenset({"anonymous", "unavailable", "restricted", "unknown", "private"})
"""Users that are nobody in particular."""


@dataclass(frozen=True, slots=True)
class About:
    """`caller` and `called` are numbers or names, "" if unknown. `private`: the caller wants to be withheld."""

    caller: str = ""
    caller_name: str = ""
    called: str = ""
    private: bool = False
    diverted_from: str = ""
    diversion_reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """By the name agents use: sip_x_customer_id."""


def about(request: Request, trunk: Trunk | None, headers: Collection[str] = ()) -> About:
    """Read an INVITE; `headers` are the names of further header fields wanted. What cannot be read is left out."""
    trusted = trunk is not None and trunk.settings.caller_id.trusted
    asserted = _first(request, "P-Asserted-Identity") if trusted else None
    caller = asserted or _from(request)
    name = caller.display or ("" if asserted is None else _from(request).display) or ""
    diversion = first_diversion(request) if trusted else None
    return About(
        caller=number_of(caller.uri),
        caller_name=_legible(name),
        called=_called(request, trunk),
        private=_is_private(request),
        diverted_from=number_of(diversion.by) if diversion is not None else "",
        diversion_reason=_legible(diversion.reason) if diversion is not None else "",
        headers={
            variable(name): _legible(", ".join(values)) for name in headers if (values := request.headers.get_all(name))
        },
    )


def variable(header: str) -> str:
    """The name agents know a header field by."""
    return "sip_" + _NOT_IN_A_NAME.sub("_", header.lower()).strip("_")


def number_of(uri: SipUri) -> str:
    """The number or name in a URI, without parameters of the number; the host where there is no user."""
    user = uri.unescaped_user
    return uri.host if user is None else user.partition(";")[0]


def _legible(text: str) -> str:
    """As people and models can read it: octets that are no UTF-8 are Latin-1, which old devices mean by them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text


def _called(request: Request, trunk: Trunk | None) -> str:
    """The number called: in To where the Request-URI is the Contact we registered, else in the Request-URI.

    A network that routes by the Contact says the number in P-Called-Party-ID (RFC 7315 4.2), if not in To.
    """
    called = request.uri.unescaped_user or ""
    if trunk is None or not trunk.settings.register_ or called not in ("", trunk.contact_user):
        return called.partition(";")[0]
    party = _first(request, "P-Called-Party-ID")
    if party is not None:
        return number_of(party.uri)
    try:
        to = request.to.uri
    except RemoteProtocolError:
        return called
    return number_of(to) if to.user is not None else called


def _from(request: Request) -> NameAddr:
    try:
        return request.from_
    except RemoteProtocolError:
        return NameAddr(None, SipUri("sip", "", ""))


def _first(request: Request, name: str) -> NameAddr | None:
    """The first value of a field that can be read; of several asserted identities that is the number or the name."""
    for value in request.headers.get_all(name):
        try:
            return NameAddr.parse(value)
        except RemoteProtocolError:
            continue
    return None


def _is_private(request: Request) -> bool:
    """The caller wants not to be known (RFC 3323 4.2): what we know of them is for us alone."""
    wishes = {wish.strip().lower() for value in request.headers.get_all("Privacy") for wish in value.split(";")}
    user = (_from(request).uri.unescaped_user or "").lower()
    return bool(wishes - {"none", "critical", ""}) or user in ANONYMOUS
