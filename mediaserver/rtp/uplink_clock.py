"""The time of the uplink: one contiguous stream that is as long as the call is old.

A model hears time by the audio it is sent, so audio, concealment and comfort together must keep pace with the wall.
Positions and timestamps count octets of the uplink's form; `ahead` is how far the position is in front of the wall. The
rule:

1. Audio passes as it comes. After it, `ahead` is about zero, less the jitter.
2. A leg that is silent past its deadline, or announced silence, gets comfort in whole frames up to the wall. A codec
   with a memory goes on by itself for the first 100 ms of a silence that was not announced: packets may be lost.
3. A jump of the timestamps is filled (concealment for lost packets, comfort for a pause of the sender), but never
   beyond the wall (a frame beyond for lost packets, whose place is certain): what stood in already is not filled twice.
4. Audio that comes late, after comfort stood in for it, passes too. Then the stream is ahead, at most by `max_ahead`;
   audio beyond that is dropped. While it is more than a frame ahead, quiet frames are dropped: that pays it back.
5. A stream that stays more than a frame behind for a second (the sender's clock is slow, the path got longer) gets a
   frame of comfort beside a quiet one.
"""

from collections import deque
from collections.abc import Callable

from mediacodecs.signal.plc import Concealment
from mediaserver.rtp.comfort_noise import ComfortNoise
from mediaserver.rtp.form import Form

_HISTORY = 8  # payloads a concealment may look back on
_BEHIND_PACKETS = 50
_CONTINUED_MS = 100
"""A codec's own continuation has faded away by then."""


