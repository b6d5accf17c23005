"""All trunks at work: registered, asked whether they are there, and left in good order."""

import asyncio
import random
import secrets
from collections.abc import Coroutine, Iterable

import structlog

from mediaserver.call.outside import Outside
from mediaserver.call.pinging import Pinging
from mediaserver.call.registering import Registering
from mediaserver.call.trunk import Trunk
from mediaserver.errors import MediaServerError

_LEAVE_S = 2.0
_LOOK_UP_S = 300.0


class TrunkLines:
    """Runs what each trunk needs; a bug in one does not touch the others."""

    def __init__(self, trunks: Iterable[Trunk], outside: Outside, keepalive_s: float) -> None:
        self._trunks = tuple(trunks)
        self._outside = outside
        self._keepalive_s = keepalive_s
        self._registering: list[Registering] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: list[asyncio.Task[None]] = []
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin; nothing is waited for."""
        random_ = random.SystemRandom()
        for trunk in self._trunks:
            if not trunk.settings.calls_out:
                continue
            if trunk.settings.register_:
                registering = Registering(
                    trunk,
                    self._outside,
                    self._keepalive_s,
                    token=lambda: secrets.token_hex(8),
                    chance=random_.random,
                )
                self._registering.append(registering)
                self._leaving.append(self._run(trunk, registering.run()))
            if trunk.settings.options_ping_s > 0:
                self._tasks.append(self._run(trunk, Pinging(trunk, self._outside, chance=random_.random).run()))
            elif trunk.settings.from_host:
                self._tasks.append(self._run(trunk, self._look_up(trunk)))

    async def stop(self) -> None:
        """Undo the registrations, for two seconds at most, and end."""
        for registering in self._registering:
            registering.leave()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=_LEAVE_S)
        tasks = [*self._tasks, *self._leaving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, trunk: Trunk, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._guarded(trunk, work))

    async def _guarded(self, trunk: Trunk, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as fault:
            self._log.error("trunk.failed", trunk=trunk.name, exc_info=fault)

    async def _look_up(self, trunk: Trunk) -> None:
        """Know where its calls come from, though nobody asks whether it is there."""
        while True:
            try:
                flows = await self._outside.resolve(trunk.hop, trunk.name)
                trunk.addresses = frozenset(flow.remote[0] for flow in flows)
            except (OSError, MediaServerError) as error:
                self._log.warning("trunk.not_found", trunk=trunk.name, why=str(error))
            await asyncio.sleep(_LOOK_UP_S)
