"""The text of a session description (RFC 4566): parsed leniently, written strictly.

Lines nobody here has a use for (i, u, e, p, r, z, k and unknown ones) are skipped. What cannot be skipped without
guessing (version, origin, a broken media or connection line) is refused.
"""

from dataclasses import dataclass, field

from mediaserver.errors import RemoteProtocolError

LONGEST = 65_535
"""Octets; no transport of ours carries a longer body."""
_MOST_STREAMS = 64
"""Each is looked through by itself, what stands above all of them included."""

type Attributes = tuple[tuple[str, str | None], ...]


def first(attributes: Attributes, name: str) -> str | None:
    """Value of the first attribute of that name; None if absent or without a value."""
    return next((value for known, value in attributes if known == name), None)


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line (RFC 4566 5.2). Numbers stay text: peers put anything there and we only ever compare them."""

    username: str
    session_id: str
    version: str
    connection: "Connection"

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} {self.connection}"


@dataclass(frozen=True, slots=True)
class Connection:
    """The c= line (RFC 4566 5.7). `address` is without any multicast suffix."""

    address: str
    family: str = "IP4"
    network: str = "IN"

    @classmethod
    def of(cls, address: str) -> "Connection":
        """The line for a numeric address of either family."""
        return cls(address, "IP6" if ":" in address else "IP4")

    @classmethod
    def parse(cls, text: str) -> "Connection":
        """Raises RemoteProtocolError if it is not network, family and address."""
        words = text.split()
        address = words[2].partition("/")[0] if len(words) >= 3 else ""
        if not address:
            raise RemoteProtocolError(f"malformed connection line: {text[:80]!r}")
        return cls(address, words[1].upper(), words[0].upper())

    def __str__(self) -> str:
        return f"{self.network} {self.family} {self.address}"


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One m= line and what belongs to it (RFC 4566 5.14). Port 0 means refused or removed."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: Attributes = ()
    bandwidth: tuple[str, ...] = ()
    port_count: int = 1

    def attribute(self, name: str) -> str | None:
        """Value of the first attribute of that name; None if absent or without a value."""
        return first(self.attributes, name)

    def has(self, name: str) -> bool:
        """Whether an attribute of that name is there, with or without a value."""
        return any(known == name for known, _ in self.attributes)

    def rejected(self) -> "MediaDescription":
        """The answer that refuses this stream (RFC 3264 6): same kind, formats and name, port zero."""
        name = tuple(each for each in self.attributes if each[0] == "mid")
        return MediaDescription(self.kind, 0, self.protocol, self.formats, attributes=name)

    def lines(self) -> list[str]:
        """As it stands in a description, without line ends."""
        port = str(self.port) if self.port_count == 1 else f"{self.port}/{self.port_count}"
        lines = [f"m={self.kind} {port} {self.protocol} {' '.join(self.formats)}"]
        if self.connection is not None:
            lines.append(f"c={self.connection}")
        lines += [f"b={line}" for line in self.bandwidth]
        return lines + _attribute_lines(self.attributes)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description. `bytes()` writes it with CRLF line ends."""

    origin: Origin
    media: tuple[MediaDescription, ...] = ()
    connection: Connection | None = None
    attributes: Attributes = ()
    bandwidth: tuple[str, ...] = ()
    times: tuple[str, ...] = ("0 0",)
    name: str = "-"

    @classmethod
    def parse(cls, text: bytes) -> "SessionDescription":
        """Read a description; raises RemoteProtocolError (status 400) and nothing else, whatever the bytes."""
        if len(text) > LONGEST:
            raise RemoteProtocolError("session description is too long")
        sections = _sections(text.decode("utf-8", "replace"))
        head = sections[0]
        if head.origin is None:
            raise RemoteProtocolError("session description has no origin line")
        return cls(
            origin=head.origin,
            media=tuple(section.description() for section in sections[1:]),
            connection=head.connection,
            attributes=tuple(head.attributes),
            bandwidth=tuple(head.bandwidth),
            times=tuple(head.times) or ("0 0",),
            name=head.name,
        )

    def __bytes__(self) -> bytes:
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        if self.connection is not None:
            lines.append(f"c={self.connection}")
        lines += [f"b={line}" for line in self.bandwidth]
        lines += [f"t={line}" for line in self.times]
        lines += _attribute_lines(self.attributes)
        for media in self.media:
            lines += media.lines()
        return ("\r\n".join(lines) + "\r\n").encode()

    def connection_of(self, media: MediaDescription) -> Connection | None:
        """Where a stream goes: its own connection line, else that of the session."""
        return media.connection or self.connection

    def attribute_of(self, media: MediaDescription, *names: str) -> tuple[str, str | None] | None:
        """The first attribute of one of these names, of the stream itself, else of the session."""
        both = (*media.attributes, *self.attributes)
        return next((attribute for attribute in both if attribute[0] in names), None)


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


@dataclass(slots=True)
class _Section:
    """Lines gathered so far of the session (`media` is None) or of one stream."""

    media: str | None = None
    origin: Origin | None = None
    name: str = "-"
    connection: Connection | None = None
    attributes: list[tuple[str, str | None]] = field(default_factory=list)
    bandwidth: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)

    def add(self, letter: str, value: str) -> None:
        """Take one line; the first of lines that may stand only once counts."""
        match letter:
            case "a":
                name, colon, rest = value.strip().partition(":")
                self.attributes.append((name, rest if colon else None))
            case "b":
                self.bandwidth.append(value)
            case "c":
                self.connection = self.connection or Connection.parse(value)
            case "o" if self.media is None:
                self.origin = self.origin or _origin(value)
            case "s" if self.media is None:
                self.name = value or "-"
            case "t" if self.media is None:
                self.times.append(value)

    def description(self) -> MediaDescription:
        """The stream these lines describe."""
        words = (self.media or "").split()
        if len(words) < 4:
            raise RemoteProtocolError(f"malformed media line: {self.media!r:.80}")
        port, slash, count = words[1].partition("/")
        return MediaDescription(
            kind=words[0].lower(),
            port=_number(port, 65535),
            protocol=words[2].upper(),
            formats=tuple(words[3:]),
            connection=self.connection,
            attributes=tuple(self.attributes),
            bandwidth=tuple(self.bandwidth),
            port_count=_number(count, 65535) if slash else 1,
        )


def _sections(text: str) -> list[_Section]:
    """The session's lines, then those of each stream."""
    # Not str.splitlines, which would also break at separators that are ordinary text here.
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    if not lines or lines[0].rstrip() != "v=0":
        raise RemoteProtocolError("not a session description: it must begin with v=0")
    sections = [_Section()]
    for line in lines[1:]:
        if line[1:2] != "=":
            raise RemoteProtocolError(f"malformed line in session description: {line[:80]!r}")
        if line[0] == "m":
            sections.append(_Section(media=line[2:]))
            if len(sections) > _MOST_STREAMS + 1:
                raise RemoteProtocolError(f"more than {_MOST_STREAMS} media streams in a session description")
        else:
            sections[-1].add(line[0], line[2:])
    return sections


def _origin(text: str) -> Origin:
    words = text.split()
    if len(words) < 6:
        raise RemoteProtocolError(f"malformed origin line: {text[:80]!r}")
    return Origin(words[0], words[1], words[2], Connection.parse(" ".join(words[3:6])))


def _number(text: str, largest: int) -> int:
    """A short decimal number (int() alone takes signs, blanks, underscores and foreign digits)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5) or int(text) > largest:
        raise RemoteProtocolError(f"malformed number in session description: {text[:20]!r}")
    return int(text)
