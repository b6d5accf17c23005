"""What all calls work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediaserver.call.calls import Calls
from mediaserver.call.feed import Feeds
from mediaserver.call.handover import Handover
from mediaserver.call.ladders import CallLadders, NoLadders
from mediaserver.call.media_paths import MediaPaths
from mediaserver.call.route import Routes
from mediaserver.call.settings import CallSettings
from mediaserver.call.signalling import Media, Signalling
from mediaserver.call.tally import NoTally, Tally

if TYPE_CHECKING:
    from mediaserver.call.call import Call


@dataclass(frozen=True, slots=True)
class Desk:
    """`address` tells which of our addresses a peer at an IP reaches us by: it goes into the session description."""

    settings: CallSettings
    signalling: Signalling
    media: Media
    routes: Routes
    address: Callable[[str], str]
    calls: "Calls[Call]"
    handover: "Callable[[Call], Handover]"
    """Who transfers a call."""
    paths: MediaPaths
    feeds: Feeds
    ladders: CallLadders = field(default_factory=NoLadders)
    tally: Tally = field(default_factory=NoTally)
