"""What is to be reached, and whether it was."""

from collections.abc import Sequence

from bench.modes import SCENARIOS, Mode
from bench.rounds import Round
from bench.tables import Figure, median, memory_of_call


def verdicts(mode: Mode, server: Sequence[Round], floor: Sequence[Round]) -> list[tuple[str, bool | None]]:
    """The goals, each with whether it was reached (None: not measured)."""

    def ours(figure: Figure) -> float | None:
        return median(server, figure)

    scenario = SCENARIOS[mode]
    goals = [
        *_cpu(mode, ours(lambda r: r.usage.cpu), median(floor, lambda r: r.usage.cpu)),
        _lateness(mode, ours(lambda r: r.media.lateness.p99), median(floor, lambda r: r.media.lateness.p99)),
        ("no missing sequence number", _holds(ours(lambda r: r.media.missing), 0)),
        ("no underrun", _holds(ours(lambda r: r.underruns), 0)),
        ("RTP clock within 20 ms of the wall", _holds(ours(lambda r: r.media.clock.max), 20.0)),
        ("every turn answered", _holds(ours(lambda r: r.media.unanswered), 0)),
    ]
    # In short turns the wait for the next packet of a few calls is luck, and they are not barged in on.
    if not scenario.short and scenario.added_path_ms is not None:
        path = _holds(ours(lambda r: r.media.added_path.p50), scenario.added_path_ms)
        goals.append((f"added path p50 at most {scenario.added_path_ms:.0f} ms", path))
    if not scenario.short and scenario.interruption == "provider":
        stop = _holds(ours(lambda r: r.media.barge_in_stop.p95), 20.0)
        goals.append(("barge-in stop p95 at most 20 ms after the model's event", stop))
    if scenario.memory_mb is not None:
        each = _holds(ours(memory_of_call), scenario.memory_mb)
        goals.append((f"memory at most {scenario.memory_mb:g} MB a call", each))
    return goals


def _lateness(mode: Mode, ours: float | None, floor: float | None) -> tuple[str, bool | None]:
    most = SCENARIOS[mode].lateness_ms
    if most is not None:
        return f"lateness p99 at most {most:g} ms", _holds(ours, most)
    return "lateness p99 at most the floor's + 3 ms", _holds(ours, None if floor is None else floor + 3.0)


def _cpu(mode: Mode, ours: float | None, floor: float | None) -> list[tuple[str, bool | None]]:
    times, most = SCENARIOS[mode].cpu_of_floor, SCENARIOS[mode].cpu_ms
    goals = []
    if times is not None:
        goals.append((f"CPU at most {times:g} times the floor's", _holds(ours, floor and times * floor)))
    if most is not None:
        goals.append((f"CPU at most {most:g} ms per call-second", _holds(ours, most)))
    return goals


def _holds(value: float | None, limit: float | None) -> bool | None:
    return None if value is None or limit is None else value <= limit
