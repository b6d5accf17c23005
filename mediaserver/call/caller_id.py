"""Who a call of ours says it comes from: From, P-Asserted- or P-Preferred-Identity, Privacy (RFC 3323, 3325)."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import quote

from mediaserver.call.number import BadNumberError, Plan, dialled, is_number
from mediaserver.call.route import RouteRefusedError, Wanted
from mediaserver.call.trunk import Trunk
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.uri import NameAddr, SipUri

_ANONYMOUS = NameAddr("Anonymous", SipUri("sip", "anonymous", "anonymous.invalid"))
_LONGEST_NAME = 80
_FIELDS = {"asserted": "P-Asserted-Identity", "preferred": "P-Preferred-Identity"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the INVITE says."""

    from_: NameAddr
    headers: tuple[tuple[str, str], ...] = ()


def shown(trunk: Trunk, wanted: Wanted, plan: Plan) -> Shown:
    """Who `wanted` comes from on a call by `trunk`. Raises RouteRefusedError for a number it may not be made as."""
    policy = trunk.settings.caller_id
    number = _number(trunk, wanted.caller, plan)
    name = _one_line(wanted.caller_name or policy.name)
    identity = NameAddr(name, trunk.uri(escaped(written(number, trunk, plan))))
    private = wanted.private or policy.private
    headers = [(field, str(identity)) for kind, field in _FIELDS.items() if kind == policy.identity]
    if private:
        # Where the identity stands in no field of its own, the trunk knows us by our account alone.
        return Shown(_ANONYMOUS, (*headers, ("Privacy", "id")))
    if policy.from_user == "account":
        return Shown(NameAddr(name, trunk.uri(escaped(trunk.settings.user or ""))), tuple(headers))
    return Shown(identity, tuple(headers))


def written(number: str, trunk: Trunk, plan: Plan) -> str:
    """The number as the trunk wants it; a name stays as it is."""
    if not is_number(number):
        return number
    match trunk.settings.number_format:
        case "e164":
            return number.removeprefix("+")
        case "00":
            return plan.international(number)
        case "national":
            return plan.national(number)
        case _:
            return number


def escaped(user: str) -> str:
    """A name as the user part of a URI (RFC 3261 25.1)."""
    return quote(user, safe="-_.!~*'()&=+$,;?/")


def _one_line(name: str | None) -> str | None:
    """A display name without what could break out of its header field."""
    if name is None:
        return None
    return "".join(character if character.isprintable() else " " for character in name)[:_LONGEST_NAME].strip() or None


def _number(trunk: Trunk, wanted: str | None, plan: Plan) -> str:
    policy = trunk.settings.caller_id
    own = policy.number or trunk.settings.user or "anonymous"
    if wanted is None:
        return own
    asked = _in_one_form(wanted, plan)
    if asked in (own, _in_one_form(own, plan)):
        return own
    if not any(fnmatchcase(asked, pattern) for pattern in policy.numbers):
        raise RouteRefusedError(
            f"a call by {trunk.name} may not be made as {asked}; trunks.{trunk.name}.caller_id.numbers would allow it",
            code="forbidden-caller",
        )
    return asked


def _in_one_form(text: str, plan: Plan) -> str:
    """A number in one form; of a URI its user; a name as it is."""
    try:
        user = SipUri.parse_any(text).unescaped_user or text
    except RemoteProtocolError:
        user = text
    try:
        return dialled(user, plan)
    except BadNumberError:
        return user