class UplinkClock:
    """Hands out the uplink of one call in `form`; `frame` is the octets of one frame of comfort.

    What cannot be passed on at once, and all that follows it, is put into `backlog` in order.
    """

    __slots__ = (
        "_announced",
        "_behind",
        "_continued",
        "_form",
        "_history",
        "_max_ahead",
        "_origin",
        "_patience",
        "_position",
        "_rate",
        "_timestamp",
        "backlog",
        "comfort",
        "comfort_octets",
        "concealed_octets",
        "deadline",
        "frame",
        "silent",
        "substitute",
        "trimmed_octets",
    )

    def __init__(self, form: Form, *, frame: int, now: float, patience: float, max_ahead: int) -> None:
        self._form = form
        self._rate = form.octets_per_s
        self._history: deque[bytes] = deque(maxlen=_HISTORY)
        self._origin = now
        self._position = 0
        self._timestamp: int | None = None
        self._patience = patience
        self._max_ahead = max_ahead
        self._behind = 0
        self._announced = False  # the present silence is
        self._continued = 0  # octets of it that the codec has made up
        self.frame = frame
        self.substitute: Callable[[int], bytes] | None = None
        """What the codec makes of so many octets that did not come; None: it has no memory."""
        self.comfort = ComfortNoise(form)
        self.backlog: list[bytes] = []
        self.silent = False
        """Comfort stands in for the caller."""
        self.deadline = now
        """When `overdue` has something to do, unless audio comes before."""
        self.comfort_octets = 0
        self.concealed_octets = 0
        self.trimmed_octets = 0

    def begin(self, now: float) -> None:
        """Time begins now, unless audio has begun it already: a session may have been made long before the answer."""
        if self._position == 0:
            self._origin = now
            self.deadline = now + self._patience

    def ahead(self, now: float) -> float:
        """Octets by which the stream is in front of the wall."""
        return self._position - (now - self._origin) * self._rate

    def audio(self, timestamp: int, payload: bytes, now: float) -> bytes | None:
        """Take the next payload, in order, with its unwrapped timestamp. The payload, or None: see `backlog`."""
        size = len(payload)
        position = self._position + size
        if (
            timestamp == self._timestamp
            and not self.silent
            and -size <= position - (now - self._origin) * self._rate <= size
        ):
            self._position = position
            self._timestamp = timestamp + size
            self._behind = 0
            self._history.append(payload)
            self.deadline = now + self._patience
            return payload
        self._reconcile(timestamp, payload, now, lost=False)
        return None

    def audio_after_loss(self, timestamp: int, payload: bytes, now: float) -> None:
        """The same for a payload in front of which packets were given up; all goes into `backlog`."""
        self._reconcile(timestamp, payload, now, lost=True)

    def missing(self, timestamp: int, size: int, now: float) -> int:
        """How many octets of what was lost in front of `timestamp`, where `size` octets follow, are to be filled."""
        ahead = self.ahead(now) + size
        return self._room(timestamp, size, ahead, lost=True) if self._position else 0

    def fill(self, octets: bytes) -> None:
        """Put what a codec made of lost packets where they would have been; the next payload follows it."""
        if self._timestamp is not None:
            self._timestamp += len(octets)
        self.concealed_octets += len(octets)
        self._emit(octets)

    def restart(self) -> None:
        """The next payload has timestamps of its own (another SSRC)."""
        self._timestamp = None

    def announced_silence(self, level: int, now: float) -> None:
        """The peer said that it sends nothing for a while (RFC 3389), with noise at `level` -dBov."""
        self.comfort.told(level)
        if not self.silent and self._position:
            self.silent = True
            self.deadline = now
            self._announced = True

    def overdue(self, now: float, jitter_s: float) -> None:
        """Stand in up to the wall if the leg is silent past its deadline; a little longer where the jitter is large."""
        if not self.silent:
            longest = len(self._history[-1]) if self._history else self.frame
            needed = min(2 * longest / self._rate + 3.0 * jitter_s, 0.2) - self._patience
            if now < self.deadline + needed:
                return
            self.silent = True
        frames = int(0.5 - self.ahead(now)) // self.frame
        if frames > 0:
            octets = min(frames * self.frame, self._rate - self._rate % self.frame)
            if (rest := octets - self._go_on(octets)) > 0:
                self._stand_in(rest)
        self.deadline = self._origin + (self._position + self.frame) / self._rate

    def _reconcile(self, timestamp: int, payload: bytes, now: float, *, lost: bool) -> None:
        size = len(payload)
        if self._position == 0:
            self._origin = now - size / self._rate
        ahead = self.ahead(now) + size
        missing = self._room(timestamp, size, ahead, lost=lost)
        if self.silent:
            self._settle(lost)
        if missing > 0:
            ahead += missing
            if lost:
                payload = self._conceal(missing, payload)
            else:
                self._stand_in(missing)
        self._timestamp = timestamp + size
        self.silent = False
        self.deadline = now + self._patience
        if ahead > size and (ahead > self._max_ahead or self._form.is_quiet(payload)):
            self.trimmed_octets += size
            return
        self._behind = self._behind + 1 if ahead < -size else 0
        if self._behind > _BEHIND_PACKETS and self._form.is_quiet(payload):
            self._stand_in(size)
        self._emit(payload)

    def _go_on(self, octets: int) -> int:
        """Let the codec go on from what it has heard, for as long as that is of use: how many octets it gave."""
        wanted = min(octets, _CONTINUED_MS * self._form.bytes_per_ms - self._continued)
        if self.substitute is None or self._announced or wanted <= 0 or not self._history:
            return 0
        made = self.substitute(wanted)
        if not made:
            return 0
        self._continued += len(made)
        self.comfort_octets += len(made)
        self._emit(made)
        return len(made)

    def _settle(self, lost: bool) -> None:
        """The silence is over: what stood in was for packets that are `lost`, or for a pause of the caller."""
        if lost:
            self.comfort_octets -= self._continued
            self.concealed_octets += self._continued
        self._continued, self._announced = 0, False

    def _room(self, timestamp: int, size: int, ahead: float, *, lost: bool) -> int:
        """How much of a jump to `timestamp` is to be filled, in whole samples; `ahead` counts the payload as taken."""
        if self._timestamp is None or timestamp <= self._timestamp:
            return 0
        room = size - ahead if lost and not self.silent else -ahead
        missing = int(min(timestamp - self._timestamp, room))
        return missing - missing % len(self._form.silence)

    def _conceal(self, octets: int, payload: bytes) -> bytes:
        # Payloads are kept undecoded and a concealment is made for each hole: holes are rare, packets are not.
        form = self._form
        concealment = Concealment(form.audio.rate)
        for heard in self._history:
            concealment.good(form.decode(heard))
        self.concealed_octets += octets
        self._emit(form.encode(concealment.conceal(octets // len(form.silence))))
        return form.encode(concealment.recover(form.decode(payload)))

    def _stand_in(self, octets: int) -> None:
        self.comfort_octets += octets
        self._emit(self.comfort.take(octets))

    def _emit(self, payload: bytes) -> None:
        self._position += len(payload)
        self._history.append(payload)
        self.backlog.append(payload)
