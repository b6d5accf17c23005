"""A brief as the parameters of a chat completion."""

from collections.abc import Mapping
from typing import Any, Literal

from mediaproviders.contract import Brief, ToolSpec

type LimitField = Literal["max_completion_tokens", "max_tokens"]
"""What an endpoint calls the limit on an answer's length: older servers know only the second."""


def parameters(brief: Brief, limit_field: LimitField, extra: Mapping[str, object]) -> dict[str, Any]:
    """What is the same in every request of a session. `extra` has the last word."""
    wanted: dict[str, Any] = {"model": brief.model, "stream": True, "stream_options": {"include_usage": True}}
    if brief.max_output_tokens is not None:
        wanted[limit_field] = brief.max_output_tokens
    if brief.temperature is not None:
        wanted["temperature"] = brief.temperature
    if brief.tools:
        wanted["tools"] = [_tool(tool) for tool in brief.tools]
    return wanted | dict(extra)


def _tool(tool: ToolSpec) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
