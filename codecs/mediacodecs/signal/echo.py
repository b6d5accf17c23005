"""Is what a caller's line brings the caller, or our own voice coming back?

A telephone on a table, a hybrid of an analogue line: 20 to 400 ms after we have said something it may come back, some
6 to 30 dB softer. What we said is known. The guard finds the delay by correlation, learns the path, and tells for each
20 ms whether there is anything in it that is not an echo; and what that is.

It begins in doubt (or, where an echo is unlikely, at ease). In doubt, a sound that begins while something of ours may
come back is not judged before it was compared with that, for 100 ms at most. At ease, because enough was played and
nothing came back, all passes at once, and is compared all the same. With an echo known, what the learned path explains
is taken out; what is left is the caller, if it is more than what such paths leave.
"""

from enum import Enum, auto

import numpy as np

from mediacodecs.pcm import Pcm
from mediacodecs.signal.echo_filter import BLOCK, LEAD, EchoFilter
from mediacodecs.signal.echo_path import LATEST, LONGEST, RATE, Floats, Found, Tape, search

MEMORY_S = LATEST / RATE + 0.1
"""So long after we have last said something, nothing of it comes back any more."""


class State(Enum):
    """What is known of echoes on a line."""

    IN_DOUBT = auto()
    AT_EASE = auto()
    """There is none."""
    KNOWN = auto()
    """There is one, and its delay is known."""


class Verdict(Enum):
    """What 20 ms of a line are."""

    CLEAR = auto()
    """Nothing of ours: the caller, or nobody. It is to pass as it is."""
    ECHO = auto()
    """Our own voice, and nobody else's."""
    MIXED = auto()
    """Both: the guard's `caller` is the caller alone, as far as one can tell."""
    UNSURE = auto()
    """The verdict on what follows will be on this as well."""


# What makes a sound. All levels are RMS, of 32768.
_FAINT = 16.0
"""-66 dB: nothing below counts."""
_ABOVE_NOISE = 2.5
_RISE = 1.004
"""By which the background is taken to grow each 20 ms, until it proves to be lower."""

# When a sound is an echo.
_LIKE = {2: 0.60, 3: 0.52, 4: 0.46, 5: 0.42}
"""How well something played must explain a sound that is so many blocks long."""
_PATIENCE = 5
"""Blocks after which a sound nothing played explains is the caller's."""
_AGAIN = 6
"""Blocks after which a sound that goes on is compared once more."""
_PAUSE = 4
"""Quiet blocks that end a sound."""
_PROOF = 12
"""Quiet blocks while an echo should have been heard, after which there is none."""

# When there is more than an echo.
_LEFT = 0.3
"""What a path that is hardly known may leave of an echo, as a share of its power; less when it has left less."""
_MOST_LEFT, _LEAST_LEFT = 0.5, 0.01
_MARGIN = 5.0
"""Times that, what is left is the caller."""
_FADE = 0.55
"""Of an echo's power, what may come after it in the next block, beyond the filter's reach."""
_HANG = 8
"""Blocks that the caller is taken to go on for."""


