"""The settings of a server under test: those of `servers/`, with what a case adds."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "servers"


def text_of(name: str) -> str:
    """What `servers/` has under this name."""
    return (FOLDER / f"{name}.toml").read_text()


def settings(name: str, *, model_url: str, media: tuple[int, int], more: str = "", **names: object) -> dict[str, Any]:
    """The whole settings. `{name}` in the text of a case is replaced by what is known by that name, as a port."""

    def filled(text: str) -> str:
        for known, value in names.items():
            text = text.replace("{" + known + "}", str(value))
        return text

    base: dict[str, Any] = {
        "sip": {"udp": "127.0.0.1:0", "tcp": "127.0.0.1:0"},
        "rtp": {"address": "127.0.0.1", "ports": f"{media[0]}-{media[1]}"},
        "http": {"address": ""},
        "agent": {"name": "assistant", "model": "gpt-realtime"},
        "providers": {"openai": {"api_key": "sk-test", "base_url": model_url}},
        "log": {"format": "json"},
    }
    _merge(base, tomllib.loads(filled(text_of(name))))
    _merge(base, tomllib.loads(filled(more)))
    return base


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def toml(tables: Mapping[str, Any]) -> str:
    """As a file: everything that is in no table of its own is written in line."""
    return "\n".join(f"{_key(name)} = {_value(value)}" for name, value in tables.items()) + "\n"


def _key(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(given: object) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return repr(given)
    if isinstance(given, Mapping):
        return "{" + ", ".join(f"{_key(str(name))} = {_value(each)}" for name, each in given.items()) + "}"
    if isinstance(given, list):
        return "[" + ", ".join(map(_value, given)) + "]"
    return _key(str(given))
