"""Checked texts of telephony: listening addresses, host names, numbers and their beginnings, names of header fields."""

import ipaddress
import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from mediaserver.config.section import check_address
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.grammar import is_token
from mediaserver.sip.uri import SipUri

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PREFIX = re.compile(r"\+?[0-9]{1,15}|\+")
_PATTERN = re.compile(r"[^\s<>\"\\]{1,128}")
_DSCP = {"BE": 0, "LE": 1, "EF": 46, "VA": 44, **{f"CS{n}": 8 * n for n in range(8)}}
_DSCP |= {f"AF{c}{p}": 8 * c + 2 * p for c in range(1, 5) for p in range(1, 4)}


def _items(given: object) -> list[object]:
    """One text, several with commas, a list, or a list as JSON (which is how the environment writes one)."""
    if isinstance(given, str):
        text = given.strip()
        if text.startswith(('["', "[]")):
            given = json.loads(text)
        else:
            return [piece.strip() for piece in text.split(",") if piece.strip()]
    return list(given) if isinstance(given, list | tuple) else [given]


def _listening(given: object) -> tuple[str, ...]:
    found = []
    for item in _items(given):
        if not isinstance(item, str):
            raise ValueError('write "address:port", or a list of such')
        found.append(check_address(item))
    return tuple(found)


def _host(text: str) -> str:
    bare = text.strip("[]") if text.startswith("[") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    if _HOST.fullmatch(text) is None:
        raise ValueError(
            'write a name or an IP address alone, as in "sip.example.com"; the port has a setting of its own'
        )
    return text.rstrip(".").lower()


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("name it with letters, digits, - and _")
    return text


def _prefix(text: str) -> str:
    if _PREFIX.fullmatch(text) is None:
        raise ValueError('write how the numbers begin, as in "+49" or "0800"; "+" is any international number')
    return text


def _pattern(text: str) -> str:
    if _PATTERN.fullmatch(text) is None:
        raise ValueError('write a number or a pattern, as in "+4930555", "+49305*" or "+49305[0-4]?"')
    return text


def _header(text: str) -> str:
    if not is_token(text):
        raise ValueError('write the name of a header field, as in "X-Customer-Id"')
    return text


def _uri(text: str) -> str:
    try:
        SipUri.parse(text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}")
    except RemoteProtocolError as fault:
        raise ValueError(f'write a SIP URI, as in "sip:proxy.example.com;transport=tls" ({fault})') from None
    return text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}"


def _dscp(given: object) -> object:
    if isinstance(given, str) and (text := given.strip().upper()) in _DSCP:
        return _DSCP[text]
    usable = isinstance(given, int) or (isinstance(given, str) and given.isdigit())
    if isinstance(given, bool) or not usable or not 0 <= int(str(given)) <= 63:
        raise ValueError('write a code point as in "EF", "CS3", "AF41", or a number from 0 to 63')
    return int(str(given))


def _text_line(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must be one line without control characters")
    return text


type Listening = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listening)]
"""Addresses to listen at: one "address:port" or a list of them; empty to go without."""
type Codec = Literal["PCMU", "PCMA", "G722", "OPUS", "L16"]
type Host = Annotated[str, AfterValidator(_host)]
type Name = Annotated[str, AfterValidator(_name)]
type Prefix = Annotated[str, AfterValidator(_prefix)]
type Pattern = Annotated[str, AfterValidator(_pattern)]
type HeaderName = Annotated[str, AfterValidator(_header)]
type Uri = Annotated[str, AfterValidator(_uri)]
type Dscp = Annotated[int, BeforeValidator(_dscp)]
"""Differentiated services code point (RFC 2474): a name or a number."""
type Line = Annotated[str, AfterValidator(_text_line)]
