"""How the media of each call are encrypted and find their way: as its trunk has it, with the keys of one leg."""

import os
from collections.abc import Callable

import structlog

from mediaserver.call.route import Routes
from mediaserver.sdp.ice import IceLite
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import MediaPlan
from mediaserver.sdp.security import OFFERED, Protection, Sdes
from mediaserver.sip.events import Flow

_ENCRYPTED = frozenset({"tls", "wss"})
_BROWSERS = frozenset({"ws", "wss"})


class MediaPaths:
    """One for all calls. `fingerprint` is that of the certificate our media plane shows; None: no DTLS.

    `hosts` tells at which of our addresses the browser at an IP address reaches the port that all of them share, the
    best first; None: there is none.
    """

    def __init__(
        self, routes: Routes, fingerprint: str | None, hosts: Callable[[str], tuple[str, ...]] | None = None
    ) -> None:
        self._routes = routes
        self._fingerprint = fingerprint
        self._hosts = hosts
        self._exposed: set[str | None] = set()
        self._log = structlog.get_logger()

    def path(self, trunk: str | None, flow: Flow) -> MediaPath:
        """For a new leg, whose signalling goes by `flow`: over a WebSocket there is a browser at its end."""
        browser = flow.transport in _BROWSERS and self._fingerprint is not None
        policy = self._routes.srtp(trunk)
        if browser and policy == "never":
            policy = "optional"  # it knows no other media
        # Keys that anybody can read are worth neither their warning nor their size in a datagram.
        offers = policy == "required" or flow.transport in _ENCRYPTED
        suites = OFFERED if offers else ()
        protection = Protection(policy, os.urandom, self._fingerprint, browser=browser, suites=suites)
        peer = flow.remote[0]
        hosts = self._hosts(peer) if browser and self._hosts is not None else ()
        return MediaPath(protection, IceLite(os.urandom), browser=browser, signalled=peer, hosts=hosts)

    def check(self, plan: MediaPlan | None, trunk: str | None, flow: Flow) -> None:
        """Warn, once for each trunk, when the keys of its calls can be read on the way (RFC 4568 8.3)."""
        if (
            plan is None
            or not isinstance(plan.security, Sdes)
            or flow.transport in _ENCRYPTED
            or trunk in self._exposed
        ):
            return
        self._exposed.add(trunk)
        self._log.warning(
            "media.keys_exposed",
            trunk=trunk,
            transport=flow.transport,
            message="media are encrypted, but their keys go over signalling that is not: use TLS",
        )
