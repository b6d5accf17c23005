"""Header fields: an ordered multi-map under any spelling of a name, and the values with a structure of their own."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Self

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip.grammar import LWS, format_parameters, is_token, number, parse_parameters, split_list
from mediaserver.sip.names import COMPACT_FORMS, LISTS, STACKS, USUAL_SPELLING
from mediaserver.sip.uri import REMEMBERED, format_host_port, parse_host_port

_LONGEST_USUAL = 40
"""Names longer than this, in characters, are not remembered."""


def _key(name: str) -> str:
    return _short_key(name) if len(name) <= _LONGEST_USUAL else name.lower()


@lru_cache(512)
def _short_key(name: str) -> str:
    key = name.lower()
    return COMPACT_FORMS.get(key, key)


class Headers:
    """The header fields of a message, in order; names match in any case and in compact form.

    Values hold no line breaks. Via, Contact, Route and the other lists that are taken apart from the front are one
    field per element whatever the sender wrote; lists of words stay as written and are split by `get_all`.
    """

    __slots__ = ("_fields",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[tuple[str, str, str]] = []
        for name, value in items:
            self.add(name, value)

    @staticmethod
    def _rows(name: str, value: str) -> list[tuple[str, str, str]]:
        key = _key(name)
        usual = USUAL_SPELLING.get(key)
        if "\r" in value or "\n" in value or (usual is None and not is_token(name)):
            raise LocalProtocolError(f"not a header field: {name!r}: {value!r}")
        name = usual or name
        if key in STACKS and "," in value:
            return [(key, name, element) for element in split_list(value)]
        return [(key, name, value.strip(LWS))]

    def get(self, name: str) -> str | None:
        """The first value, None without one: the first element of Via, Contact and the like, else the first field."""
        key = _key(name)
        for field_key, _, value in self._fields:
            if field_key == key:
                return value
        return None

    def get_all(self, name: str) -> list[str]:
        """Every value in order; comma-separated lists are split, respecting quotes and <>."""
        key = _key(name)
        values = [value for field_key, _, value in self._fields if field_key == key]
        if key in LISTS:
            return [element for value in values for element in split_list(value) if element]
        return values

    def add(self, name: str, value: str) -> None:
        """Append a field. LocalProtocolError if `name` is no token or `value` holds a line break."""
        self._fields.extend(self._rows(name, value))

    def prepend(self, name: str, value: str) -> None:
        """Put a field before all others: a Via before those there are. LocalProtocolError as for `add`."""
        self._fields[:0] = self._rows(name, value)

    def set(self, name: str, value: str) -> None:
        """Replace all fields of this name by one, at the place of the first. LocalProtocolError as for `add`."""
        rows = self._rows(name, value)
        key = _key(name)
        place = next((i for i, row in enumerate(self._fields) if row[0] == key), len(self._fields))
        self._fields = [*self._fields[:place], *rows, *(row for row in self._fields[place:] if row[0] != key)]

    def remove(self, name: str) -> None:
        """Remove all fields of this name, if there are any."""
        key = _key(name)
        self._fields = [row for row in self._fields if row[0] != key]

    def replace_first(self, name: str, value: str) -> None:
        """Replace the first value of this name (the top Via), or append it. LocalProtocolError as for `add`."""
        rows = self._rows(name, value)
        key = _key(name)
        for place, row in enumerate(self._fields):
            if row[0] == key:
                self._fields[place : place + 1] = rows
                return
        self._fields.extend(rows)

    def items(self) -> Iterator[tuple[str, str]]:
        """Name, in its full and usual spelling, and value of every field in order."""
        return ((name, value) for _, name, value in self._fields)

    def copy(self) -> "Headers":
        """An independent copy."""
        other = Headers()
        other._fields = self._fields.copy()
        return other

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return self._fields == other._fields if isinstance(other, Headers) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"


_SENT_PROTOCOL = re.compile(
    r"(?P<name>[^\s/;,]+)[ \t]*/[ \t]*(?P<version>[^\s/;,]+)[ \t]*/[ \t]*(?P<transport>[^\s/;,]+)[ \t]+"
    r"(?P<host>\[[^\s\]]*\]|[^\s:;,]+)[ \t]*(?::[ \t]*(?P<port>[0-9]+))?[ \t]*(?=$|;)"
)
_CSEQ = re.compile(r"[ \t]*(?P<number>[0-9]+)[ \t]+(?P<method>[^ \t]+)[ \t]*")


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value (RFC 3261 20.42): `protocol` "SIP/2.0", `transport` in upper case, `host` without brackets."""

    protocol: str
    transport: str
    host: str
    port: int | None = None
    parameters: Mapping[str, str | None] = field(default_factory=dict, hash=False)

    @staticmethod
    def parse(text: str) -> "Via":
        """One Via value with any white space the grammar allows; RemoteProtocolError(400) if malformed."""
        return _via(text) if len(text) <= REMEMBERED else Via.read(text)

    @classmethod
    def read(cls, text: str) -> Self:
        """What `parse` does, for a text not read lately."""
        via, parameters = cls._parse_sent_by(text.strip(LWS))
        return replace(via, parameters=parse_parameters(parameters)) if parameters else via

    @classmethod
    def salvage(cls, text: str) -> Self:
        """What is sound of a malformed Via, for a response to find its way: without the parameters that are not.

        RemoteProtocolError(400) if not even the address is.
        """
        via, rest = cls._parse_sent_by(text.strip(LWS))
        sound: dict[str, str | None] = {}
        for piece in rest.split(";"):
            try:
                parameters = parse_parameters(f";{piece}")
            except RemoteProtocolError:
                continue
            sound |= {name: value for name, value in parameters.items() if name not in sound}
        return replace(via, parameters=sound)

    @classmethod
    def _parse_sent_by(cls, text: str) -> tuple[Self, str]:
        match = _SENT_PROTOCOL.match(text)
        if match is None:
            raise RemoteProtocolError(f"malformed Via: {text[:60]!r}")
        name, version, transport = match["name"], match["version"], match["transport"]
        if not (is_token(name) and is_token(version) and is_token(transport)):
            raise RemoteProtocolError(f"malformed Via: {text[:60]!r}")
        port = match["port"]
        host_port = match["host"] if port is None else f"{match['host']}:{port}"
        host, number_of_port = parse_host_port(host_port)
        return cls(f"{name.upper()}/{version}", transport.upper(), host, number_of_port), text[match.end() :]

    @property
    def branch(self) -> str | None:
        """The transaction's name; only meaningful as such after the cookie z9hG4bK (RFC 3261 8.1.1.7)."""
        return self.parameters.get("branch")

    @property
    def received(self) -> str | None:
        """The address the request came from; brackets that some senders put around IPv6 are removed (RFC 5118 4.5)."""
        value = self.parameters.get("received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The port the request came from; None when absent, not yet filled in, or no port (RFC 3581)."""
        value = self.parameters.get("rport")
        if not value or not (value.isascii() and value.isdigit()) or len(value) > 5:
            return None
        return int(value) if 0 < int(value) < 65536 else None

    def with_parameter(self, name: str, value: str | None) -> "Via":
        """The same Via with one parameter set; None sets a flag (`;rport`)."""
        return replace(self, parameters={**self.parameters, name.lower(): value})

    def __str__(self) -> str:
        sent_by = format_host_port(self.host, self.port)
        return f"{self.protocol}/{self.transport} {sent_by}{format_parameters(self.parameters)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    """Number and method of a request within its Call-ID (RFC 3261 20.16)."""

    number: int
    method: str

    @staticmethod
    def parse(text: str) -> "CSeq":
        """`number method`, the number below 2**31 (RFC 3261 8.1.1.5); RemoteProtocolError(400) otherwise."""
        return _cseq(text) if len(text) <= REMEMBERED else CSeq.read(text)

    @classmethod
    def read(cls, text: str) -> Self:
        """What `parse` does, for a text not read lately."""
        match = _CSEQ.fullmatch(text)
        if match is None or not is_token(match["method"]):
            raise RemoteProtocolError(f"malformed CSeq: {text[:60]!r}")
        return cls(number(match["number"], "the CSeq number", 2**31 - 1), match["method"])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@lru_cache(256)
def _via(text: str) -> Via:
    """A message's Via is read when it is checked, matched and answered."""
    return Via.read(text)


@lru_cache(256)
def _cseq(text: str) -> CSeq:
    return CSeq.read(text)
