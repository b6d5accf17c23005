"""The SIP ladders of calls: what was said about each call is kept with it, as a file."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog

from mediaserver.call.call_rate import CallWindow
from mediaserver.config.ladder import Ladder as LadderConfig
from mediaserver.errors import ConfigurationError
from mediaserver.sip.ladder import Ladder, Ladders, LadderSettings, merged, without_secrets
from mediaserver.sip.ladder_lines import lines_of

GRACE_S = 4.0
"""How long after its end a call's last messages may come: the answer to our BYE, or the BYE once more."""
_REFUSED_A_MINUTE = 60


class CallLadders(Protocol):
    """Who keeps the ladders."""

    def joined(self, call: str, leg: int) -> None:
        """A call has a leg."""

    def ended(self, call: str, about: Mapping[str, object]) -> str | None:
        """A call is over, and what is to be said of it: where its ladder will be; None if nowhere."""

    def refused(self, leg: int, about: Mapping[str, object]) -> str | None:
        """A call was refused before it began: where its ladder will be."""


class NoLadders:
    """None are kept."""

    def joined(self, call: str, leg: int) -> None:
        """Nothing."""

    def ended(self, call: str, about: Mapping[str, object]) -> str | None:
        """Nowhere."""

    def refused(self, leg: int, about: Mapping[str, object]) -> str | None:
        """Nowhere."""


@dataclass(slots=True)
class _Closing:
    """A ladder that is to be written."""

    path: Path
    call_ids: tuple[str, ...]
    about: Mapping[str, object]
    timer: asyncio.TimerHandle = field(repr=False)


class LadderFiles:
    """Writes a file for every call, `DIRECTORY/YYYY-MM-DD/CALL.jsonl`, some seconds after its end, by a thread.

    `call_id` tells the Call-ID of a leg, `now` the time of the ladders in seconds.
    """

    def __init__(
        self, directory: Path, ladders: Ladders, call_id: Callable[[int], str | None], now: Callable[[], float]
    ) -> None:
        """Raises ConfigurationError if nothing can be written there."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / f".{secrets.token_hex(4)}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigurationError(
                [f"ladder.directory: {directory} cannot be written to ({error.strerror})"]
            ) from None
        self.wire = ladders
        """Takes the messages."""
        self._directory = directory
        self._call_id = call_id
        self._now = now
        self._by_call: dict[str, list[str]] = {}
        self._closing: dict[Path, _Closing] = {}
        self._refusals = CallWindow(_REFUSED_A_MINUTE)
        self._writer = ThreadPoolExecutor(1, "ladders")
        self._log = structlog.get_logger()

    def joined(self, call: str, leg: int) -> None:
        """A call has a leg."""
        if (call_id := self._call_id(leg)) is None:
            return
        known = self._by_call.setdefault(call, [])
        if call_id not in known:
            known.append(call_id)
            self.wire.claim(call_id)

    def ended(self, call: str, about: Mapping[str, object]) -> str | None:
        """A call is over."""
        call_ids = self._by_call.pop(call, None)
        if not call_ids:
            return None
        return self._close(call, call_ids, {"call": call, **about})

    def refused(self, leg: int, about: Mapping[str, object]) -> str | None:
        """A call was refused. Of a flood of refusals, sixty a minute are written."""
        now = self._now()
        call_id = self._call_id(leg)
        if call_id is None or self._refusals.wait(now) > 0:
            return None
        self._refusals.count(now)
        self.wire.claim(call_id)
        return self._close(f"refused-{secrets.token_hex(6)}", [call_id], about)

    def close(self) -> None:
        """Write what is not written yet; returns when it is."""
        for each in tuple(self._closing.values()):
            each.timer.cancel()
            self._write(each.path)
        self._writer.shutdown()

    # Within

    def _close(self, name: str, call_ids: list[str], about: Mapping[str, object]) -> str:
        path = self._directory / datetime.now().strftime("%Y-%m-%d") / f"{name}.jsonl"
        timer = asyncio.get_running_loop().call_later(GRACE_S, self._write, path)
        self._closing[path] = _Closing(path, tuple(call_ids), about, timer)
        return str(path)

    def _write(self, path: Path) -> None:
        closing = self._closing.pop(path)
        ladder = merged(self.wire.take(call_id) for call_id in closing.call_ids)
        epoch = time.time() - self._now()
        about = {**closing.about, "call_ids": closing.call_ids}
        self._writer.submit(self._put, path, ladder, about, epoch)

    def _put(self, path: Path, ladder: Ladder, about: Mapping[str, object], epoch: float) -> None:
        """In the thread."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines_of(without_secrets(ladder), about, epoch)), encoding="ascii")
        except Exception as fault:  # a full disk ends no call
            self._log.error("ladder.failed", path=str(path), message=str(fault))


def ladder_files(
    settings: LadderConfig, call_id: Callable[[int], str | None], now: Callable[[], float]
) -> LadderFiles | None:
    """Files as the settings say; None where nothing is to be kept. Raises as `LadderFiles` does."""
    if settings.directory is None:
        return None
    kept = LadderSettings(
        messages=settings.max_messages,
        octets=settings.max_kb * 1024,
        total_octets=settings.max_total_mb * 1024 * 1024,
    )
    return LadderFiles(settings.directory, Ladders(kept), call_id, now)
