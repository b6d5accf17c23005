"""The published JSON Schema of an agent, for editors, the REST interface and a console."""

from typing import Any

from mediaserver.agents.advanced import schemas
from mediaserver.agents.definition import AgentDefinition


def agent_schema() -> dict[str, Any]:
    """An agent as it may be written, the advanced configuration included."""
    schema = AgentDefinition.model_json_schema(by_alias=False)
    advanced = schemas()
    definitions = schema.setdefault("$defs", {})
    definitions |= advanced.pop("$defs")
    advanced.pop("$schema")
    advanced["default"] = {}
    schema["properties"]["advanced_configuration"] = advanced
    # Read, though not written by us: the settings file has called it so from the start.
    schema["properties"]["greeting"] = schema["properties"]["welcome"] | {"description": "The same as `welcome`."}
    fallback = schema["properties"]["fallback"]["items"]
    schema["properties"]["fallback"]["items"] = {"anyOf": [{"type": "string"}, fallback]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
