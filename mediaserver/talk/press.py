"""How the model presses keys: for the menus of the machines it talks to. Pure."""

import json
import re
from typing import Final

from mediaproviders.contract import ToolSpec

NAME: Final = "press_keys"
SPEC: Final = ToolSpec(
    NAME,
    "Press keys of the telephone, as for a menu or a number that is asked for. The other side hears the tones.",
    {
        "type": "object",
        "properties": {
            "keys": {
                "type": "string",
                "pattern": "^[0-9*#A-Da-dwW,]{1,64}$",
                "description": "0-9, *, # and A-D, in order; w waits half a second, W one, a comma two.",
            }
        },
        "required": ["keys"],
        "additionalProperties": False,
    },
)
_KEYS: Final = re.compile(r"[0-9*#A-Da-dwW,]{1,64}")


class RefusedKeysError(Exception):
    """They cannot be pressed; the text is for the model."""


def keys(arguments: str) -> str:
    """The keys the model wants pressed, letters in upper case but for pauses. Raises RefusedKeysError."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        raise RefusedKeysError("the arguments are not JSON; give keys") from None
    wanted = given.get("keys") if isinstance(given, dict) else None
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        wanted = str(wanted)  # models write a number where it looks like one
    wanted = "".join(wanted.split()) if isinstance(wanted, str) else ""
    if not _KEYS.fullmatch(wanted) or not wanted.strip("wW,"):
        raise RefusedKeysError("keys has to be 1 to 64 of 0-9, *, #, A-D, and w, W or a comma for pauses")
    return "".join(key if key in "wW" else key.upper() for key in wanted)
