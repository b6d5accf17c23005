"""A server that no agent is configured for: the offline agent answers, so that there is somebody to talk to at once."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mediaserver.agents.file import DEFAULT_FILE as AGENTS_FILE
from mediaserver.config import Settings
from mediaserver.config.section import split_host

AGENT: Final[dict[str, Any]] = {
    "name": "clinic",
    "model": "local",
    "welcome": "Hello, this is Riverside Clinic. How can I help you?",
}
"""The receptionist that the offline model plays unless it is given another script."""
EXTRA: Final = "mediaserver[local]"
INSTALL: Final = (
    "No agent is configured, so the offline agent would answer, and its models are not installed:\n"
    f"  pip install '{EXTRA}'\n"
    "Or have a model of your choice answer: README.md says how, in ten lines."
)


def unconfigured(settings: Settings) -> bool:
    """Nobody has said who answers: what else the settings say, as of HTTP or the log, is no matter."""
    said = settings.agent or settings.agents is not None or settings.trunks or settings.routing or settings.phones.users
    return not said and not Path(AGENTS_FILE).exists()


def answered(settings: Settings) -> Settings:
    """The settings, with the offline agent if they have none."""
    return settings.model_copy(update={"agent": AGENT}) if unconfigured(settings) else settings


def offline(settings: Settings) -> Settings:
    """The settings with the offline agent, and any free port for SIP where the usual one is taken."""
    update: dict[str, Any] = {"agent": AGENT}
    sip = settings.sip
    if not sip.model_fields_set & {"udp", "tcp"} and not all(map(_is_free, (*sip.udp, *sip.tcp))):
        anywhere = {name: tuple(f"{split_host(each)[0]}:0" for each in getattr(sip, name)) for name in ("udp", "tcp")}
        update["sip"] = sip.model_copy(update=anywhere)
    return settings.model_copy(update=update)


def moved(asked: Settings, used: Settings, addresses: Mapping[str, str]) -> str | None:
    """What to tell of where SIP is, by the `addresses` listened at; None if it is where it was `asked` to be."""
    if asked.sip == used.sip:
        return None
    at = ", ".join(
        f"{name.removeprefix('sip_')} {addresses[name]}" for name in ("sip_udp", "sip_tcp") if name in addresses
    )
    taken = ", ".join(dict.fromkeys((*asked.sip.udp, *asked.sip.tcp)))
    return f"{taken} is taken: SIP is at {at}; sip.udp and sip.tcp choose others"


def _is_free(address: str) -> bool:
    """Nobody listens there, by UDP or TCP."""
    host, port = split_host(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
