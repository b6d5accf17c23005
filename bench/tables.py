"""Medians over rounds, as tables for people: one a mode on the terminal; in Markdown one of modes, one of services."""

import math
import statistics
from collections.abc import Callable, Sequence

from rich.table import Table

from bench.modes import PROVIDER_MODES, SCENARIOS, Mode
from bench.rounds import ProgramName, Round
from bench.services import FLOOR_UPLINK_MS

type Figure = Callable[[Round], float | None]


def _detector_on(each: Round) -> float | None:
    return None if each.detection is None else 100 * each.detection.open_share


def memory_of_call(each: Round) -> float:
    """MB that a call takes at most: what the program has grown by since before it had any, shared out.

    Not since it was warm: what the calls before had taken, and was kept for the next, is theirs as well.
    """
    return (each.usage.rss_during - each.usage.rss_cold) / each.load.calls


ROWS: tuple[tuple[str, Figure], ...] = (
    ("CPU, ms per call-second", lambda r: r.usage.cpu),
    ("  its child processes", lambda r: r.usage.cpu_children),
    ("caller audio in a message to the model, ms", lambda r: r.uplink_ms),
    ("added path p50, ms", lambda r: r.media.added_path.p50),
    ("added path p99, ms", lambda r: r.media.added_path.p99),
    ("  uplink p50", lambda r: r.media.uplink.p50),
    ("  uplink p99", lambda r: r.media.uplink.p99),
    ("  decision p50", lambda r: r.media.decision.p50),
    ("  decision p99", lambda r: r.media.decision.p99),
    ("  downlink p50", lambda r: r.media.downlink.p50),
    ("  downlink p99", lambda r: r.media.downlink.p99),
    ("lateness p50, ms", lambda r: r.media.lateness.p50),
    ("lateness p99, ms", lambda r: r.media.lateness.p99),
    ("lateness max, ms", lambda r: r.media.lateness.max),
    ("barge-in stop after model's event p50, ms", lambda r: r.media.barge_in_stop.p50),
    ("barge-in stop after model's event p95, ms", lambda r: r.media.barge_in_stop.p95),
    ("barge-in stop after caller's packet p50, ms", lambda r: r.media.barge_in_stop_from_onset.p50),
    ("barge-in stop after caller's packet p95, ms", lambda r: r.media.barge_in_stop_from_onset.p95),
    ("own detector on, % of caller audio", _detector_on),
    ("RTP clock against wall, worst, ms", lambda r: r.media.clock.max),
    ("missing sequence numbers", lambda r: r.media.missing),
    ("underruns", lambda r: r.underruns),
    ("turns", lambda r: r.media.turns),
    ("  unanswered", lambda r: r.media.unanswered),
    ("callers' own clock late, p99, ms", lambda r: r.media.callers_late.p99),
    ("  max", lambda r: r.media.callers_late.max),
    ("callers' own CPU, % of a core", lambda r: 100 * r.usage.callers),
    ("emulator's own CPU, % of a core", lambda r: 100 * r.usage.emulator),
    ("memory of the cold process, MB", lambda r: r.usage.rss_cold),
    ("  warmed up, before the calls", lambda r: r.usage.rss_before),
    ("  during", lambda r: r.usage.rss_during),
    ("  after hang-ups", lambda r: r.usage.rss_after),
    ("  a call takes, since it was cold", memory_of_call),
)

MAIN_ROWS: tuple[tuple[str, Figure], ...] = (
    ("CPU, ms per call-second", lambda r: r.usage.cpu),
    ("added path p50, ms", lambda r: r.media.added_path.p50),
    ("added path p99, ms", lambda r: r.media.added_path.p99),
    ("packet lateness p99, ms", lambda r: r.media.lateness.p99),
    ("barge-in stop p95 after the model's event, ms", lambda r: r.media.barge_in_stop.p95),
    ("barge-in stop p95 after the caller's first packet, ms", lambda r: r.media.barge_in_stop_from_onset.p95),
    ("own detector on, % of caller audio", _detector_on),
    ("RTP clock against wall, worst call, ms", lambda r: r.media.clock.max),
    ("missing packets", lambda r: r.media.missing),
    ("underruns", lambda r: r.underruns),
    ("turns (unanswered)", lambda r: r.media.turns),
    ("memory before → during → after calls, MB", lambda r: r.usage.rss_before),
    ("growth by each call since the cold start, MB", memory_of_call),
)


def median(rounds: Sequence[Round], figure: Figure) -> float | None:
    """The median over rounds of one figure; None when no round has it."""
    values = [value for each in rounds if (value := figure(each)) is not None and not math.isnan(value)]
    return statistics.median(values) if values else None


def select(rounds: Sequence[Round], mode: Mode, program: ProgramName) -> list[Round]:
    """The rounds of one program in one mode, or for the floor in one that is the same to it."""
    found = [each for each in rounds if each.mode == mode and each.program == program]
    same = SCENARIOS[mode].same_floor
    return select(rounds, same, program) if not found and program == "floor" and same else found


def table(mode: Mode, server: Sequence[Round], floor: Sequence[Round]) -> Table:
    """Server beside floor."""
    some = [*server, *floor]
    load = some[0].load
    count = max(len(server), len(floor))
    title = f"{mode}: {load.calls} calls of {load.seconds:.0f} s, median of {count} rounds"
    grid = Table(title=title, title_justify="left")
    grid.add_column("")
    for name in ("server", "floor", "ratio"):
        grid.add_column(name, justify="right")
    for name, figure in ROWS:
        grid.add_row(name, _shown(median(server, figure)), _shown(median(floor, figure)), _ratio(name, server, floor))
    return grid


