"""What is to be reached, and whether it was."""

from collections.abc import Sequence

from bench.modes import SCENARIOS, Mode
from bench.rounds import Round
from bench.tables import Figure, median


def verdicts(mode: Mode, server: Sequence[Round], floor: Sequence[Round]) -> list[tuple[str, bool | None]]:
    """The goals, each with whether it was reached (None: not measured)."""

    def ours(figure: Figure) -> float | None:
        return median(server, figure)

    scenario = SCENARIOS[mode]
    floor_late = median(floor, lambda r: r.media.lateness.p99)
    goals = [
        *_cpu(mode, ours(lambda r: r.usage.cpu), median(floor, lambda r: r.usage.cpu)),
        (
            "lateness p99 at most the floor's + 3 ms",
            _holds(ours(lambda r: r.media.lateness.p99), None if floor_late is None else floor_late + 3.0),
        ),
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
    return goals


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
