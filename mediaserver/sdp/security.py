"""Keys for encrypted media in a session description: SDES (RFC 4568) and DTLS-SRTP (RFC 5763), both ways."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.session import Attributes, MediaDescription, SessionDescription

type SrtpPolicy = Literal["never", "optional", "required"]
"""What a leg wants of encryption. As the one who offers, "optional" is RTP/AVP with keys beside it: who does not know
them goes on in the clear, who does answers with his own."""

SUITES: dict[str, int] = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""Octets of master key and salt by suite, the strongest first (RFC 4568 6.2, 6188 4, 7714 12)."""
OFFERED = ("AES_CM_128_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM")
"""What we offer, in this order: the first is the one every peer has."""

SECURE_PROFILES = frozenset({"RTP/SAVP", "RTP/SAVPF"})
DTLS_PROFILES = frozenset({"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
PLAIN_PROFILES = frozenset({"RTP/AVP", "RTP/AVPF"})
_HASHES = ("sha-512", "sha-384", "sha-256", "sha-224", "sha-1")
_NOT_ACCEPTABLE = 488


@dataclass(frozen=True, slots=True)
class Sdes:
    """Keys that were told in the descriptions. Octets of master key and salt; never to be logged."""

    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dtls:
    """Keys that a handshake on the media path shall agree on."""

    active: bool
    """We begin the handshake (RFC 5763 5)."""
    fingerprints: tuple[tuple[str, str], ...]
    """Hash function and hex digest with colons, of which the peer's certificate has to have one (RFC 8122)."""


type Security = Sdes | Dtls


@dataclass(frozen=True, slots=True)
class Crypto:
    """One a=crypto line."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> "Crypto | None":
        """A line that we can do, else None: a suite unknown, several keys, an MKI, a parameter that weakens it."""
        words = text.split()
        if len(words) < 3 or not (words[0].isascii() and words[0].isdigit()) or len(words[0]) > 9:
            return None
        suite, parameters = words[1].upper(), words[2]
        if suite not in SUITES or not all(map(_harmless, words[3:])):
            return None
        method, _, info = parameters.partition(":")
        if method.lower() != "inline" or ";" in parameters:
            return None
        material, *rest = info.split("|")
        if any(":" in part for part in rest):  # an MKI; a lifetime alone is no promise to break
            return None
        try:
            key = base64.b64decode(material + "=" * (-len(material) % 4), validate=True)
        except (ValueError, binascii.Error):
            return None
        return cls(int(words[0]), suite, key) if len(key) == SUITES[suite] else None


def _harmless(parameter: str) -> bool:
    """A session parameter that changes nothing for us: a window hint, or one that need not be known (RFC 4568 6.3)."""
    return parameter.startswith("-") or parameter.upper().startswith("WSH=") or parameter.upper() == "KDR=0"


class Protection:
    """Our side of a leg's media security for its whole life.

    `octets` gives that many random octets. `fingerprint` is that of our certificate ("sha-256 AB:…"); None: no DTLS.
    `browser`: our offers are for one, which takes nothing but DTLS-SRTP. `suites` are those we offer, by SDES.
    """

    def __init__(
        self,
        policy: SrtpPolicy,
        octets: Callable[[int], bytes],
        fingerprint: str | None = None,
        *,
        browser: bool = False,
        suites: tuple[str, ...] = OFFERED,
    ) -> None:
        self._policy = policy
        self._suites = suites
        self.octets = octets
        """Gives so many random octets."""
        self._fingerprint = fingerprint
        self._browser = browser
        self._ours: dict[str, bytes] = {}
        self._agreed: Security | None = None
        self._profile: str | None = None
        """Of what was agreed: our later offers keep to it."""

    def takes(self, protocol: str) -> bool:
        """Whether a stream with this transport profile can be agreed to."""
        if protocol in PLAIN_PROFILES:
            return True
        if self._policy == "never":
            return False
        return protocol in SECURE_PROFILES or (protocol in DTLS_PROFILES and self._fingerprint is not None)

    def answer(self, session: SessionDescription, media: MediaDescription) -> tuple[Security | None, Attributes]:
        """What protects an offered stream, and the attributes that answer it. Raises RemoteProtocolError (488)."""
        security, attributes = self._answer(session, media)
        self._agreed, self._profile = security, media.protocol
        return security, attributes

    def offer(self) -> tuple[str, Attributes]:
        """Transport profile and attributes of an offer of ours."""
        if self._profile is not None:
            return self._profile, self._as_before()
        if self._browser:
            return "UDP/TLS/RTP/SAVPF", self._certificate("actpass")
        if self._policy == "never":
            return "RTP/AVP", ()
        lines = tuple(self._line(tag, suite) for tag, suite in enumerate(self._suites, start=1))
        return ("RTP/SAVP" if self._policy == "required" else "RTP/AVP"), lines

    def accepted(
        self, mine: MediaDescription, session: SessionDescription, theirs: MediaDescription
    ) -> Security | None:
        """What the answer to our offer agrees to. Raises RemoteProtocolError (488) if that is not what we asked for."""
        self._agreed = self._accepted(mine, session, theirs)
        self._profile = theirs.protocol
        return self._agreed

    def _answer(self, session: SessionDescription, media: MediaDescription) -> tuple[Security | None, Attributes]:
        if self._policy == "never":
            return None, ()
        if media.protocol in DTLS_PROFILES or (self._fingerprint and _fingerprints(session, media)):
            dtls = self._dtls(session, media)
            return dtls, self._certificate("active" if dtls.active else "passive")
        if lines := _usable_lines(media):
            chosen = lines[0]
            return self._sdes(chosen), (self._line(chosen.tag, chosen.suite),)
        if media.protocol in SECURE_PROFILES:
            raise _refusal("encrypted media without a key that can be used")
        if self._policy == "required":
            raise _refusal("media has to be encrypted here: offer RTP/SAVP with a=crypto, or DTLS-SRTP")
        return None, ()

    def _accepted(
        self, mine: MediaDescription, session: SessionDescription, theirs: MediaDescription
    ) -> Security | None:
        if mine.has("fingerprint"):
            return self._dtls(session, theirs)
        offered = {line.tag: line for line in _usable_lines(mine)}
        for line in _usable_lines(theirs):
            ours = offered.get(line.tag)
            if ours is not None and ours.suite == line.suite:
                return self._sdes(line)
        if self._policy == "required" or theirs.protocol in SECURE_PROFILES:
            raise _refusal("the answer has no key for the encrypted media we offered")
        return None

    def _as_before(self) -> Attributes:
        """The attributes of an offer within a session: nothing about its protection changes."""
        match self._agreed:
            case Sdes(suite=suite):
                return (self._line(1, suite),)
            case Dtls():
                return self._certificate("actpass")
            case _:
                return ()

    def _dtls(self, session: SessionDescription, media: MediaDescription) -> Dtls:
        found = _fingerprints(session, media)
        if self._fingerprint is None or not found:
            raise _refusal("DTLS-SRTP needs a fingerprint of a hash we know")
        setup = session.attribute_of(media, "setup")
        theirs = setup[1] if setup is not None else "active"
        if theirs == "actpass":
            # Who may be behind a NAT has to send first: we begin only if we did before.
            return Dtls(isinstance(self._agreed, Dtls) and self._agreed.active, found)
        return Dtls(theirs == "passive", found)

    def _sdes(self, theirs: Crypto) -> Sdes:
        return Sdes(theirs.suite, self._key(theirs.suite), theirs.key)

    def _certificate(self, role: str) -> Attributes:
        return ("fingerprint", self._fingerprint), ("setup", role)

    def _line(self, tag: int, suite: str) -> tuple[str, str]:
        return "crypto", str(Crypto(tag, suite, self._key(suite)))

    def _key(self, suite: str) -> bytes:
        if suite not in self._ours:
            self._ours[suite] = self.octets(SUITES[suite])
        return self._ours[suite]


def _usable_lines(media: MediaDescription) -> list[Crypto]:
    """The a=crypto lines that can be used, in the peer's order of preference."""
    values = [value for name, value in media.attributes if name == "crypto" and value is not None]
    return [line for line in map(Crypto.parse, values) if line is not None]


def _fingerprints(session: SessionDescription, media: MediaDescription) -> tuple[tuple[str, str], ...]:
    """Those of the stream, else those of the session, by the hashes we know, the strongest first."""
    for attributes in (media.attributes, session.attributes):
        found = []
        for name, value in attributes:
            if name == "fingerprint" and value is not None:
                function, _, digest = value.strip().partition(" ")
                if function.lower() in _HASHES and digest.strip():
                    found.append((function.lower(), digest.strip().upper()))
        if found:
            return tuple(sorted(found, key=lambda each: _HASHES.index(each[0])))
    return ()


def _refusal(reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(reason, status=_NOT_ACCEPTABLE)
