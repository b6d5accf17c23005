"""The echo guard of one leg: what left for the caller goes in, and of what comes back what is the caller's comes out.

While the agent is silent, and for as long as nothing of what it said can come back, it costs nothing.
"""

import audioop
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Literal

import numpy as np

from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.echo import MEMORY_S, EchoGuard, State, Verdict
from mediacodecs.signal.echo_filter import BLOCK
from mediacodecs.signal.echo_path import RATE
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import AudioFormat
from mediaserver.rtp.comfort_noise import ComfortNoise
from mediaserver.rtp.form import Form, form_of

BLOCK_MS = 20
_KEPT_FRAMES = 128
"""Played and not yet looked at: more than can come back, at 10 ms each."""

type EchoGuarding = Literal["auto", "on", "off"]
"""Guard against echoes: "auto" (with suspicion only of telephones), "on" (of browsers too), "off"."""
type Block = tuple[bytes, bytes]
"""A payload of the leg, and its samples at the leg's rate."""


@dataclass(frozen=True, slots=True)
class EchoFigures:
    """What was found on a leg."""

    delay_ms: float
    """From a frame's leaving to its coming back."""
    level_db: float
    """Of what comes back, relative to what was said."""
    share: float
    """Of the time in which something might have come back, how much of it did."""


class Guard:
    """Between a leg whose audio comes in `source` and the uplink.

    `doubtful`: an echo is likely, and a sound is compared before it is taken for the caller's. On a leg of another rate
    than 8 kHz an echo is kept back, but not taken out of what the caller says at the same time.
    """

    __slots__ = (
        "_at",
        "_base",
        "_comfort",
        "_form",
        "_frames",
        "_guard",
        "_guarded",
        "_held",
        "_narrowed",
        "_pcm",
        "_played_rate",
        "_resampler",
        "_rest",
        "_size",
        "_told",
        "_until",
    )

    def __init__(self, source: AudioFormat, *, doubtful: bool) -> None:
        self._form: Form = form_of(source)
        self._size = BLOCK_MS * source.bytes_per_ms
        self._guard = EchoGuard(doubtful=doubtful)
        self._comfort = ComfortNoise(self._form)
        self._frames: deque[tuple[bytes, float, Form]] = deque(maxlen=_KEPT_FRAMES)
        self._resampler: Resampler | None = None
        self._played_rate = RATE
        self._narrowed = None if source.rate == RATE else Resampler(source.rate, RATE)
        self._until = -1e9
        self._base: float | None = None
        self._at = 0  # octets of the uplink so far
        self._rest = b""
        self._pcm = b""
        self._held: list[Block] = []
        self._guarded = 0
        self._told: int | None = None

    # --- hot: once per packet ----------------------------------------------------------------------------------------

    def played(self, frame: bytes, at: float, form: Form) -> None:
        """A frame that leaves for the caller, in the form before the codec; `at` is when it is due, in seconds."""
        self._frames.append((frame, at, form))
        self._until = at + MEMORY_S

    def minds(self, octets: int, now: float) -> bool:
        """The next `octets` of the uplink are to go through :meth:`take`. Ask for all there are."""
        self._at += octets
        if now < self._until:
            return True
        return bool(self._rest or self._held)

    # --- while something may come back -----------------------------------------------------------------------------

    def take(self, payload: bytes, pcm: bytes, now: float) -> Sequence[Block]:
        """The next piece of the uplink, which ends `now`; what of it and of what was kept back may pass on."""
        if not payload:
            return ()  # what is left of a piece that was too late
        if self._base is None:
            self._base = now * RATE - self._position(self._at)
        if now >= self._until:
            return self._let_go(payload, pcm)
        self._catch_up()
        if self._rest or len(payload) != self._size:
            payload, pcm = self._rest + payload, self._pcm + pcm
        if len(payload) == self._size:
            self._rest = self._pcm = b""
            return self._block((payload, pcm), round(self._base + self._position(self._at)))
        return self._blocks(payload, pcm)

    def _position(self, octets: int) -> float:
        return octets * BLOCK / self._size

    def _blocks(self, payload: bytes, pcm: bytes) -> Sequence[Block]:
        size, wide = self._size, len(pcm) // len(payload)
        passed: list[Block] = []
        whole = len(payload) - len(payload) % size
        ends = round((self._base or 0.0) + self._position(self._at - len(payload)))
        for at in range(0, whole, size):
            ends += BLOCK
            block = payload[at : at + size], pcm[at * wide : (at + size) * wide]
            passed += self._block(block, ends)
        self._rest, self._pcm = payload[whole:], pcm[whole * wide :]
        return passed

    def _block(self, block: Block, ends: int) -> Sequence[Block]:
        guard, held = self._guard, self._held
        narrow = block[1]
        if self._narrowed is not None:
            narrow = to_bytes(self._narrowed.process(from_bytes(narrow)))
        verdict = guard.heard(ends - BLOCK, np.frombuffer(narrow, "<i2"), audioop.rms(narrow, 2))
        self._guarded += 1
        if verdict is Verdict.UNSURE:
            held.append(block)
            return ()
        if held:
            before, self._held = held, []
            if verdict is Verdict.ECHO:
                return [self._comforting() for _ in range(len(before) + 1)]
            return [*before, block]
        if verdict is Verdict.CLEAR:
            return (block,)
        if verdict is Verdict.ECHO:
            return (self._comforting(),)
        return (self._cleaned(block),)

    def _comforting(self) -> Block:
        """In place of a block of echo: as much of what the line's background is."""
        noise = self._guard.noise
        self._comfort.told(round(-20 * log10(noise / 32768)) if noise > 4.0 else 127)
        octets = self._comfort.take(self._size)
        return octets, to_bytes(self._form.decode(octets))

    def _cleaned(self, block: Block) -> Block:
        if self._narrowed is not None:
            return block
        caller: Pcm = np.clip(self._guard.caller, -32768, 32767).astype(np.int16)
        return self._form.encode(caller), to_bytes(caller)

    def _catch_up(self) -> None:
        """Lay what was played since the last time on the guard's tape."""
        frames = self._frames
        while frames:
            frame, at, form = frames.popleft()
            pcm = form.decode(frame)
            rate = form.audio.rate
            if rate != RATE:
                if rate != self._played_rate or self._resampler is None:
                    self._resampler, self._played_rate = Resampler(rate, RATE), rate
                pcm = self._resampler.process(pcm)
            self._guard.played(round(at * RATE), pcm)

    def _let_go(self, payload: bytes, pcm: bytes) -> Sequence[Block]:
        """Nothing comes back any more: what was kept back passes on as it came."""
        passed = [*self._held, (self._rest + payload, self._pcm + pcm)]
        self._held, self._rest, self._pcm = [], b"", b""
        return passed

    # --- knowing ---------------------------------------------------------------------------------------------------

    def figures(self) -> EchoFigures | None:
        """What was found; None: no echo."""
        guard = self._guard
        if not guard.echo_blocks:
            return None
        delay_ms = guard.delay * 1000 / RATE
        level_db = 10 * log10(max(guard.gain, 1e-6))
        return EchoFigures(round(delay_ms, 1), round(level_db, 1), round(guard.echo_blocks / max(self._guarded, 1), 3))

    def counters(self) -> dict[str, float]:
        """The same for the call's record, by name; nothing where there was no echo."""
        found = self.figures()
        if found is None:
            return {}
        return {"echo_delay_ms": found.delay_ms, "echo_db": found.level_db, "echo_share": found.share}

    def news(self) -> dict[str, float] | None:
        """Delay and level of an echo, as far as they are not what they were; None: nothing new. For the log."""
        guard = self._guard
        found = self.figures() if guard.state is State.KNOWN else None
        delay = None if found is None else guard.delay
        if delay == self._told:
            return None
        self._told = delay
        return {"delay_ms": found.delay_ms, "level_db": found.level_db} if found is not None else {}
