import json
from typing import Any

from mediaproviders.speech.catalog import SPEECH_TO_TEXT
from mediaserver.agents.advanced import SECTIONS, known_keys, schemas
from mediaserver.agents.definition import AgentDefinition
from mediaserver.agents.schema import agent_schema, agents_schema


def references(schema: Any) -> set[str]:
    """Every $ref within."""
    if isinstance(schema, dict):
        own = {schema["$ref"]} if "$ref" in schema else set()
        return own.union(*(references(each) for each in schema.values()))
    return set().union(*(references(each) for each in schema)) if isinstance(schema, list) else set()


def resolves(schema: dict[str, Any]) -> None:
    definitions = {f"#/$defs/{name}" for name in schema["$defs"]}
    assert references(schema) <= definitions
    json.dumps(schema)


def test_every_reference_leads_somewhere():
    for schema in (agent_schema(), agents_schema(), schemas()):
        resolves(schema)


def test_an_agents_schema_has_every_setting_with_its_meaning():
    schema = agent_schema()
    properties = schema["properties"]
    assert set(properties) == {*AgentDefinition.model_fields, "greeting"}
    assert schema["required"] == ["name", "model", "prompt"] and schema["additionalProperties"] is False
    assert all(each.get("description") or "$ref" in each or "properties" in each for each in properties.values())
    assert {"type": "string"} in properties["fallback"]["items"]["anyOf"]


def test_the_advanced_configuration_has_an_object_for_every_provider():
    schema = schemas()
    assert set(schema["properties"]) == {*SECTIONS, "silero_vad", "local"} == set(known_keys())
    openai = schema["$defs"]["openai_realtime"]
    assert openai["additionalProperties"] is False and {"voice", "turn_detection"} <= set(openai["properties"])
    assert "gpt-realtime-2.1" in schema["properties"]["openai_realtime"]["description"]
    assert schema["$defs"]["gemini_audio"]["properties"]["vad_mode"]["enum"] == ["google", "silero"]


def test_every_speech_service_is_an_alternative_of_its_own():
    alternatives = {each["title"]: each for each in agent_schema()["$defs"]["speech_to_text"]["anyOf"]}
    assert set(alternatives) == set(SPEECH_TO_TEXT)
    assert alternatives["azure"]["required"] == ["service", "model"]
    assert "prompt" in alternatives["openai"]["properties"] and "prompt" not in alternatives["local"]["properties"]


def test_secrets_are_write_only():
    schema = agent_schema()
    key = schema["properties"]["api_key"]["anyOf"][0]
    assert key["writeOnly"] is True and key["format"] == "password" and "examples" not in key


def test_a_file_holds_agents():
    schema = agents_schema()
    assert set(schema["properties"]) == {"agents", "default", "models"}
    assert schema["properties"]["agents"]["items"] == {"$ref": "#/$defs/agent"}
