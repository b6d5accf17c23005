"""Whether a trunk is there: OPTIONS from time to time (RFC 3261 11), to every address until one answers."""

import asyncio
from collections.abc import Callable

import structlog

from mediaserver.call.caller_id import escaped
from mediaserver.call.outside import Outside
from mediaserver.call.trunk import Trunk, TrunkState
from mediaserver.errors import MediaServerError
from mediaserver.sip.events import Flow, Replied
from mediaserver.sip.uri import NameAddr

_UNWELL = frozenset({408, 503})
"""Nothing came back, or the trunk says of itself that it cannot serve; any other answer shows that it is there."""
_MOST_ADDRESSES = 4
_PATIENCE_S = 6.0
"""Over UDP the OPTIONS has been sent four times by then."""


class Pinging:
    """Asks one trunk, and tells when its state changes."""

    def __init__(self, trunk: Trunk, outside: Outside, *, chance: Callable[[], float]) -> None:
        self._trunk = trunk
        self._outside = outside
        self._chance = chance
        self._log = structlog.get_logger().bind(trunk=trunk.name)

    async def run(self) -> None:
        """Ask for ever; a trunk that does not answer is asked twice as often."""
        every_s = self._trunk.settings.options_ping_s
        while True:
            reply = await self.ask()
            well = reply.status not in _UNWELL
            before = self._trunk.state
            if self._trunk.answered() if well else self._trunk.silent():
                self._tell(before, reply)
            # A little unevenly, lest all trunks are asked in the same instant.
            await asyncio.sleep((every_s if well else every_s / 2) * (0.9 + 0.2 * self._chance()))

    async def ask(self) -> Replied:
        """Ask once: the first answer, or the last failure."""
        try:
            flows = await self._outside.resolve(self._trunk.hop, self._trunk.name)
        except (OSError, MediaServerError) as error:
            return Replied(0, 503, str(error), None)
        self._trunk.addresses = frozenset(flow.remote[0] for flow in flows)
        for flow in flows[:_MOST_ADDRESSES]:
            reply = await self._ask_at(flow)
            if reply.status not in _UNWELL:
                return reply
        return reply

    async def _ask_at(self, flow: Flow) -> Replied:
        trunk, proxy = self._trunk, self._trunk.proxy
        user = escaped(trunk.contact_user)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._outside.ask(
                    "OPTIONS",
                    target=trunk.uri(None),
                    flow=flow,
                    from_=NameAddr(None, trunk.uri(user)),
                    to=NameAddr(None, trunk.uri(None)),
                    contact=self._outside.contact(flow, user),
                    headers=(("Accept", "application/sdp"),),
                    credentials=trunk.credentials,
                    routes=[] if proxy is None else [str(proxy)],
                )
        except TimeoutError:
            return Replied(0, 408, f"no answer within {_PATIENCE_S:g} s", None)

    def _tell(self, before: TrunkState, reply: Replied) -> None:
        state = self._trunk.state
        if state is TrunkState.UP:
            if before is not TrunkState.UNKNOWN:
                self._log.info("trunk.up", was=before.value)
            return
        self._log.warning(f"trunk.{state.value}", was=before.value, status=reply.status, why=reply.reason)
