"""The published JSON Schema of an agent, for editors, the REST interface and a console."""

from typing import Any

from mediaproviders.speech.catalog import Direction
from mediaserver.agents import services
from mediaserver.agents.advanced import schemas
from mediaserver.agents.definition import AgentDefinition

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIRECTIONS: tuple[Direction, ...] = ("speech_to_text", "text_to_speech")


def agent_schema() -> dict[str, Any]:
    """An agent as it may be written, the advanced configuration included."""
    schema = AgentDefinition.model_json_schema(by_alias=False)
    definitions, properties = schema["$defs"], schema["properties"]
    advanced = schemas()
    definitions |= advanced.pop("$defs")
    advanced.pop("$schema")
    properties["advanced_configuration"] = {**advanced, "default": {}}
    speech = definitions.pop("Speech")
    for direction in _DIRECTIONS:
        definitions[direction] = services.schema(direction, speech)
        description = properties[direction].get("description", "")
        null = {"type": "null"}
        properties[direction] = {"anyOf": [{"$ref": f"#/$defs/{direction}"}, null], "description": description}
    # Read, though not written by us: the settings file has called it so from the start.
    properties["greeting"] = properties["welcome"] | {"description": "The same as `welcome`."}
    fallback = properties["fallback"]
    fallback["items"] = {"anyOf": [{"type": "string"}, fallback["items"]]}
    return {"$schema": _DIALECT, **schema}


def agents_schema() -> dict[str, Any]:
    """A whole file of agents."""
    agent = agent_schema()
    definitions = agent.pop("$defs")
    agent.pop("$schema")
    return {
        "$schema": _DIALECT,
        "title": "Agents of a media server",
        "type": "object",
        "properties": {
            "agents": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/agent"}},
            "default": {"type": "string", "description": "Who answers when nobody in particular is called."},
            "models": {"type": "object", "description": "Models of one's own, and changes to those known."},
        },
        "required": ["agents"],
        "additionalProperties": False,
        "$defs": {**definitions, "agent": agent},
    }
