"""What is written down of a call when it is over."""

import time
from collections.abc import Callable, Mapping

from structlog.typing import FilteringBoundLogger

from mediaserver.call.end import CallEnd


class Record:
    """Times of one call, and the other call it had to do with; written once."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._began = time.monotonic()
        self.answered_at: float | None = None
        """Monotonic seconds; None: not yet."""
        self._written = False
        self.related: str | None = None
        """The call it was bridged with, or placed for."""

    def answered(self) -> float:
        """The call is answered; the seconds that took."""
        self.answered_at = time.monotonic()
        seconds = self.answered_at - self._began
        self._log.info("call.answered", after_ms=round(seconds * 1000, 1))
        return seconds

    def write(
        self,
        end: CallEnd,
        counters: Mapping[str, float],
        ladder: Callable[[Mapping[str, object]], str | None] = lambda about: None,
    ) -> float | None:
        """The call is over, and the media plane has let go. `ladder` says where its messages will be.

        The seconds it was answered for; None if all this is written already.
        """
        if self._written:
            return None
        self._written = True
        spoken_s = time.monotonic() - self.answered_at if self.answered_at is not None else 0.0
        about: dict[str, object] = {
            "result": end.result.value,
            "reason": end.reason,
            "sip_status": end.sip_status,
            "duration_s": round(spoken_s, 3),
            **({"detail": end.detail} if end.detail else {}),
            **({"with": self.related} if self.related is not None else {}),
        }
        path = ladder(about)
        self._log.info(
            "call.ended",
            **about,
            **({"ladder": path} if path is not None else {}),
            **{name: round(value, 1 if name.endswith("_ms") else 6) for name, value in counters.items()},
        )
        return spoken_s
