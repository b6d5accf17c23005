"""Is what a caller's line brings the caller, or our own voice coming back?

A telephone on a table, a hybrid of an analogue line: 20 to 400 ms after we have said something it may come back, some
6 to 30 dB softer. What we said is known. The guard finds the delay by correlation, learns the path, and tells for each
20 ms whether there is anything in it that is not an echo; and what that is.

It begins in doubt (or, where an echo is unlikely, at ease). In doubt, a sound that begins while something of ours may
come back is not judged before it was compared with that, for 100 ms at most. At ease, because enough was played and
nothing came back, or only what nothing played explains, all passes at once, and is compared now and then. With an echo
known, what the learned path explains is taken out; what is left is the caller, if it is more than such paths leave.
"""

from enum import Enum, auto

import numpy as np

from mediacodecs.pcm import Pcm
from mediacodecs.signal.echo_filter import BLOCK, LEAD, EchoFilter
from mediacodecs.signal.echo_path import LATEST, LONGEST, RATE, Floats, Found, Tape, flattened, search

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
_ABOVE_NOISE = 1.8
_RISE = 1.004
"""By which the background is taken to grow each 20 ms, until it proves to be lower."""

# When a sound is an echo.
_LIKE = {1: 0.72, 2: 0.60, 3: 0.52, 4: 0.46, 5: 0.42}
"""How well something played must explain a sound that is so many blocks long."""
_TWICE = 0.28
"""The same if what explains two parts of a sound has the same delay."""
_UNLIKELY = 0.12
"""How much better that must be where there was no echo so far."""
_SAME = 3
"""Samples by which two delays may differ that are the same."""
_REACH = 24, 64
"""Samples before and after the known delay within which the filter can follow an echo."""
_PATIENCE = 5
"""Blocks after which a sound nothing played explains is the caller's."""
_AGAIN = 3
"""Blocks after which more than an echo is compared once more."""
_LATER = 25
"""Blocks after which a sound that goes on is compared once more. At ease, one that begins sooner after another is not
compared at all: it costs as much as all else of a call."""
_CLEARED = 3
"""Sounds in doubt that nothing played explains, after which there is no echo: it would have been heard before."""
_PAUSE = 4
"""Quiet blocks that end a sound."""
_ONSET, _FADING = 2.5, 0.9
"""So many times as loud as all of it so far, less as that is longer ago, a sound is another one."""
_PROOF = 12
"""Quiet blocks while an echo should have been heard, after which there is none."""

