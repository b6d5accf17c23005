"""Which agent answers a call, and what the agent is told of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from mediaserver.call.about import About, about
from mediaserver.call.number import BadNumberError, Plan, dialled
from mediaserver.call.trunk import Trunk
from mediaserver.config.phones import Phone
from mediaserver.config.routing import Rule
from mediaserver.sip.message import Request
from mediaserver.talk.orders import Agent

type Answering = Callable[[Mapping[str, str]], Agent]
"""An agent made ready for one call: takes what is known of the call, by the names that prompts use."""


def unverified(request: Request, caller: str) -> str:
    """Nothing is known of the caller's identity (RFC 8224)."""
    return ""


@dataclass(frozen=True, slots=True)
class Routing:
    """Agents by name, and the rules that choose one.

    In this order: the `rules`, the numbers of the trunk, the agent of the very name that is called, the agent of the
    phone or of the trunk, the `default` one. `headers` are the header fields agents may read; `attest` says what is
    known of the caller's identity: how far it is vouched for.
    """

    agents: Mapping[str, Answering]
    default: str
    rules: Sequence[Rule] = ()
    trunks: Mapping[str, Trunk] = field(default_factory=dict)
    phones: Mapping[str, Phone] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    headers: Sequence[str] = ()
    attest: Callable[[Request, str], str] = unverified

    def agent(self, call: str, request: Request, trunk: str | None = None, user: str | None = None) -> Agent:
        """Who answers the INVITE `request`, which came by `trunk` or from the phone or user `user`."""
        by = self.trunks.get(trunk or "")
        found = about(request, by, self.headers)
        identity = self.attest(request, found.caller)
        name = self._name(found, by, user, identity)
        phone = self.phones.get(user or "")
        known = {
            "call_id": call,
            "caller": found.caller,
            "caller_name": (phone.display if phone is not None else None) or found.caller_name,
            "callee": found.called,
            "agent": name,
            "trunk": trunk or "",
            "user": user or "",
            "privacy": "private" if found.private else "",
            "diverted_from": found.diverted_from,
            "diversion_reason": found.diversion_reason,
            "identity": identity,
            **found.headers,
        }
        return self.agents[name](known)

    def _name(self, found: About, trunk: Trunk | None, user: str | None, identity: str) -> str:
        called, caller = self._readings(found.called), self._readings(found.caller)
        for rule in self.rules:
            if (
                rule.trunk in (None, trunk.name if trunk is not None else None)
                and rule.phone in (None, user)
                and (rule.called is None or _fits(called, rule.called))
                and (rule.caller is None or _fits(caller, rule.caller))
                and (rule.identity is None or _fits((identity,), rule.identity))
            ):
                return rule.agent
        if trunk is not None:
            for pattern, agent in trunk.settings.numbers.items():
                if _fits(called, pattern):
                    return agent
        if found.called in self.agents:
            return found.called
        phone = self.phones.get(user or "")
        own = phone.agent if phone is not None else trunk.settings.agent if trunk is not None else None
        return own or self.default

    def _readings(self, text: str) -> tuple[str, ...]:
        """A number as it came and in one form; many networks leave the + away."""
        try:
            number = dialled(text, self.plan)
        except BadNumberError:
            return (text,)
        return (text, number, f"+{number}") if not number.startswith("+") else (text, number)


def _fits(readings: Sequence[str], pattern: str) -> bool:
    return any(reading == pattern or fnmatchcase(reading, pattern) for reading in readings)
