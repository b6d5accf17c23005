"""Functions the model may call: async Python callables, described to it from their signature and docstring."""

import asyncio
import copy
import importlib
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from mediaproviders.contract import ToolSpec
from mediaserver.errors import ConfigurationError
from mediaserver.talk import press, transfer
from mediaserver.talk.transfer import Transfer

END_CALL = ToolSpec(
    "end_call",
    "End the call. Say goodbye first; the line is cut when your last words have been heard.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)
BUILT_IN = (END_CALL.name, transfer.NAME, press.NAME)
"""Tools that are done by the server, by name."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A callable and how the model sees it."""

    spec: ToolSpec
    arguments: type[BaseModel]
    function: Callable[..., Awaitable[object]]

    async def run(self, arguments: str, timeout_s: float) -> str:
        """Call it with a JSON object; the outcome, or what went wrong, as text for the model. Never raises."""
        try:
            given = self.arguments.model_validate_json(arguments or "{}")
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            return json.dumps({"error": f"bad arguments: {faults}"})
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                outcome = await self.function(**{name: getattr(given, name) for name in type(given).model_fields})
            return outcome if isinstance(outcome, str) else json.dumps(outcome, default=str)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # it is we who are cancelled
            return json.dumps({"error": "the tool was cancelled"})
        except (Exception, SystemExit) as error:  # the administrator's code: whatever it raises, the call goes on
            if limit.expired():
                return json.dumps({"error": f"no result within {timeout_s:g} s"})
            return json.dumps({"error": f"{type(error).__name__}: {error}"})


class Toolbox:
    """The tools of one agent. Raises ConfigurationError with a fault for each that cannot be used.

    Without a line (in a chat) nothing can be transferred and no key pressed: those tools come by :meth:`on_line`.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._tools: dict[str, Tool] = {}
        self._names = tuple(names)
        self._line: tuple[ToolSpec, ...] = ()
        self.ends_calls = END_CALL.name in self._names
        self.transfers = self.presses_keys = False
        faults = []
        for name in self._names:
            if name in BUILT_IN:
                continue
            try:
                tool = _load(name)
            except (Exception, SystemExit) as error:  # importing runs their code, which may raise anything
                faults.append(f"agent.tools {name!r}: {type(error).__name__}: {error}")
            else:
                self._tools[tool.spec.name] = tool
        if faults:
            raise ConfigurationError(faults)

    def on_line(self, how: Transfer) -> "Toolbox":
        """The same tools for a call, with those that need a line."""
        transfers, presses_keys = transfer.NAME in self._names, press.NAME in self._names
        if not transfers and not presses_keys:
            return self
        box = copy.copy(self)
        box.transfers, box.presses_keys = transfers, presses_keys
        box._line = ((transfer.spec(how),) if transfers else ()) + ((press.SPEC,) if presses_keys else ())
        return box

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """As declared to the model."""
        own = tuple(tool.spec for tool in self._tools.values())
        return (*own, *self._line, END_CALL) if self.ends_calls else (*own, *self._line)

    async def run(self, name: str, arguments: str, timeout_s: float) -> str:
        """The outcome of a call as text for the model, an error included."""
        tool = self._tools.get(name)
        if tool is None:
            return json.dumps({"error": f"no tool named {name}; known: {', '.join(self._tools) or 'none'}"})
        return await tool.run(arguments, timeout_s)


def _load(name: str) -> Tool:
    module, _, attribute = name.partition(":")
    function = getattr(importlib.import_module(module), attribute)
    if not inspect.iscoroutinefunction(function):
        raise TypeError('must be an "async def" function')
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"parameter {parameter.name!r} must be an ordinary or keyword parameter")
        kind = str if parameter.annotation is parameter.empty else parameter.annotation
        fields[parameter.name] = (kind, ... if parameter.default is parameter.empty else parameter.default)
    arguments = create_model(attribute, __config__=ConfigDict(extra="forbid"), **fields)
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    description = inspect.getdoc(function) or attribute.replace("_", " ")
    return Tool(ToolSpec(attribute, description, schema), arguments, function)
