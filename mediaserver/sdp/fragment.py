"""Fragments of session descriptions that carry ICE's words (RFC 8840 9): candidates that come later, and restarts."""

from dataclasses import dataclass, field, replace
from typing import Final

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.session import Attributes, MediaDescription, SessionDescription, first

MEDIA_TYPE: Final = "application/trickle-ice-sdpfrag"
LONGEST: Final = 16_384
"""Octets: about a hundred candidates, where a machine with many networks has thirty."""
_MOST_SECTIONS = 64
_OF_ICE = frozenset({"ice-ufrag", "ice-pwd", "candidate", "end-of-candidates"})
_SHORTEST_UFRAG, _SHORTEST_PASSWORD, _LONGEST_WORD = 4, 22, 256
_ICE_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one says of the stream it is about. `candidates` are values of the attribute, as they came."""

    ufrag: str | None = None
    """None: it says nothing of credentials."""
    password: str | None = field(default=None, repr=False)
    candidates: tuple[str, ...] = ()
    ended: bool = False
    """No more candidates will come."""

    @classmethod
    def parse(cls, text: bytes, mid: str | None = None) -> "Fragment":
        """Read what is said of the stream named `mid`, else of the first one.

        Raises RemoteProtocolError (400) and nothing else, whatever the octets. Lines nobody here has a use for are
        passed over, as in a whole description.
        """
        if len(text) > LONGEST:
            raise RemoteProtocolError(f"ICE fragment is longer than {LONGEST} octets")
        session, streams = _sections(text.decode("utf-8", "replace"))
        stream = _of(streams, mid)
        ufrag, password = (first(stream, name) or first(session, name) for name in ("ice-ufrag", "ice-pwd"))
        if (ufrag is None) is not (password is None):
            raise RemoteProtocolError("ICE fragment has only one of a=ice-ufrag and a=ice-pwd: give both, or neither")
        if ufrag is not None and password is not None:
            _check(ufrag, _SHORTEST_UFRAG, "ice-ufrag")
            _check(password, _SHORTEST_PASSWORD, "ice-pwd")
        candidates = tuple(value for name, value in stream if name == "candidate" and value is not None)
        ended = any(name == "end-of-candidates" for name, _ in (*stream, *session))
        return cls(ufrag, password, candidates, ended)


def restarted(offer: bytes, fragment: Fragment) -> bytes:
    """The offer that a restart by `fragment` amounts to: all as in the `offer` before, with new words of ICE.

    They hold for every stream, for of a bundle there is one transport. Raises RemoteProtocolError (400) for a
    fragment without credentials.
    """
    if fragment.ufrag is None or fragment.password is None:
        raise RemoteProtocolError("an ICE restart needs a=ice-ufrag and a=ice-pwd")
    before = SessionDescription.parse(offer)
    words: Attributes = (
        ("ice-ufrag", fragment.ufrag),
        ("ice-pwd", fragment.password),
        *(("candidate", each) for each in fragment.candidates),
        *((("end-of-candidates", None),) if fragment.ended else ()),
    )
    media = tuple(replace(each, port=each.port and 9, attributes=(*_rest(each), *words)) for each in before.media)
    attributes = tuple(each for each in before.attributes if each[0] not in _OF_ICE)
    return bytes(replace(before, media=media, attributes=attributes))


def fragment_of(answer: bytes) -> bytes:
    """What our `answer` says of ICE, as a fragment: the response to a restart (RFC 9725 4.3.3)."""
    ours = SessionDescription.parse(answer)
    lines = [f"a={name}" if value is None else f"a={name}:{value}" for name, value in ours.attributes
             if name in ("ice-lite", "ice-options", "group")]  # fmt: skip
    for media in ours.media:
        if media.port:
            said = tuple(each for each in media.attributes if each[0] == "mid" or each[0] in _OF_ICE)
            shown = MediaDescription(media.kind, 9, media.protocol, media.formats, attributes=said)
            lines += shown.lines()
    return ("\r\n".join(lines) + "\r\n").encode()


def ufrag_of(description: bytes) -> str | None:
    """The user fragment in a description, of its first stream that has one."""
    said = SessionDescription.parse(description)
    found = (said.attribute_of(media, "ice-ufrag") for media in said.media if media.port)
    return next((each[1] for each in found if each is not None), None)


def _rest(media: MediaDescription) -> Attributes:
    return tuple(each for each in media.attributes if each[0] not in _OF_ICE)


def _sections(text: str) -> tuple[Attributes, list[Attributes]]:
    """The attributes before any stream, and those of each."""
    session: list[tuple[str, str | None]] = []
    streams: list[list[tuple[str, str | None]]] = []
    for line in text.replace("\r", "\n").split("\n"):
        if not line.strip():
            continue
        if line[1:2] != "=":
            raise RemoteProtocolError(f"malformed line in ICE fragment: {line[:80]!r}")
        if line[0] == "m":
            if len(streams) == _MOST_SECTIONS:
                raise RemoteProtocolError(f"more than {_MOST_SECTIONS} streams in an ICE fragment")
            streams.append([])
        elif line[0] == "a":
            name, colon, value = line[2:].strip().partition(":")
            (streams[-1] if streams else session).append((name, value if colon else None))
    if not session and not streams:
        raise RemoteProtocolError("ICE fragment says nothing: it has neither an attribute nor a stream")
    return tuple(session), [tuple(each) for each in streams]


def _of(streams: list[Attributes], mid: str | None) -> Attributes:
    if not streams:
        return ()
    return next((each for each in streams if mid is not None and first(each, "mid") == mid), streams[0])


def _check(word: str, shortest: int, name: str) -> None:
    if not shortest <= len(word) <= _LONGEST_WORD or not _ICE_CHARS.issuperset(word):
        raise RemoteProtocolError(f"a={name} must be {shortest} to {_LONGEST_WORD} letters, digits, + or /")
