"""What goes wrong at a service, in the words of its own emulator."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal

from mediaproviders.emulators.aws import Secret

type Family = Literal["openai", "gemini", "nova"]

EVERY: Final = range(1000)
LATER: Final = range(1, 1000)
"""Every session but the first."""


@dataclass(frozen=True, slots=True)
class Service:
    """One provider, as its agents name it and as it is emulated."""

    name: str
    """Its emulator's name."""
    family: Family
    """Whose protocol it speaks."""
    model: str
    stand_in: tuple[str, str]
    """Emulator and model that take over from it: another provider's."""


SERVICES: Final[Mapping[str, Service]] = {
    "openai": Service("openai", "openai", "gpt-realtime", ("xai", "grok-voice")),
    "azure": Service("azure", "openai", "azure/gpt-realtime", ("openai", "gpt-realtime")),
    "xai": Service("xai", "openai", "grok-voice", ("openai", "gpt-realtime")),
    "google": Service("gemini", "gemini", "gemini-2.5-flash-native-audio", ("openai", "gpt-realtime")),
    "amazon": Service("nova", "nova", "nova-2-sonic", ("openai", "gpt-realtime")),
}

_KINDS: Final[Mapping[Family, Mapping[str, tuple[str, ...]]]] = {
    "openai": {
        "garbage": ("binary_garbage", "not_json", "truncated_json"),
        "unknown": ("unknown_event", "unknown_event", "unknown_event"),
        "empty": ("empty_answer",),
    },
    "gemini": {
        "garbage": ("binary_garbage", "not_json", "truncated_json"),
        "unknown": ("unknown_event", "unknown_field", "unknown_event"),
    },
    "nova": {"unknown": ("unknown_event", "unknown_type", "unknown_event"), "reset": ("abort",)},
}
"""Misfortunes that have other names than ours."""
_CLOSES: Final[Mapping[Family, tuple[Mapping[str, Any], ...]]] = {
    "openai": tuple({"kind": "close", "code": code} for code in (1011, 1001, 1012)),
    "gemini": (
        {"kind": "close", "code": 1011, "reason": "Internal error encountered."},
        {"kind": "close", "code": 1008, "reason": "Operation is not implemented, or supported, or enabled."},
        {"kind": "close", "code": 1001, "reason": ""},
    ),
    "nova": ({"kind": "exception"}, {"kind": "reset"}, {"kind": "go_away"}),
}
"""Three ways to be thrown out after which another session may work."""


class Script:
    """Writes faults and refusals for one service. Sessions are counted from 0, in the life of its emulator."""

    def __init__(self, service: Service) -> None:
        self.family = service.family
        self._module = import_module(f"mediaproviders.emulators.{service.family}")

    def fault(self, kind: str, sessions: range = range(1), **when: Any) -> tuple[Any, ...]:
        """A misfortune, or several of a kind 200 ms apart."""
        kinds = _KINDS[self.family].get(kind, (kind,))
        which = "sessions" if self.family == "nova" else "connections"
        after_ms = when.pop("after_ms", 0.0)
        return tuple(
            self._module.Fault(each, **{which: sessions, "after_ms": after_ms + 200.0 * n}, **when)
            for n, each in enumerate(kinds)
        )

    def closes(self, **when: Any) -> tuple[Any, ...]:
        """The first three sessions are closed, each in another way."""
        return tuple(
            fault
            for n, how in enumerate(_CLOSES[self.family])
            for fault in self.fault(sessions=range(n, n + 1), **how, **when)
        )

    def nothing_but_garbage(self, **when: Any) -> tuple[Any, ...]:
        """So much of it in a row that the service is given up."""
        match self.family:
            case "openai":
                return tuple(self._module.Fault("not_json", connections=range(1), **when) for _ in range(25))
            case "gemini":
                return (self._module.Fault("not_json", connections=range(1), times=25, **when),)
            case "nova":
                return tuple(self._module.Fault("garbage", sessions=range(1), **when) for _ in range(6))

    def thrown_out(self, **when: Any) -> tuple[tuple[Any, ...], str]:
        """It ends for a reason that no other session would change; and how we call it."""
        match self.family:
            case "openai":
                return self.fault("close", code=1008, **when), "closed_1008"
            case "gemini":
                why = "The input token count exceeds the maximum number of tokens allowed."
                return self.fault("close", code=1007, reason=why, **when), "invalid_configuration"
            case "nova":
                how = {"code": "AccessDeniedException", "message": "Access to the model was withdrawn."}
                return self.fault("error", **how, **when), "forbidden"

    def throttle(self, tries: range) -> tuple[Any, ...]:
        """Too many requests, at the door."""
        if self.family == "nova":
            return (self._module.Refuse(429, "ThrottlingException", requests=tries),)
        return (self._module.Refuse(429, tries),)

    def throttled_answers(self) -> tuple[Any, ...]:
        """Too many requests, told by the failure of the first session's first two answers, or by its end."""
        match self.family:
            case "openai":
                how = {"error_code": "rate_limit_exceeded", "after_ms": 400.0}
                return tuple(each for turn in (1, 2) for each in self.fault("fail_response", on_turn=turn, **how))
            case "gemini":
                how = {"code": 1011, "reason": "You exceeded your current quota, please check your plan."}
                return self.fault("close", on_turn=1, after_ms=400.0, **how)
            case "nova":
                how = {"code": "throttlingException", "message": "Too many tokens, please wait."}
                return self.fault("exception", on_turn=1, after_ms=400.0, **how)

    def bad_key(self) -> dict[str, Any]:
        """Settings of an emulator to which the key has expired."""
        if self.family == "nova":
            return {"keys": lambda name: Secret(f"secret-{name}", expires_at=0.0)}
        return {"accepted_key": "AIza-renewed" if self.family == "gemini" else "sk-renewed"}

    def key_expires(self, **when: Any) -> dict[str, Any]:
        """The same from the middle of the first session on."""
        match self.family:
            case "openai":
                faults = self.fault("error", error_code="invalid_api_key", **when)
                return {"faults": faults, "refusals": (self._module.Refuse(401, LATER),)}
            case "gemini":
                how = {"code": 1008, "reason": "API key expired. Please renew the API key."}
                return {"faults": self.fault("close", **how, **when)}
            case "nova":
                how = {"code": "ExpiredTokenException", "message": "The security token in the request is expired"}
                refusal = self._module.Refuse(403, "ExpiredTokenException", requests=LATER)
                return {"faults": self.fault("error", **how, **when), "refusals": (refusal,)}
