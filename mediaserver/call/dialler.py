"""Placing calls for an agent."""

import secrets
from collections.abc import Callable, Mapping

from mediaserver.call.desk import Desk
from mediaserver.call.outgoing import Outgoing, Watch, place
from mediaserver.call.route import RouteRefusedError, Wanted
from mediaserver.call.routing import Answering


class Dialler:
    """`agents` are who may speak, by name, and `default` who does where nobody is named.

    `full` says why no call may be added; None: one may.
    """

    def __init__(
        self, desk: Desk, agents: Mapping[str, Answering], default: str, full: Callable[[], str | None]
    ) -> None:
        self._desk = desk
        self._agents = agents
        self._default = default
        self._full = full

    def dial(
        self,
        wanted: Wanted,
        agent: str | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        watch: Watch = lambda what, fields: None,
    ) -> Outgoing:
        """Call `wanted` and have an agent talk to them; `variables` are for its prompt. The call, as it begins.

        What comes of it is told to `watch`, and in the log. Raises RouteRefusedError when it may not be placed at all.
        """
        name = agent or self._default
        if name not in self._agents:
            raise RouteRefusedError(f"no agent is named {name!r}: known are {', '.join(self._agents)}", code="no-agent")
        if (why := self._full()) is not None:
            raise RouteRefusedError(f"no call is taken on now ({why})", code=why)
        call = secrets.token_hex(6)
        known = {
            "call_id": call,
            "caller": wanted.caller or "",
            "caller_name": wanted.caller_name or "",
            "callee": wanted.number,
            "agent": name,
            **(variables or {}),
        }
        return place(self._desk, call, self._agents[name](known), wanted, watch=watch)
