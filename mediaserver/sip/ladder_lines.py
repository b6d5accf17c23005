"""A ladder as JSON lines: one that says whose it is, then one for each message or gap."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from mediaserver.sip.events import Flow, Transport
from mediaserver.sip.ladder import Gap, Ladder, Rung
from mediaserver.sip.uri import format_host_port, parse_host_port

FORMAT = 1
_TRANSPORTS = get_args(Transport.__value__)


@dataclass(frozen=True, slots=True)
class LadderFile:
    """What stands in a file: `about` is what the call's last log line says, and `rungs` have the time of the epoch."""

    about: Mapping[str, object]
    rungs: Ladder = field(default_factory=list)


def lines_of(ladder: Ladder, about: Mapping[str, object], epoch: float) -> Iterator[str]:
    """The lines, each with its end; `epoch` is added to the times: what the clock of the wall is ahead of ours."""
    yield json.dumps({"ladder": FORMAT, **about}) + "\n"
    for rung in ladder:
        if isinstance(rung, Gap):
            yield json.dumps({"left_out": rung.messages}) + "\n"
            continue
        row = {
            "at": round(rung.at + epoch, 6),
            "way": "sent" if rung.sent else "received",
            "transport": rung.flow.transport,
            "local": format_host_port(*rung.flow.local),
            "remote": format_host_port(*rung.flow.remote),
            "message": rung.message.decode("utf-8", "surrogateescape"),
        }
        yield json.dumps(row) + "\n"


def read_lines(lines: Iterable[str]) -> LadderFile:
    """What was written. Raises ValueError with the number of the line that cannot be read."""
    about: dict[str, Any] | None = None
    rungs: Ladder = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if about is None:
                about = _about(row)
            else:
                rungs.append(_rung(row))
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise ValueError(f"line {number} is not of a ladder: {fault}") from None
    if about is None:
        raise ValueError("is empty")
    return LadderFile(about, rungs)


def _about(row: dict[str, Any]) -> dict[str, Any]:
    if row.pop("ladder", None) != FORMAT:
        raise ValueError(f"it does not begin as one of format {FORMAT} does")
    return row


def _rung(row: dict[str, Any]) -> Rung | Gap:
    if "left_out" in row:
        return Gap(int(row["left_out"]))
    if row["transport"] not in _TRANSPORTS or row["way"] not in ("sent", "received"):
        raise ValueError("no such transport or way")
    flow = Flow(cast(Transport, row["transport"]), _address(row["remote"]), _address(row["local"]))
    message: str = row["message"]
    return Rung(float(row["at"]), row["way"] == "sent", flow, message.encode("utf-8", "surrogateescape"))


def _address(text: str) -> tuple[str, int]:
    host, port = parse_host_port(text)
    return host, port or 5060
