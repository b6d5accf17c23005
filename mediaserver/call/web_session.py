"""What HTTP knows of a call while it lasts: a WHIP session (RFC 9725 4.2), with the credentials ICE has in it."""

from collections.abc import Callable

from mediaserver.call.web_call import WebCall
from mediaserver.call.web_line import WebLine
from mediaserver.sdp.fragment import Fragment, fragment_of, restarted, ufrag_of
from mediaserver.sdp.session import SessionDescription


class WebSession:
    """The session `name` of `call`, whose `offer` was answered. `token` gives random words for entity tags.

    `opened_by` is the digest of the token that opened it.
    """

    def __init__(
        self,
        name: str,
        call: WebCall,
        leg: int,
        line: WebLine,
        offer: bytes,
        token: Callable[[], str],
        opened_by: bytes = b"",
    ) -> None:
        self.name = name
        self.call = call
        self.etag = f'"{token()}"'
        """Names the ICE session: another one after each restart (RFC 9725 4.3.1)."""
        self.opened_by = opened_by
        self._leg = leg
        self._line = line
        self._offer = offer
        self._token = token
        self._mid = _mid_of(offer)
        self._ufrag = ufrag_of(offer)

    async def patch(self, body: bytes) -> bytes | None:
        """Take a fragment. None: candidates that came later, which a lite agent learns from the checks themselves.

        With credentials that are new it is a restart, and this our part of it. Raises RemoteProtocolError (400), and
        TurnedDownError as `WebLine.changed` does.
        """
        fragment = Fragment.parse(body, self._mid)
        if fragment.ufrag is None or fragment.ufrag == self._ufrag:
            return None
        offer = restarted(self._offer, fragment)
        answer = await self._line.changed(self._leg, offer)
        self._offer, self._ufrag = offer, fragment.ufrag
        self.etag = f'"{self._token()}"'
        return fragment_of(answer)

    @property
    def agent(self) -> str:
        """Who was called, by the name in the address."""
        return "" if self.call.agent is None else self.call.agent.name

    def end(self) -> None:
        """The browser hangs up."""
        self._line.hung_up(self._leg)


def _mid_of(offer: bytes) -> str | None:
    """The name of the stream we have taken: the first one of audio."""
    offered = SessionDescription.parse(offer)
    return next((each.attribute("mid") for each in offered.media if each.kind == "audio" and each.port), None)
