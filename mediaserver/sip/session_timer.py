"""Session timers (RFC 4028): what both sides agree on, and who refreshes."""

from dataclasses import dataclass
from typing import Literal, Self

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.grammar import number
from mediaserver.sip.headers import Headers
from mediaserver.sip.leg import Leg, LegAlarm, SessionTimer
from mediaserver.sip.message import Request, Response
from mediaserver.sip.screening import Refusal

type Refresher = Literal["uac", "uas"]

_LONGEST = 2**31 - 1
_SMALLEST = 90
"""The RFC's own lower limit of Min-SE, in seconds (5)."""
_MARGIN_S = 32.0
_RAREST_S = 10.0
"""However short an interval a proxy wants, a refresh is not sent more often."""


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """The value of Session-Expires: the interval in seconds, and who is to refresh (4)."""

    seconds: int
    refresher: Refresher | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Seconds and refresher, an unknown one counting as none; RemoteProtocolError(400) if malformed."""
        seconds, *parameters = text.split(";")
        refresher: Refresher | None = None
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "refresher":
                word = value.strip().strip('"').lower()
                refresher = "uac" if word == "uac" else "uas" if word == "uas" else None
        return cls(number(seconds.strip(), "Session-Expires", _LONGEST), refresher)

    def __str__(self) -> str:
        return str(self.seconds) if self.refresher is None else f"{self.seconds};refresher={self.refresher}"


class SessionTimers:
    """Negotiates the session timer of every leg, and sets its two alarms (10)."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._mode = core.settings.session_timer
        self._min_se = max(_SMALLEST, core.settings.min_se)

    # Our requests

    def ask(self, leg: Leg, headers: Headers) -> None:
        """Add what our INVITE, re-INVITE or UPDATE says of the session's interval (7.1, 7.4)."""
        if self._mode == "off":
            return
        least = max(leg.min_se, self._min_se)
        if leg.timer is not None:
            asked = SessionExpires(max(leg.timer.interval, least), "uac" if leg.timer.ours else "uas")
        elif self._mode == "request":
            asked = SessionExpires(max(self._core.settings.session_expires, least))
        elif leg.min_se:
            asked = SessionExpires(least)
        else:
            return
        headers.set("Session-Expires", str(asked))
        if least > _SMALLEST:
            headers.set("Min-SE", str(least))

    def too_small(self, leg: Leg, response: Response) -> bool:
        """Take the Min-SE of a 422 (7.3); whether that gives us another interval to ask for."""
        value = response.headers.get("Min-SE")
        least = 0 if value is None else _seconds(value)
        if self._mode == "off" or least <= leg.min_se:
            return False
        leg.min_se = least
        if leg.timer is not None:
            leg.timer.interval = max(leg.timer.interval, least)
        return True

    def agreed(self, leg: Leg, response: Response, now: float) -> None:
        """A 2xx to our INVITE, re-INVITE or UPDATE: what holds from now on (7.2)."""
        said = _expires(response.headers)
        if self._mode == "off":
            return
        if said is not None:
            self._set(leg, SessionTimer(max(1, said.seconds), said.refresher != "uas"), now)
        elif leg.timer is not None and leg.timer.ours:
            # The peer no longer wants it; a refresh too many harms nobody, and its proxies may still count.
            self._set(leg, leg.timer, now)
        else:
            self._set(leg, None, now)

    # The peer's requests

    def refuse(self, request: Request) -> Refusal | None:
        """422 to an interval too short for us, if the peer would understand it (9); 400 to one that is none."""
        try:
            value = request.headers.get("Session-Expires")
            asked = None if value is None else SessionExpires.parse(value)
        except RemoteProtocolError:
            return Refusal(400, reason="Bad Request (Session-Expires)")
        if self._mode == "off" or asked is None or asked.seconds >= self._min_se or not _supports(request):
            return None
        return Refusal(422, [("Min-SE", str(self._min_se))])

    def answer(self, leg: Leg, request: Request, now: float) -> list[tuple[str, str]]:
        """What our 2xx says of the session's interval, by table 2 of the RFC (9); it holds from now on."""
        if self._mode == "off":
            return []
        asked, able = _expires(request.headers), _supports(request)
        value = request.headers.get("Min-SE")
        leg.min_se = max(leg.min_se, 0 if value is None else _seconds(value))
        if asked is None and leg.timer is not None:
            asked = SessionExpires(leg.timer.interval)  # left out by the peer: what was agreed goes on, and is ours
        elif asked is None and self._mode == "request":
            asked = SessionExpires(max(self._core.settings.session_expires, leg.min_se, self._min_se))
        if asked is None:
            self._set(leg, None, now)
            return []
        refresher = asked.refresher if able and asked.refresher is not None else "uas"
        self._set(leg, SessionTimer(max(1, asked.seconds), refresher == "uas"), now)
        fields = [("Session-Expires", str(SessionExpires(asked.seconds, refresher)))]
        return [*fields, ("Require", "timer")] if able else fields

    # The alarms

    def _set(self, leg: Leg, timer: SessionTimer | None, now: float) -> None:
        leg.timer = timer
        alarms = self._core.alarms
        if timer is None:
            alarms.stop(leg, LegAlarm.REFRESH, LegAlarm.SESSION_ENDS)
            return
        interval = float(timer.interval)
        alarms.start(leg, LegAlarm.SESSION_ENDS, now + max(_RAREST_S * 2, interval - min(_MARGIN_S, interval / 3)))
        if timer.ours:
            alarms.start(leg, LegAlarm.REFRESH, now + max(_RAREST_S, interval / 2))
        else:
            alarms.stop(leg, LegAlarm.REFRESH)


def _expires(headers: Headers) -> SessionExpires | None:
    """What the message says; a malformed value says nothing."""
    value = headers.get("Session-Expires")
    try:
        return None if value is None else SessionExpires.parse(value)
    except RemoteProtocolError:
        return None


def _seconds(text: str) -> int:
    """A Min-SE in seconds, without its parameters; 0 if malformed."""
    try:
        return number(text.partition(";")[0].strip(), "Min-SE", _LONGEST)
    except RemoteProtocolError:
        return 0


def _supports(request: Request) -> bool:
    """Whether the peer's own Supported (or Require) names the session timer."""
    names = (*request.headers.get_all("Supported"), *request.headers.get_all("Require"))
    return any(name.lower() == "timer" for name in names)
