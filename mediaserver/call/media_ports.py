"""The ports of a call at the media plane, taken when somebody is to be told of them."""

from collections.abc import Callable
from dataclasses import replace

from mediaserver.call.signalling import Media
from mediaserver.errors import LocalProtocolError
from mediaserver.sdp.path import MediaPath
from mediaserver.talk.orders import Open


class MediaPorts:
    """`begin` is how the call is opened. A pair serves all its peers but browsers, who share one port with others."""

    def __init__(self, media: Media, begin: Open) -> None:
        self._media = media
        self._order = begin
        self._pair: int | None = None
        self._closed = False

    def close(self) -> None:
        """The call is over: it takes no more."""
        self._closed = True

    def pair(self) -> int:
        """The RTP port of its pair. Raises as `Media.open` does."""
        if self._pair is None:
            self._pair = self._open(None)
        return self._pair

    def towards(self, path: MediaPath, host: Callable[[], str], offer: bytes | None = None) -> tuple[str, int]:
        """Our address and port in descriptions to a peer by `path`; `offer` is the peer's, None: we offer.

        `host` is our address as the peer sees it, for the pair. Raises as `Media.open` does.
        """
        ufrag = path.share(offer)
        if ufrag is None:
            return host(), self.pair()
        return path.hosts[0], self._open(ufrag)

    def _open(self, ufrag: str | None) -> int:
        if self._closed:
            raise LocalProtocolError("a port for a call that is over")
        return self._media.open(replace(self._order, ufrag=ufrag))
