"""
Runs a module and counts where its main thread is: `python -m bench.sampled FILE MODULE ARGUMENTS...`.

It looks at random moments of the wall's clock: a timer of CPU time only expires with the kernel's ticks, and those keep
step with the packets. Python hears of a signal when a call into C returns, so work in C is counted where it was asked
for. What the event loop does by itself in C is noticed only at the first instruction of the function it calls next, and
is counted as the loop's; so is waiting, and a sample that comes late, for it was due while the thread had no core.

SIGUSR1 begins to count. SIGUSR2 writes FILE: JSON, a list of stacks with their counts, the innermost frame first, each
as `path:line:function`.
"""

import json
import opcode
import random
import runpy
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL_S = 0.002
"""Mean time between two samples."""
LATE_S = 0.0005
"""What a sample may be late. Calls into C that take longer go unseen; there are hardly any."""
LOOP = "loop"
"""Stands in for the path of the outermost frame counted: whatever runs the event loop."""
_RESUME = opcode.opmap["RESUME"]


class Sampler:
    """Counts the stacks of the main thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: Counter[tuple[tuple[str, int, str], ...]] = Counter()
        self._due = 0.0

    def start(self) -> None:
        """Begin to sample."""
        signal.signal(signal.SIGUSR1, lambda *_: self.take())
        signal.signal(signal.SIGUSR2, lambda *_: self.write())
        signal.signal(signal.SIGALRM, self._sample)
        self._wind()

    def take(self) -> Counter[tuple[tuple[str, int, str], ...]]:
        """What was counted; from now on it is counted anew."""
        counts, self._counts = self._counts, Counter()
        return counts

    def write(self) -> None:
        """Write what was counted."""
        stacks = [
            [[f"{path}:{line}:{name}" for path, line, name in stack], count] for stack, count in self.take().items()
        ]
        unfinished = self._path.with_suffix(".part")
        unfinished.write_text(json.dumps(stacks))
        unfinished.rename(self._path)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        late = time.monotonic() - self._due > LATE_S
        self._counts[((LOOP, 0, ""),) if late else tuple(stack_of(frame))] += 1
        self._wind()

    def _wind(self) -> None:
        after = INTERVAL_S * random.uniform(0.5, 1.5)
        self._due = time.monotonic() + after
        signal.setitimer(signal.ITIMER_REAL, after)


def stack_of(frame: FrameType | None) -> list[tuple[str, int, str]]:
    """Path, line and function of a frame and those it was called from, up to what runs the event loop."""
    stack = []
    if frame is not None and _is_loop(frame.f_back) and frame.f_code.co_code[frame.f_lasti] == _RESUME:
        frame = frame.f_back
    while frame is not None:
        if _is_loop(frame):
            stack.append((LOOP, 0, ""))
            break
        stack.append((frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_qualname))
        frame = frame.f_back
    return stack


def _is_loop(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.endswith("asyncio/runners.py")


def main() -> None:
    """Run the module as if by `python -m`."""
    path, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    Sampler(Path(path)).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
