"""Which agent answers a call, and what the agent is told of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mediaserver.sip.message import Request
from mediaserver.talk.orders import Agent

type Answering = Callable[[Mapping[str, str]], Agent]
"""An agent made ready for one call: takes what is known of the call, by the names that prompts use."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Agents by name. A call for `sip:NAME@…` is answered by the agent of that name, any other by the default one."""

    agents: Mapping[str, Answering]
    default: str

    def agent(self, call: str, request: Request) -> Agent:
        """Who answers the INVITE `request`."""
        called = request.uri.unescaped_user or ""
        name = called if called in self.agents else self.default
        caller = request.from_
        known = {
            "call_id": call,
            "caller": caller.uri.unescaped_user or caller.uri.host,
            "caller_name": caller.display or "",
            "callee": called,
            "agent": name,
        }
        return self.agents[name](known)