# When there is more than an echo. Shares are of the echo's power.
_LEFT = 0.12
"""What a path that is hardly known leaves of an echo."""
_CREEP = 1.3
"""Times as much as it has left so far, a path leaves at most all of a sudden."""
_MARGIN = 5.0
"""Times what the path leaves, it is the caller."""
_LEAST, _MOST = 0.25, 1.5
"""But that takes so much at least, and no more than this."""
_FADE = 0.55
"""Of an echo's power, what may come after it in the next block, beyond the filter's reach."""
_GONE = 0.5
"""Less of an echo than this share of what was expected is an echo that did not come: nothing is to be learned of it."""
_GOOD, _SELDOM = 0.004, 2
"""Where so little of an echo is left, only every other block is learned from."""
_HANG = 8
"""Blocks that the caller is taken to go on for."""
_EASED = 0.25
"""By how much less the caller has to stand out meanwhile."""
_DOUBTED = 0.5
"""The volume of a single block that stands out."""


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
        self._errors = np.zeros(LONGEST, np.float32)
        self._suspect: tuple[int, int] | None = None
        self._next = 0
        self._run = 0
        self._quiet = _PAUSE
        self._accepted = False
        self._level = 0.0
        self._proof = 0
        self._loud: list[int] = []
        self._tail = 0.0
        self._excess = 0
        self._hang = 0
        self._volume = 0.0
        self._blocks = 0
        self._moved: int | None = None
        self._compared = -_LATER * BLOCK
        self._cleared = 0

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
            self._run, self._accepted, self._level = 0, False, 0.0
        elif rms > _ONSET * self._level:
            self._run, self._accepted, self._level = 1, False, rms
        else:
            self._run += 1
            self._level = max(rms, self._level * _FADING)
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
        self._level = 0.0
        self._tail = 0.0

    # --- no echo known -----------------------------------------------------------------------------------------------

    def _in_doubt(self, at: int, sound: bool) -> Verdict:
        if not self._run:
            self._prove(at)
            return Verdict.CLEAR
        if self._found(at):
            return self._begun(at)
        if self._run < _PATIENCE and not self._accepted:
            return Verdict.UNSURE
        if not self._accepted:
            self._accepted = True
            self._cleared += 1
            if self._cleared >= _CLEARED:
                self.state = State.AT_EASE
        return Verdict.CLEAR

    def _at_ease(self, at: int) -> Verdict:
        return self._begun(at) if self._found(at) else Verdict.CLEAR

    def _found(self, at: int) -> bool:
        """Whether something played explains the sound so far, or the last of a long one."""
        run = self._run
        if self.state is State.AT_EASE:
            return run >= _PATIENCE and at - self._compared >= _LATER * BLOCK and self._compare(at, _PATIENCE)
        if run == 1:
            self._suspect = None
        if run in (2, 3):
            return self._compare(at, run)
        if run == 4:
            return self._compare(at, 2)
        if run == _PATIENCE:
            return self._compare(at, run) or self._compare(at, 3)
        return run > _PATIENCE and (run - _PATIENCE) % _LATER == 0 and self._compare(at, _PATIENCE)

    def _prove(self, at: int) -> None:
        """It is quiet: a proof that there is no echo, wherever what was played could be heard by now at any delay."""
        played = self._tape.span(at - 3840, 3840 + BLOCK)
        levels = np.square(played.reshape(-1, 800)).mean(axis=1)
        if levels.min() > max(1e4, 4e3 * self.noise * self.noise / 100.0):
            self._proof += 1
            if self._proof >= _PROOF:
                self.state = State.AT_EASE

    def _compare(self, at: int, blocks: int) -> bool:
        """Whether something played explains the last so many blocks, by itself or with what was compared before."""
        found = self._search(at, blocks)
        if found is None:
            return False
        before, begin = self._suspect, at - (blocks - 1) * BLOCK
        twice = before is not None and before[1] <= begin and abs(before[0] - found.delay) <= _SAME
        if before is None or before[1] <= begin:
            self._suspect = found.delay, at + BLOCK
        likeness = found.likeness - (_UNLIKELY if self.state is State.AT_EASE else 0.0)
        if likeness < _LIKE[blocks] and not (twice and likeness >= _TWICE):
            return False
        self._adopt(found)
        return True

    def _search(self, at: int, blocks: int) -> Found | None:
        self.searches += 1
        self._compared = at
        return search(self._tape, self._heard[-blocks * BLOCK :], at - (blocks - 1) * BLOCK)

    def _adopt(self, found: Found) -> None:
        self.state = State.KNOWN
        self.delay = found.delay
        self.gain = found.gain * found.gain
        self.left = _LEFT
        self._filter.begin(found.gain)
        self._tail, self._excess, self._hang, self._proof, self._moved = 0.0, 0, 0, 0, None

    def _begun(self, at: int) -> Verdict:
        blocks = min(self._run, _PATIENCE)
        self._teach(at, blocks)
        self.echo_blocks += blocks
        return Verdict.ECHO

    def _teach(self, at: int, blocks: int) -> None:
        """Have the filter learn from the last so many blocks, which are echo."""
        for back in range(blocks - 1, -1, -1):
            end = len(self._heard) - back * BLOCK
            self._filtered(at - back * BLOCK, self._heard[end - BLOCK : end])

    # --- an echo is known --------------------------------------------------------------------------------------------

    def _filtered(self, at: int, heard: Floats) -> tuple[float, float]:
        """Take the echo out of a block, and learn; power of the echo, and of what is left that is nothing like it."""
        echo = self._filter.echo_of(self._tape.span(at - self.delay + LEAD - BLOCK, 2 * BLOCK))
        error = heard - echo
        self.caller = error
        errors = self._errors
        errors[:-BLOCK] = errors[BLOCK:]
        errors[-BLOCK:] = error
        power, rest, common = float(echo @ echo), float(error @ error), float(echo @ error)
        self._blocks += 1
        if power + 2 * common + rest > _GONE * power and (rest > _GOOD * power or self._blocks % _SELDOM == 0):
            self._filter.learn(error)
        # An echo that is louder or softer than expected, or was lost on the way, is no caller.
        return power / BLOCK, (rest - common * common / (power + 1.0)) / BLOCK

    def _known(self, at: int, sound: bool) -> Verdict:
        echo, rest = self._filtered(at, self._heard[-BLOCK:])
        background = self.noise * self.noise
        self._tail = max(echo, self._tail * _FADE)
        if not sound:
            self._excess = 0
            self._hang = max(0, self._hang - 1)
            self._volume = 0.0
            return Verdict.ECHO if echo > background else Verdict.CLEAR
        if self._tail < 0.1 * background + 4.0:
            self._volume = 1.0
            return self._known_silent(at)
        self.echo_blocks += 1
        bar = min(max(_MARGIN * self.left, _LEAST), _MOST) * self._tail + 4.0 * background
        if rest > bar:
            if self._more_than_echo(at):
                return Verdict.ECHO
        else:
            self._excess = max(0, self._excess - 1)
            self._moved = None
            if not self._hang and echo > 10.0 * background:
                self.left += 0.05 * (min(rest / echo, _CREEP * self.left) - self.left)
        if self._hang:
            self._hang -= 1
            bar *= _EASED
        volume = 1.0 - bar / rest if rest > bar else 0.0
        return self._turned(volume if self._hang else _DOUBTED * volume)

    def _turned(self, volume: float) -> Verdict:
        """What is left of a block, at as much of its volume as is the caller's."""
        before, self._volume = self._volume, volume
        if not before and not volume:
            return Verdict.ECHO
        self.caller *= np.linspace(before, volume, BLOCK, dtype=np.float32)
        return Verdict.MIXED

    def _known_silent(self, at: int) -> Verdict:
        """Nothing is expected to come back: what is heard is the caller, or an echo with another delay."""
        return self._begun(at) if self._found(at) else Verdict.CLEAR

    def _more_than_echo(self, at: int) -> bool:
        """There is more than the path explains. True: because it is another path now."""
        self._excess += 1
        if self._excess <= 3 or self._excess % _AGAIN == 0:
            blocks = min(self._excess, 3)
            found = self._search(at, blocks)
            if found is not None and found.likeness >= _LIKE[blocks] and self._explains_more(found, blocks):
                self._moved_to(found, at, blocks)
                return True
        if self._excess >= 2:
            self._hang = _HANG
        return False

    def _moved_to(self, found: Found, at: int, blocks: int) -> None:
        """An echo with another delay, or with the same one by another way."""
        before, self._moved = self._moved, found.delay
        if -_REACH[0] <= found.delay - self.delay <= _REACH[1]:
            self._filter.doubt(found.gain)
            self._filter.learn(self.caller)
        elif before is not None and abs(before - found.delay) <= _SAME:
            # One block alone may be what stands in for a lost packet: the voice a period of its pitch later.
            self._adopt(found)
            self._teach(at, blocks)

    def _explains_more(self, found: Found, blocks: int) -> bool:
        """A mere delay explains more than the filter does: the path has changed."""
        heard = flattened(self._heard[-blocks * BLOCK :])
        errors = flattened(self._errors[-blocks * BLOCK :])
        return (1.0 - found.likeness * found.likeness) * float(heard @ heard) < 0.5 * float(errors @ errors)
