"""Who may be called at all: the guard against toll fraud. What is not named by a setting is refused."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mediaserver.call.number import BadNumberError, Plan, begins, dialled, is_emergency, is_number
from mediaserver.call.route import RouteRefusedError
from mediaserver.config.outbound import Outbound
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.uri import SipUri

_LONGEST = 256


@dataclass(frozen=True, slots=True)
class ToPhone:
    """A phone that registers here."""

    user: str


@dataclass(frozen=True, slots=True)
class ToNumber:
    """A number in one form; `given` is it as written, without separators; `host` the trunk's, if one was named."""

    number: str
    given: str
    host: str | None = None


@dataclass(frozen=True, slots=True)
class ToUri:
    """An address at a host that is allowed."""

    uri: SipUri


type Destination = ToPhone | ToNumber | ToUri


class Policy:
    """Judges what was asked for. `phones` are the accounts of phones, `hosts` the trunks' by host or domain."""

    def __init__(self, outbound: Outbound, phones: Collection[str], hosts: Mapping[str, str]) -> None:
        self._outbound = outbound
        self._phones = phones
        self._hosts = hosts
        self.plan = Plan(outbound.country_code, outbound.national_prefix, outbound.international_prefix)

    def judge(self, wanted: str) -> Destination:
        """Whom `wanted`, a number or a URI, means. Raises RouteRefusedError if they may not be called.

        A phone is known by the name of its account, whatever host stands behind it; all else is a number of the
        telephone network, if it looks like one.
        """
        text = wanted.strip()
        if len(text) > _LONGEST or not text:
            raise RouteRefusedError(
                "no number was given, or one too long: give a number or a SIP URI", code="bad-number"
            )
        uri = _uri(text)
        if (phone := self._phone(text, uri)) is not None:
            return ToPhone(phone)
        self.refuse_emergency(text)
        if uri is None:
            return self._number(text, None)
        if uri.host in self._hosts and is_number(uri.unescaped_user or ""):
            return self._number(uri.unescaped_user or "", uri.host)
        return self._at_a_host(uri)

    def refuse_emergency(self, text: str) -> None:
        """Raise RouteRefusedError if `text`, in any spelling, is an emergency number."""
        if is_emergency(text, self._outbound.emergency):
            raise RouteRefusedError(
                "emergency numbers are never called: a person has to do that from a telephone of their own; "
                "outbound.emergency lists them",
                code="emergency-number",
            )

    def _phone(self, text: str, uri: SipUri | None) -> str | None:
        if uri is None:
            return text if text in self._phones else None
        user = uri.unescaped_user or ""
        elsewhere = uri.host in self._hosts or uri.host in self._outbound.domains
        return user if user in self._phones and not elsewhere else None

    def _number(self, text: str, host: str | None) -> ToNumber:
        try:
            number = dialled(text, self.plan)
        except BadNumberError as error:
            raise RouteRefusedError(f"{text[:60]!r} {error}", code="bad-number") from None
        self.refuse_emergency(number)
        self.check(number)
        return ToNumber(number, "".join(character for character in text if character in "+0123456789"), host)

    def check(self, number: str) -> None:
        """Raise RouteRefusedError unless a number in one form is allowed."""
        outbound = self._outbound
        if not outbound.allow:
            raise RouteRefusedError(
                'calls to numbers are off: outbound.allow would allow them by how they begin, as in ["+49"]',
                code="outbound-off",
            )
        allowed, denied = begins(number, outbound.allow), begins(number, outbound.deny)
        if allowed < 0:
            raise RouteRefusedError(
                f"{number} may not be called: outbound.allow would have to hold how it begins", code="forbidden-number"
            )
        if denied >= 0:
            raise RouteRefusedError(
                f"{number} may not be called: outbound.deny holds how it begins", code="forbidden-number"
            )

    def _at_a_host(self, uri: SipUri) -> ToUri:
        if uri.host not in self._outbound.domains:
            raise RouteRefusedError(
                f"{uri.host} may not be called: outbound.domains would have to hold it", code="forbidden-number"
            )
        if uri.headers is not None or uri.password is not None or "maddr" in uri.parameters:
            raise RouteRefusedError(
                "a URI with header fields, a password or maddr cannot be called: leave them out", code="bad-number"
            )
        user = uri.unescaped_user or ""
        if is_number(user):
            number = dialled(user, self.plan)
            self.refuse_emergency(number)
            if begins(number, self._outbound.deny) >= 0:
                raise RouteRefusedError(
                    f"{number} may not be called: outbound.deny holds how it begins", code="forbidden-number"
                )
        return ToUri(uri)


def _uri(text: str) -> SipUri | None:
    """A sip or sips URI with the host in lower case; None for all else, tel URIs included: they are numbers."""
    bare = text.strip("<> ")
    if not bare.lower().startswith(("sip:", "sips:")):
        return None
    try:
        uri = SipUri.parse(bare)
    except RemoteProtocolError as error:
        raise RouteRefusedError(f"no URI that can be called: {error}", code="bad-number") from None
    host = uri.host.lower().rstrip(".")
    return SipUri(uri.scheme, uri.user, host, uri.port, uri.parameters, uri.headers, uri.password)
