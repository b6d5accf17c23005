"""What a browser offers for a call, and what the answer to it means to the browser."""

import re
import secrets
from dataclasses import dataclass, replace
from ipaddress import ip_address

from mediaserver.errors import RemoteProtocolError
from mediaserver.load.browser_ice import Address, Credentials
from mediaserver.sdp.extensions import AUDIO_LEVEL, TRANSPORT_SEQUENCE
from mediaserver.sdp.fragment import Fragment
from mediaserver.sdp.ice import IceLite
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sdp.security import Dtls, Protection
from mediaserver.sdp.session import MediaDescription, SessionDescription

_UNUSABLE = 488
_LITE = re.compile(rb"^a=ice-lite\r?\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed on. In `plan` nothing is left of encryption and ICE: the port sees to both."""

    plan: MediaPlan
    credentials: Credentials
    candidates: tuple[Address, ...]
    """The server's addresses of our family, the most wanted first."""
    dtls: Dtls
    audio_level: int | None = None
    """Number of the header extension that tells how loud a packet is (RFC 6464); None: the server wants none."""
    transport_sequence: int | None = None
    """Of the one that numbers packets, for the server's feedback."""


class Terms:
    """Offer and answer of one call. `local` is our address and port, `fingerprint` that of our certificate."""

    def __init__(
        self, codecs: tuple[str, ...], local: Address, fingerprint: str, *, ptime_ms: int = 20, quiet: bool = False
    ) -> None:
        """`quiet`: ask for nothing to be sent in silence."""
        self._local = local
        capabilities = Capabilities(
            codecs=codecs, default_ptime=ptime_ms, comfort_noise=quiet, offer_comfort_noise=quiet
        )
        protection = Protection("required", secrets.token_bytes, fingerprint, browser=True)
        path = MediaPath(protection, IceLite(secrets.token_bytes), browser=True)
        self._negotiation = Negotiation(capabilities, local, secrets.randbits(31), path)

    def offer(self) -> bytes:
        """Ours is a full agent: it makes the checks. As browsers do, it offers to tell of its packets."""
        return _without_lite(self._negotiation.offer()).replace(b"/recvonly ", b" ")

    def accepted(self, answer: bytes) -> Agreed:
        """Read the answer. Raises RemoteProtocolError for one that no media can come of."""
        # That the server makes no checks is no matter to who makes them.
        plan = self._negotiation.accepted(_without_lite(answer))
        described = SessionDescription.parse(answer)
        media = next(each for each in described.media if each.port)
        if not isinstance(plan.security, Dtls) or plan.ice is None:
            raise RemoteProtocolError("the answer has no DTLS-SRTP, or no ICE", status=_UNUSABLE)
        password = described.attribute_of(media, "ice-pwd")
        if password is None or password[1] is None:
            raise RemoteProtocolError("the answer has no a=ice-pwd", status=_UNUSABLE)
        credentials = Credentials(plan.ice.ours, plan.ice.password, plan.ice.theirs, password[1])
        candidates = candidates_of(media, self._local)
        if not candidates:
            raise RemoteProtocolError("the answer has no candidate that we could reach", status=_UNUSABLE)
        numbers = _extensions(media)
        return Agreed(
            replace(plan, security=None, ice=None), credentials, candidates, plan.security,
            numbers.get(AUDIO_LEVEL), numbers.get(TRANSPORT_SEQUENCE),
        )  # fmt: skip


def candidates_of(media: MediaDescription, local: Address) -> tuple[Address, ...]:
    """Addresses for RTP over UDP of the family of `local`, by priority; names are passed over (RFC 8839 5.1)."""
    family = ip_address(local[0]).version
    found: list[tuple[int, Address]] = []
    for name, value in media.attributes:
        words = (value or "").split() if name == "candidate" else []
        if len(words) < 8 or words[1] != "1" or words[2].upper() != "UDP":
            continue
        try:
            address, port, priority = ip_address(words[4]), int(words[5]), int(words[3])
        except ValueError:
            continue
        if address.version == family and 0 < port < 65536:
            found.append((priority, (str(address), port)))
    return tuple(dict.fromkeys(address for _, address in sorted(found, key=lambda each: -each[0])))


def _without_lite(description: bytes) -> bytes:
    return _LITE.sub(b"", description)


def fragment(ufrag: str, password: str) -> bytes:
    """What a restart of ICE is asked for by (RFC 8840 9): credentials, and that candidates are found by the checks."""
    words = (f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0")
    return "".join(f"{line}\r\n" for line in (*words, "a=end-of-candidates")).encode()


def restarted(answer: bytes, ours: tuple[str, str], agreed: Agreed) -> tuple[Credentials, tuple[Address, ...]]:
    """What the server's fragment makes of a restart with `ours`. Raises RemoteProtocolError."""
    said = Fragment.parse(answer, "0")
    if said.ufrag is None or said.password is None:
        raise RemoteProtocolError("the server's fragment has no credentials of ICE")
    stream = MediaDescription("audio", 9, "", (), attributes=tuple(("candidate", each) for each in said.candidates))
    candidates = candidates_of(stream, agreed.candidates[0]) or agreed.candidates
    return Credentials(*ours, said.ufrag, said.password), candidates


def _extensions(media: MediaDescription) -> dict[str, int]:
    """Header extensions that the answer takes, by name (RFC 8285 5)."""
    found: dict[str, int] = {}
    for name, value in media.attributes:
        words = (value or "").split() if name == "extmap" else []
        number = words[0].partition("/")[0] if len(words) > 1 else ""
        if number.isascii() and number.isdigit() and 0 < int(number[:4]) < 15:
            found[words[1]] = int(number)
    return found