class EchoGuard:
    """The guard of one line. Blocks have 160 samples at 8 kHz, at positions that count samples from any common zero.

    `doubtful` says with which suspicion it begins.
    """

    def __init__(self, *, doubtful: bool = True) -> None:
        self.state = State.IN_DOUBT if doubtful else State.AT_EASE
        self.caller: Floats = np.zeros(BLOCK, np.float32)
        """What is left of a mixed block without the echo."""
        self.delay = 0
        """Of the echo, in samples."""
        self.gain = 0.0
        """The share of the power that comes back; smoothed."""
        self.left = _LEFT
        """The share of the echo's power that the filter leaves; smoothed."""
        self.noise = 200.0
        """RMS of the line's background."""
        self.echo_blocks = 0
        """Blocks that were echo, alone or not."""
        self.searches = 0
        self._tape = Tape()
        self._filter = EchoFilter()
        self._heard = np.zeros(LONGEST, np.float32)
        self._next = 0
        self._run = 0
        self._quiet = _PAUSE
        self._accepted = False
        self._proof = 0
        self._loud: list[int] = []
        self._tail = 0.0
        self._excess = 0
        self._hang = 0

    def played(self, at: int, pcm: Pcm) -> None:
        """What left for the caller, at position `at`."""
        self._tape.put(at, pcm)

    def heard(self, at: int, pcm: Pcm, rms: float) -> Verdict:
        """What a block is that came at position `at`; all of those in a row while something of ours may come back."""
        if at != self._next:
            self._wake()
        self._next = at + BLOCK
        heard = self._heard
        heard[:-BLOCK] = heard[BLOCK:]
        heard[-BLOCK:] = pcm
        self.noise = rms if rms < self.noise else self.noise * _RISE
        sound = rms > max(_FAINT, _ABOVE_NOISE * self.noise)
        self._quiet = 0 if sound else self._quiet + 1
        if self._quiet >= _PAUSE:
            self._run, self._accepted = 0, False
        else:
            self._run += 1
        if self.state is State.KNOWN:
            return self._known(at, sound)
        if self.state is State.AT_EASE:
            return self._at_ease(at)
        return self._in_doubt(at, sound)

    def _wake(self) -> None:
        """A stretch of playing begins."""
        self._heard[:] = 0.0
        self._filter.rest()
        self._run = self._hang = self._excess = 0
        self._quiet = _PAUSE
        self._accepted = False
        self._tail = 0.0

    # --- no echo known -----------------------------------------------------------------------------------------------

    def _in_doubt(self, at: int, sound: bool) -> Verdict:
        if not self._run:
            self._prove(at)
            return Verdict.CLEAR
        if self._accepted:
            return self._at_ease(at)
        if self._run >= 2 and self._compare(at, min(self._run, _PATIENCE)):
            return self._begun(at)
        if self._run < _PATIENCE:
            return Verdict.UNSURE
        self._accepted = True
        return Verdict.CLEAR

    def _at_ease(self, at: int) -> Verdict:
        due = 2 <= self._run <= _PATIENCE or (self._run and self._run % _AGAIN == 0)
        if due and self._compare(at, min(self._run, _PATIENCE)):
            return self._begun(at)
        return Verdict.CLEAR

    def _prove(self, at: int) -> None:
        """It is quiet: a proof that there is no echo, wherever what was played could be heard by now at any delay."""
        played = self._tape.span(at - 3840, 3840 + BLOCK)
        levels = np.square(played.reshape(-1, 800)).mean(axis=1)
        if levels.min() > max(1e4, 4e3 * self.noise * self.noise / 100.0):
            self._proof += 1
            if self._proof >= _PROOF:
                self.state = State.AT_EASE

    def _compare(self, at: int, blocks: int) -> bool:
        """Whether something played explains the last so many blocks, and if so which."""
        found = self._search(at, blocks)
        if found is None or found.likeness < _LIKE[blocks]:
            return False
        self._adopt(found)
        return True

    def _search(self, at: int, blocks: int) -> Found | None:
        self.searches += 1
        return search(self._tape, self._heard[-blocks * BLOCK :], at - (blocks - 1) * BLOCK)

    def _adopt(self, found: Found) -> None:
        self.state = State.KNOWN
        self.delay = found.delay
        self.gain = found.gain * found.gain
        self.left = _LEFT
        self._filter.begin(found.gain)
        self._tail, self._excess, self._hang, self._proof = 0.0, 0, 0, 0

    def _begun(self, at: int) -> Verdict:
        """Teach the filter what was heard already."""
        blocks = min(self._run, _PATIENCE)
        for back in range(blocks - 1, -1, -1):
            end = len(self._heard) - back * BLOCK
            self._filtered(at - back * BLOCK, self._heard[end - BLOCK : end])
        self.echo_blocks += blocks
        return Verdict.ECHO

    # --- an echo is known --------------------------------------------------------------------------------------------

    def _filtered(self, at: int, heard: Floats) -> tuple[float, float]:
        """Take the echo out of a block, and learn; power of the echo and of what is left."""
        echo = self._filter.echo_of(self._tape.span(at - self.delay + LEAD - BLOCK, 2 * BLOCK))
        error = heard - echo
        self._filter.learn(error)
        self.caller = error
        return float(echo @ echo) / BLOCK, float(error @ error) / BLOCK

    def _known(self, at: int, sound: bool) -> Verdict:
        heard = self._heard[-BLOCK:]
        echo, rest = self._filtered(at, heard)
        background = self.noise * self.noise
        self._tail = max(echo, self._tail * _FADE)
        if not sound:
            self._excess = 0
            self._hang = max(0, self._hang - 1)
            return Verdict.ECHO if echo > background else Verdict.CLEAR
        if self._tail < 0.1 * background + 4.0:
            return self._known_silent(at)
        if rest > _MARGIN * self.left * self._tail + 4.0 * background:
            return self._more_than_echo(at, echo, rest)
        self._excess = 0
        self.echo_blocks += 1
        if self._hang:
            self._hang -= 1
            return Verdict.MIXED
        if echo > 10.0 * background:
            share = min(max(rest / echo, _LEAST_LEFT), _MOST_LEFT)
            self.left += 0.1 * (share - self.left)
        return Verdict.ECHO

    def _known_silent(self, at: int) -> Verdict:
        """Nothing is expected to come back: what is heard is the caller, or an echo with another delay."""
        if 2 <= self._run <= _PATIENCE and self._compare(at, min(self._run, _PATIENCE)):
            return self._begun(at)
        return Verdict.CLEAR

    def _more_than_echo(self, at: int, echo: float, rest: float) -> Verdict:
        self._excess += 1
        self.echo_blocks += 1
        if self._excess <= 3 or self._excess % _AGAIN == 0:
            blocks = min(max(self._run, 2), 3)
            found = self._search(at, blocks)
            if found is not None and found.likeness >= _LIKE[blocks] and self._is_news(found, echo, rest):
                self._adopt(found)
                self._begun(at)
                return Verdict.ECHO
        if self._excess >= 2:
            self._hang = _HANG
        return Verdict.MIXED

    def _is_news(self, found: Found, echo: float, rest: float) -> bool:
        """The delay has changed, or the path has so much that it had better be learned anew."""
        unexplained = 1.0 - found.likeness * found.likeness
        return unexplained * (echo + rest) < 0.5 * rest