def markdown(rounds: Sequence[Round], machine: str) -> str:
    """The main figures: the modes in columns, each cell server / floor and the ratio; then the services in rows."""
    modes = list(dict.fromkeys(each.mode for each in rounds))
    parts = []
    if ours := [mode for mode in modes if SCENARIOS[mode].service == "openai"]:
        parts.append(_by_mode(rounds, ours, machine))
    if any(SCENARIOS[mode].service != "openai" for mode in modes):
        parts.append(_by_service(rounds, [mode for mode in PROVIDER_MODES if mode in modes], machine))
    return "\n".join(parts)


def _by_mode(rounds: Sequence[Round], modes: Sequence[Mode], machine: str) -> str:
    loads = [_load(rounds, mode) for mode in modes]
    same = len(set(loads)) == 1
    heads = modes if same else [f"{mode}<br>{load}" for mode, load in zip(modes, loads, strict=True)]
    said = f"{loads[0]}, " if same else ""
    lines = [
        f"{said}one message per {FLOOR_UPLINK_MS} ms packet; medians over rounds; {machine}."
        " Cells: server / floor (ratio).",
        "",
        "| | " + " | ".join(heads) + " |",
        "|---" + "|---:" * len(modes) + "|",
    ]
    for name, figure in MAIN_ROWS:
        cells = [_cell(name, figure, select(rounds, mode, "server"), select(rounds, mode, "floor")) for mode in modes]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _load(rounds: Sequence[Round], mode: Mode) -> str:
    load = next(each.load for each in rounds if each.mode == mode)
    count = max(len(select(rounds, mode, name)) for name in ("server", "floor"))
    return f"{load.calls} calls of {load.seconds:.0f} s, {count} round{'s' * (count != 1)}"


SERVICE_COLUMNS: tuple[tuple[str, Figure], ...] = (
    ("message, ms", lambda r: r.uplink_ms),
    ("CPU, ms per call-second", lambda r: r.usage.cpu),
    ("own detector on, %", _detector_on),
    ("added path p50, ms", lambda r: r.media.added_path.p50),
    ("p99", lambda r: r.media.added_path.p99),
    ("barge-in stop p95, ms", lambda r: r.media.barge_in_stop_from_onset.p95),
    ("lateness p99, ms", lambda r: r.media.lateness.p99),
    ("missing", lambda r: r.media.missing),
    ("underruns", lambda r: r.underruns),
    ("turns (unanswered)", lambda r: r.media.turns),
    ("emulator's CPU, % of a core", lambda r: 100 * r.usage.emulator),
)


def _by_service(rounds: Sequence[Round], modes: Sequence[Mode], machine: str) -> str:
    """A row a service, in the mode that is alike for all; the floor is connected to OpenAI's emulator."""
    names = [name for name, _ in SERVICE_COLUMNS]
    names.insert(2, "times the floor's")
    lines = [
        f"Services, the model deciding interruptions; medians over rounds; {machine}. Barge-in stop is counted from the"
        " caller's first packet.",
        "",
        "| | load | wire | " + " | ".join(names) + " |",
        "|---|---|---" + "|---:" * len(names) + "|",
    ]
    for mode in modes:
        service, server, floor = (
            SCENARIOS[mode].connected,
            select(rounds, mode, "server"),
            select(rounds, mode, "floor"),
        )
        lines.append(_service_row(service.title, _load(rounds, mode), service.wire, server, floor))
    floors = next((found for mode in modes if (found := select(rounds, mode, "floor"))), [])
    if floors:
        openai = SCENARIOS["constant"].connected
        lines.append(_service_row("*floor*", _load(floors, floors[0].mode), openai.wire, floors, []))
    return "\n".join(lines) + "\n"


def _service_row(title: str, load: str, wire: str, rounds: Sequence[Round], floor: Sequence[Round]) -> str:
    cells = [_with_companions(name, rounds, _shown(median(rounds, figure))) for name, figure in SERVICE_COLUMNS]
    ratio = _ratio("CPU", rounds, floor)
    cells.insert(2, f"**{ratio}**" if ratio else "-")
    return f"| {title} | {load} | {wire} | " + " | ".join(cells) + " |"


def _cell(name: str, figure: Figure, server: Sequence[Round], floor: Sequence[Round]) -> str:
    shown = [_with_companions(name, each, _shown(median(each, figure))) for each in (server, floor)]
    if shown == ["-", "-"]:
        return "-"
    ratio = _ratio(name, server, floor)
    return " / ".join(shown) + (f" (**{ratio}**)" if ratio else "")


def _with_companions(name: str, rounds: Sequence[Round], shown: str) -> str:
    """Some figures only say something together."""
    if not rounds:
        return shown
    if name.startswith("turns"):
        return f"{shown} ({_shown(median(rounds, lambda r: r.media.unanswered))})"
    if name.startswith("memory"):
        later = (median(rounds, lambda r: r.usage.rss_during), median(rounds, lambda r: r.usage.rss_after))
        return " → ".join(f"{value:.0f}" for value in (float(shown), *later) if value is not None)
    return shown


def _ratio(name: str, server: Sequence[Round], floor: Sequence[Round]) -> str:
    if not name.startswith("CPU"):
        return ""
    ours, least = median(server, lambda r: r.usage.cpu), median(floor, lambda r: r.usage.cpu)
    return f"{ours / least:.2f}" if ours and least else ""


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
