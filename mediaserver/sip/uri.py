"""Addresses: SIP URIs (RFC 3261 19.1) and the name-addr of From, To, Contact and Route (RFC 3261 20.10)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Self

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import LWS, QUOTED, format_parameters, number, parse_parameters, quote, unquote

REMEMBERED = 300
"""Values up to this length, in characters, are kept when they are read: longer ones are not what calls are made of."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_HOST = re.compile(r"[A-Za-z0-9_.\-]+")
# White space, control characters, delimiters, a % that escapes nothing and bytes that are not UTF-8.
_NOT_IN_URI = re.compile(r'[\x00-\x20\x7f<>"\ud800-\udfff]|%(?![0-9A-Fa-f]{2})')
_NOT_IN_DISPLAY_NAME = re.compile(r'[",;:<>\\\x00-\x08\x0a-\x1f\x7f]')
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")


def _unescape_unreserved(text: str) -> str:
    """Undo the escapes that change nothing, so that %6C%72 is lr; the others stay escaped (RFC 3261 19.1.4)."""

    def plain(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0]

    return _ESCAPE.sub(plain, text) if "%" in text else text


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host[:port]` of a URI or a Via; an IPv6 reference loses its brackets. RemoteProtocolError(400) otherwise."""
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        # A slip in the first ABNF made some senders write three colons (RFC 5118 4.10).
        host = literal.replace(":::", "::")
        try:
            IPv6Address(host)
        except AddressValueError:
            raise RemoteProtocolError(f"not an IPv6 address: {text[:60]!r}") from None
        if not bracket or "%" in host:
            raise RemoteProtocolError(f"not an IPv6 reference: {text[:60]!r}")
        colon, port = rest[:1], rest[1:]
        if colon not in ("", ":"):
            raise RemoteProtocolError(f"rubbish after the host: {text[:60]!r}")
    else:
        host, colon, port = text.partition(":")
        if _HOST.fullmatch(host) is None:
            raise RemoteProtocolError(f"not a host: {host[:60]!r}")
    if not colon:
        return host, None
    value = number(port, "the port", 65535)
    if value == 0:
        raise RemoteProtocolError("port 0 cannot be sent to")
    return host, value


def format_host_port(host: str, port: int | None) -> str:
    """`host[:port]`, with brackets around an IPv6 address."""
    text = f"[{host}]" if ":" in host else host
    return text if port is None else f"{text}:{port}"


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip or sips URI: `scheme` in lower case, `host` without brackets, `user` with its reserved escapes.

    Other schemes (tel, or any absolute URI of a From) have `host` "" and all that follows the colon in `user`.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    parameters: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    headers: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """A sip or sips URI; RemoteProtocolError(400) if malformed, (416) if of another scheme."""
        uri = cls.parse_any(text)
        if not uri.host:
            raise RemoteProtocolError(f"unsupported URI scheme: {uri.scheme[:40]!r}", status=416)
        return uri

    @classmethod
    def parse_any(cls, text: str) -> Self:
        """A URI of any scheme, as the addr-spec of RFC 3261 25.1 allows; RemoteProtocolError(400) if malformed."""
        match = _SCHEME.match(text)
        if match is None or _NOT_IN_URI.search(text):
            raise RemoteProtocolError(f"not a URI: {text[:60]!r}")
        scheme = match[1].lower()
        rest = text[match.end() :]
        if scheme in ("sip", "sips"):
            return cls._parse_sip(scheme, rest)
        if not rest:
            raise RemoteProtocolError(f"nothing after the scheme: {text[:60]!r}")
        if scheme == "tel":
            subscriber, semicolon, parameters = rest.partition(";")
            return cls(scheme, subscriber, "", parameters=parse_parameters(semicolon + parameters))
        return cls(scheme, rest, "")

    @classmethod
    def _parse_sip(cls, scheme: str, rest: str) -> Self:
        userinfo, at, hostpart = rest.partition("@")
        user = password = None
        if at:
            user, colon, secret = userinfo.partition(":")
            if not user:
                raise RemoteProtocolError("the user before @ is empty")
            user = _unescape_unreserved(user)
            password = secret if colon else None
        else:
            hostpart = rest
        hostpart, question, headers = hostpart.partition("?")
        hostport, semicolon, parameters = hostpart.partition(";")
        host, port = parse_host_port(hostport)
        parsed = parse_parameters(_unescape_unreserved(semicolon + parameters)) if semicolon else {}
        return cls(scheme, user, host, port, parsed, headers if question else None, password)

    @property
    def unescaped_user(self) -> str | None:
        """The user with every escape undone, for people and for lookups; never put back into a message."""
        if self.user is None or "%" not in self.user:
            return self.user
        return _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode(errors="replace"), self.user)

    def __str__(self) -> str:
        if not self.host:
            return f"{self.scheme}:{self.user or ''}{format_parameters(self.parameters)}"
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        headers = "" if self.headers is None else f"?{self.headers}"
        host = format_host_port(self.host, self.port)
        return f"{self.scheme}:{user}{host}{format_parameters(self.parameters)}{headers}"


@dataclass(frozen=True, slots=True)
class NameAddr:
    """`"display" <uri>;parameters`; `display` is unescaped, `parameters` are those of the header, not of the URI."""

    display: str | None
    uri: SipUri
    parameters: Mapping[str, str | None] = field(default_factory=dict, hash=False)

    @staticmethod
    def parse(text: str) -> "NameAddr":
        """A name-addr or addr-spec with header parameters; RemoteProtocolError(400) if malformed."""
        return _name_addr(text) if len(text) <= REMEMBERED else NameAddr.read(text)

    @classmethod
    def read(cls, text: str) -> Self:
        """What `parse` does, for a text not read lately."""
        text = text.strip(LWS)
        display: str | None = None
        rest = text
        if quoted := QUOTED.match(text):
            display = unquote(quoted[0])
            rest = text[quoted.end() :].lstrip(LWS)
            if not rest.startswith("<"):
                raise RemoteProtocolError(f"no <URI> after the display name: {text[:60]!r}")
        name, bracket, rest = rest.partition("<")
        if not bracket:
            return cls._parse_addr_spec(name)
        if name := name.strip(LWS):
            if _NOT_IN_DISPLAY_NAME.search(name):
                raise RemoteProtocolError(f"the display name needs quotes: {name[:60]!r}")
            display = name
        uri, closed, parameters = rest.partition(">")
        if not closed:
            raise RemoteProtocolError(f"unclosed <: {text[:60]!r}")
        return cls(display, SipUri.parse_any(uri), parse_parameters(parameters))

    @classmethod
    def _parse_addr_spec(cls, text: str) -> Self:
        """Without <> a semicolon begins the header's parameters, and ? and comma are not allowed (RFC 3261 20)."""
        address, semicolon, parameters = text.partition(";")
        address = address.rstrip(LWS)
        if "?" in address or "," in address:
            raise RemoteProtocolError(f"the URI needs <>: {text[:60]!r}")
        return cls(None, SipUri.parse_any(address), parse_parameters(semicolon + parameters))

    @property
    def tag(self) -> str | None:
        """The tag that names one side of a dialog (RFC 3261 19.3)."""
        return self.parameters.get("tag")

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{format_parameters(self.parameters)}"


@lru_cache(1024)
def _name_addr(text: str) -> NameAddr:
    """The same From, To and Contact are read in every message of a call, and several times in each."""
    return NameAddr.read(text)
