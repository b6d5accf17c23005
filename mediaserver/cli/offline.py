"""A server that nothing is configured for: the offline agent answers, so that there is somebody to talk to at once."""

import socket
from pathlib import Path
from typing import Any, Final

from mediaserver.agents.file import DEFAULT_FILE as AGENTS_FILE
from mediaserver.config import DEFAULT_FILE, Settings
from mediaserver.config.section import split_host

AGENT: Final[dict[str, Any]] = {
    "name": "clinic",
    "model": "local",
    "welcome": "Hello, this is Riverside Clinic. How can I help you?",
}
"""The receptionist that the offline model plays unless it is given another script."""
EXTRA: Final = "mediaserver[local]"
INSTALL: Final = (
    "Nothing is configured, so the offline agent would answer, and its models are not installed:\n"
    f"  pip install '{EXTRA}'\n"
    "Or have a model of your choice answer: README.md says how, in ten lines."
)


def unconfigured(config: Path | None, settings: Settings) -> bool:
    """Nobody has said who answers."""
    files = (DEFAULT_FILE, AGENTS_FILE)
    said = settings.agent or settings.agents is not None or settings.trunks or settings.routing
    return config is None and not said and not any(Path(each).exists() for each in files)


def offline(settings: Settings) -> Settings:
    """The settings with the offline agent, and any free port for SIP where the usual one is taken."""
    update: dict[str, Any] = {"agent": AGENT}
    sip = settings.sip
    if not sip.model_fields_set & {"udp", "tcp"} and not all(map(_is_free, (*sip.udp, *sip.tcp))):
        moved = {name: tuple(f"{split_host(each)[0]}:0" for each in getattr(sip, name)) for name in ("udp", "tcp")}
        update["sip"] = sip.model_copy(update=moved)
    return settings.model_copy(update=update)


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
