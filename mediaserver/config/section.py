"""What every table of the settings is made of: checked texts, and a section in which an unknown key is a fault."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def check_address(text: str) -> str:
    """`text` if it is an "address:port"; ValueError with the remedy otherwise."""
    host, _, port = text.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
        usable = port.isdigit() and int(port) <= 65535
    except ValueError:
        usable = False
    if not usable:
        raise ValueError('write it as "address:port" with an IP address, as in "0.0.0.0:5060" or "[::]:5060"')
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError('write an address or a network, as in "192.0.2.0/24"') from None
    return text


def _ports(text: str) -> str:
    first, dash, last = text.partition("-")
    if not dash or not first.isdigit() or not last.isdigit() or not 1024 <= int(first) < int(last) <= 65535:
        raise ValueError('write a range within 1024-65535, as in "20000-29999"')
    return text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://", "ws://", "wss://")):
        raise ValueError('write a URL with its scheme, as in "http://127.0.0.1:8090/v1"')
    return text


def _tool(text: str) -> str:
    module, colon, function = text.partition(":")
    if text != "end_call" and (not colon or not module or not function.isidentifier()):
        raise ValueError('write "package.module:function", or the built-in "end_call"')
    return text


def _empty_is_none(value: object) -> object:
    """TOML and the environment have no null: an empty text says "without"."""
    return None if value == "" else value


def _ip(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError('write an IP address, as in "203.0.113.7"') from None
    return text


type OrNone[T] = Annotated[T | None, BeforeValidator(_empty_is_none)]
type HostPort = Annotated[str, AfterValidator(check_address)]
type Network = Annotated[str, AfterValidator(_network)]
type PortSpan = Annotated[str, AfterValidator(_ports)]
type Url = Annotated[str, AfterValidator(_url)]
type ToolName = Annotated[str, AfterValidator(_tool)]
type Ip = Annotated[str, AfterValidator(_ip)]


def split_host(text: str) -> tuple[str, int]:
    """Host and port of a checked "host:port"; IPv6 without its brackets."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Section(BaseModel):
    """One table of the file; a key nobody knows is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)
