"""The small pieces of RFC 3261 25.1 that every header shares: tokens, quoted strings, lists, parameters.

Every pattern here runs in linear time on hostile text, and none of them knows digits or spaces beyond ASCII.
"""

import re
from collections.abc import Mapping

from mediaserver.errors import RemoteProtocolError

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
LWS = " \t"

QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# The alternative `$` swallows an unterminated quote whole: without it each later quote would scan the rest again.
_LIST_STOP = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)|<[^<>]*>|,', re.DOTALL)
_PARAMETER = re.compile(
    r"""[ \t]*;[ \t]*(?P<name>[^\x00-\x20\x7f;=,<>"]+)[ \t]*"""
    r"""(?:=[ \t]*(?P<value>"(?:[^"\\]|\\.)*"|[^\x00-\x20\x7f;,<>"]*)[ \t]*)?""",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'["\\]')


def is_token(text: str) -> bool:
    """Whether `text` is one token (RFC 3261 25.1)."""
    return TOKEN.fullmatch(text) is not None


def number(text: str, what: str, maximum: int) -> int:
    """An unsigned decimal number up to `maximum`; RemoteProtocolError(400) names `what` otherwise."""
    # The length is checked before int(), which refuses very long numbers with an error of its own.
    if text.isascii() and text.isdigit() and len(digits := text.lstrip("0") or "0") <= 10:
        value = int(digits)
        if value <= maximum:
            return value
    raise RemoteProtocolError(f"{what} is not a number up to {maximum}: {text[:40]!r}")


def split_list(text: str) -> list[str]:
    """The elements of a comma-separated list; commas in quotes and in <> do not separate."""
    if "," not in text:
        return [text.strip(LWS)]
    elements = []
    start = 0
    for stop in _LIST_STOP.finditer(text):
        if stop.group() == ",":
            elements.append(text[start : stop.start()].strip(LWS))
            start = stop.end()
    elements.append(text[start:].strip(LWS))
    return elements


def parse_parameters(text: str) -> dict[str, str | None]:
    """The parameters of `;name=value;flag`; names in lower case, quoted values keep their quotes.

    Raises RemoteProtocolError(400) on anything else and on a name given twice (RFC 3261 7.3.1).
    """
    parameters: dict[str, str | None] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            if not text[position:].strip(LWS):
                break
            raise RemoteProtocolError(f"malformed parameters: {text[position : position + 40]!r}")
        name = match["name"].lower()
        if name in parameters:
            raise RemoteProtocolError(f"parameter given twice: {name[:40]!r}")
        parameters[name] = match["value"]
        position = match.end()
    return parameters


def format_parameters(parameters: Mapping[str, str | None]) -> str:
    """`;name=value;flag`, the reverse of `parse_parameters`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters.items())


def quote(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + _TO_ESCAPE.sub(r"\\\g<0>", text) + '"'


def unquote(text: str) -> str:
    """The content of a quoted string; text without quotes is returned as it is."""
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return text
