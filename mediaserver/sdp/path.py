"""What a leg's descriptions say of the way media goes, besides its address: encryption and ICE, for the leg's life."""

from dataclasses import dataclass

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.ice import Ice, IceLite, with_ice
from mediaserver.sdp.security import DTLS_PROFILES, Protection, Security
from mediaserver.sdp.session import Attributes, Connection, MediaDescription, SessionDescription
from mediaserver.sdp.source import Source


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a description of the peer agrees to, and the attributes of our answer to it."""

    security: Security | None = None
    ice: Ice | None = None
    attributes: Attributes = ()
    source: Source | None = None


class MediaPath:
    """Our side of it. `browser`: our offers are for one, with ICE, DTLS and RTCP beside RTP on one port.

    `signalled` is the IP address that signalling goes to. `hosts` are addresses of ours at which all browsers reach us
    by one port, the best first; none: there is no such port.
    """

    def __init__(
        self,
        protection: Protection,
        ice: IceLite | None = None,
        *,
        browser: bool = False,
        signalled: str | None = None,
        hosts: tuple[str, ...] = (),
    ) -> None:
        self._protection = protection
        self._ice = ice
        self.browser = browser
        self.signalled = signalled
        self.hosts = hosts
        self.source = Source.drawn(protection.octets)
        """What browsers are told that our packets are known by."""
        self.mid = "0" if browser else None
        """The stream's name in our offers; it keeps the one that the peer has given it (RFC 8829 5.2.2)."""

    def share(self, offer: bytes | None) -> str | None:
        """Have media come to the port that browsers share, if they can: our user fragment then, else None.

        Before the first description. `offer` is the peer's; None: we offer.
        """
        ice = self._ice
        if ice is None or not self.hosts or not self.browser or not (offer is None or _shareable(offer)):
            return None
        ice.hosts = self.hosts
        return ice.ufrag

    def finds(self, session: SessionDescription, media: MediaDescription) -> bool:
        """Whether checks find the peer, wherever its description says it is: a browser often knows no address."""
        return self._ice is not None and self.browser and with_ice(session, media)

    def takes(self, protocol: str) -> bool:
        """Whether a stream with this transport profile can be agreed to."""
        return self._protection.takes(protocol)

    def answer(
        self, session: SessionDescription, media: MediaDescription, connection: Connection, local: tuple[str, int]
    ) -> Agreed:
        """Agree to an offered stream. Raises RemoteProtocolError (488) when its encryption is of no use.

        On the port that browsers share nobody is found but by ICE.
        """
        security, lines = self._protection.answer(session, media)
        self.mid = media.attribute("mid")
        source = self.source if media.protocol in DTLS_PROFILES else None
        if source is not None:
            lines = (*source.attributes(), *lines)
        if self._ice is None:
            return Agreed(security, None, lines, source)
        ice, more = self._ice.answer(session, media, connection, local)
        if ice is None and self._ice.hosts:
            raise RemoteProtocolError("the offer is without ICE, by which alone media come here", status=488)
        return Agreed(security, ice, (*lines, *more), source)

    def offer(self, local: tuple[str, int], *, mux: bool) -> tuple[str, Attributes]:
        """Transport profile and attributes of an offer of ours; `mux`: with RTCP on the same port.

        ICE only for those who cannot do without, or have done it before.
        """
        profile, lines = self._protection.offer()
        wanted = self._ice is not None and (self.browser or self._ice.agreed)
        ice = self._ice.offer(local, mux=mux) if self._ice is not None and wanted else ()
        if profile in DTLS_PROFILES:
            lines = (*self.source.attributes(), *lines)
        return profile, (*lines, *ice)

    def accepted(
        self, mine: MediaDescription, session: SessionDescription, theirs: MediaDescription, local: tuple[str, int]
    ) -> Agreed:
        """What the answer to our offer agrees to. Raises RemoteProtocolError (488) if that is not what we asked for.

        On the port that browsers share nobody is found but by ICE.
        """
        security = self._protection.accepted(mine, session, theirs)
        offered = self._ice is not None and mine.has("ice-ufrag")
        ice = self._ice.accepted(session, theirs, local) if self._ice and offered else None
        if ice is None and self._ice is not None and self._ice.hosts:
            raise RemoteProtocolError("the answer is without ICE, by which alone media come here", status=488)
        return Agreed(security, ice, source=self.source if mine.has("ssrc") else None)


def _shareable(offer: bytes) -> bool:
    """Whether all audio that is offered can do with one port, found by checks."""
    try:
        offered = SessionDescription.parse(offer)
    except RemoteProtocolError:
        return False
    audio = [media for media in offered.media if media.kind == "audio" and media.port]
    return all(with_ice(offered, media) and media.has("rtcp-mux") for media in audio)
