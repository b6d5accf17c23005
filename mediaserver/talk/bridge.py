"""Two legs that hear each other."""

from collections.abc import Callable

from mediaserver.errors import LocalProtocolError
from mediaserver.rtp.form import form_of
from mediaserver.rtp.session import MediaSession
from mediaserver.talk.crossing import Crossing
from mediaserver.talk.leg import Leg

SHORTEST_KEY_MS = 50.0
"""A key that is passed on is down for so long at least: some receivers miss a shorter one."""


class Bridge:
    """Audio and keys of each leg go to the other, as soon as both have a stream; whatever a leg does later.

    A leg that is on hold, or mute, is silence to the other. Whom a leg on hold does not hear need not send meanwhile.
    What a leg's playout still holds is played first.
    """

    def __init__(self, first: Leg, second: Leg) -> None:
        self._legs = (first, second)
        self._to: dict[Leg, Crossing] = {}
        self.ended = False
        self.follow()

    def follow(self) -> None:
        """A leg has a stream now, or another one than before."""
        first, second = self._legs
        if self.ended or first.session is None or second.session is None:
            return
        for leg, other in ((first, second), (second, first)):
            assert leg.session is not None and other.session is not None
            leg.session.excuse(other.session.on_hold)
            target = form_of(leg.session.downlink_format)
            crossing = self._to.get(leg)
            if crossing is not None:
                crossing.into(target, leg.ptime_ms)
                continue
            crossing = self._to[leg] = Crossing(form_of(other.session.uplink_format), target, leg.ptime_ms)
            other.hand_to(crossing)
            leg.session.play(_after_playout(leg.session, crossing))

    def key(self, leg: Leg, digit: str, duration_ms: float) -> None:
        """A key was pressed on `leg`: the other one is to hear it."""
        other = self._legs[1] if leg is self._legs[0] else self._legs[0]
        if self.ended or other.session is None:
            return
        try:
            other.session.send_digits(digit, max(duration_ms, SHORTEST_KEY_MS))
        except LocalProtocolError:  # a flash, to a peer that knows no events
            pass

    def end(self) -> None:
        """The legs hear each other no longer; safe to call twice."""
        self.ended = True
        for leg in self._legs:
            leg.hand_to(None)
            if leg.session is not None:
                leg.session.play(None)
                leg.session.excuse(False)

    def counters(self, leg: Leg) -> dict[str, float]:
        """What was counted on the way to `leg`, by name."""
        crossing = self._to.get(leg)
        if crossing is None:
            return {}
        return {
            "bridge_frames": crossing.frames,
            "bridge_delay_ms": crossing.delay_ms,
            "bridge_dropped_ms": crossing.dropped_ms,
            "bridge_underruns": crossing.underruns,
        }


def _after_playout(session: MediaSession, crossing: Crossing) -> Callable[[], bytes | None]:
    """What an agent has said is heard to its end; from then on the other leg is."""
    playout = session.playout

    def pop() -> bytes | None:
        frame = playout.pop()
        if frame is not None:
            return frame
        if playout.current is None:
            session.play(crossing.pop)
        return crossing.pop()

    return crossing.pop if playout.current is None else pop
