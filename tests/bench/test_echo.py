"""The echo bench, and its goals in a few of its cells: no self-interruption, and a real one decided in time."""

import json
from pathlib import Path

import pytest

from bench import echo
from bench.echo import Cell, Result, faults, grid, measure, table
from bench.echo_line import Line
from mediacodecs.signal.vad import DetectorPool, SileroBatch

WITHIN_MS = 200.0


@pytest.fixture(scope="module")
def pool() -> DetectorPool:
    return DetectorPool(SileroBatch())


def cell(name: str) -> Cell:
    return next(each for each in (*grid(), *faults()) if each.name == name)


def test_the_grid_is_what_was_asked_for() -> None:
    cells = grid()
    assert len(cells) == 4 * 3 * 3
    assert {(each.line.echo_db, each.line.delay_ms, each.over_db) for each in cells} == {
        (echo_db, delay, over)
        for echo_db in (-6, -12, -20, -30) for delay in (20, 120, 400) for over in (None, 0, 6)
    }  # fmt: skip


@pytest.mark.tool("pocketsphinx-testdata")
@pytest.mark.parametrize(
    "name",
    ["-6 dB, 20 ms, echo alone", "-12 dB, 400 ms, echo alone", "-30 dB, 120 ms, echo alone", "A-law, echo alone"],
)
def test_no_agent_interrupts_itself(pool: DetectorPool, name: str) -> None:
    found = measure(cell(name), 3, "local", pool)
    assert (found.selves, found.ducks) == (0, 0)
    assert found.delay_ms is not None and found.upper < 0.7


@pytest.mark.tool("pocketsphinx-testdata")
@pytest.mark.parametrize("deciding", ["provider", "local"])
@pytest.mark.parametrize("name", ["-6 dB, 120 ms, interrupted at +0 dB", "-20 dB, 400 ms, interrupted at +6 dB"])
def test_a_real_interruption_is_decided_in_time(pool: DetectorPool, name: str, deciding: echo.Deciding) -> None:
    found = measure(cell(name), 4, deciding, pool)
    assert (found.missed, found.selves) == (0, 0)
    assert found.p90_ms is not None and found.p90_ms <= WITHIN_MS


@pytest.mark.tool("pocketsphinx-testdata")
def test_the_bench_can_fail(pool: DetectorPool) -> None:
    found = measure(Cell("unguarded", Line(echo_db=-6.0)), 2, "local", pool, guarded=False)
    assert found.selves == 2 and found.upper == 1.0


@pytest.mark.tool("pocketsphinx-testdata")
def test_what_is_found_is_written_down(tmp_path: Path) -> None:
    out = tmp_path / "echo.json"
    echo.main(["--calls", "1", "--sets", "grid", "--only", "-30 dB, 20 ms, echo", "--out", str(out)])
    (result,) = json.loads(out.read_text())["results"]
    assert Result(**result).calls == 1
    assert out.with_suffix(".md").read_text() == table([Result(**result)])
