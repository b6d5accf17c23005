"""`python -m conformance`: every case, and with `--prove` every case broken, which it has to notice."""

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import uvloop
from rich.console import Console

from conformance import report
from conformance.case import Case, cases
from conformance.play import Result, play
from conformance.ports import Ports
from conformance.world import World

AT_ONCE = 8
"""Cases at a time: SIPp, servers and the model share the machine."""
ALONE_AT_ONCE = 3
"""Of these, such as start processes of their own."""

_WIDTH = 200
"""Columns where the output is no terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play them; 1 if one is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of cases, or patterns as hold-*; default: all")
    parser.add_argument("--prove", action="store_true", help="break each case in every way it names; it has to fail")
    parser.add_argument("--relay", action="store_true", help="play them by the detour that --prove takes, unbroken")
    parser.add_argument("--list", action="store_true", help="show the cases without playing them")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--keep", type=Path, help="leave scenarios, messages and settings in this folder")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    wanted = [
        case for case in cases() if not options.only or any(fnmatchcase(case.name, each) for each in options.only)
    ]
    if options.list:
        for case in wanted:
            console.print(f"{case.build} {case.name} ({case.transport}, {case.rfc}): {case.shows}", soft_wrap=True)
        return 0
    if shutil.which("sipp") is None:
        console.print("sipp is missing: apt-get install sip-tester")
        return 2
    with tempfile.TemporaryDirectory(prefix="conformance-") as temporary:
        folder = options.keep or Path(temporary)
        if options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        results = uvloop.run(everything(wanted, folder, console, prove=options.prove, relayed=options.relay))
    return _shown(results, options.out, console, "proof" if options.prove else "conformance")


def _shown(results: Sequence[Result], out: Path, console: Console, suite: str) -> int:
    console.print(report.table(results))
    out.mkdir(parents=True, exist_ok=True)
    report.junit(results, out / f"{suite}.xml", suite)
    (out / f"{suite}.md").write_text(report.markdown(results))
    failed = [result for result in results if result.fault is not None]
    what = "are as they should be" if suite == "conformance" else "are noticed when broken"
    console.print(f"{len(results) - len(failed)} of {len(results)} cases {what}")
    return 1 if failed else 0


async def everything(
    wanted: Sequence[Case], folder: Path, console: Console, *, prove: bool = False, relayed: bool = False
) -> list[Result]:
    """Every case, the longest first; the results are in the order given."""
    world = World(folder, Ports())
    turn, heavy = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(ALONE_AT_ONCE)

    async def one(case: Case) -> Result:
        if case.alone:
            async with heavy:
                return await self_paced(case)
        async with turn:
            return await self_paced(case)

    async def self_paced(case: Case) -> Result:
        into = folder / "cases" / case.name
        result = await (_proved(case, world, into) if prove else play(case, world, into, relayed=relayed))
        verdict = "ok" if result.fault is None else f"FAILED: {result.fault}"
        console.print(f"{case.name} ({result.seconds:.1f} s): {verdict}", soft_wrap=True, markup=False)
        return result

    try:
        ordered = sorted(wanted, key=lambda case: -case.seconds)
        results = await asyncio.gather(*(one(case) for case in ordered))
    finally:
        await world.close()
    by_case = {id(result.case): result for result in results}
    return [by_case[id(case)] for case in wanted]


async def _proved(case: Case, world: World, folder: Path) -> Result:
    """Its fault is that something broken was not noticed, or never came by."""
    seconds = 0.0
    for number, (what, variant) in enumerate(case.variants):
        result = await play(variant, world, folder / f"variant{number}")
        seconds += result.seconds
        if result.fault is None:
            return Result(case, seconds, f"not noticed: {what}")
    for number, broken in enumerate(case.breaks):
        result = await play(case, world, folder / f"broken{number}", broken=broken)
        seconds += result.seconds
        if not result.hits:
            return Result(case, seconds, f"nothing was broken: {broken} did not come by ({result.fault})")
        if result.fault is None:
            return Result(case, seconds, f"not noticed: {broken}", result.hits)
    return Result(case, seconds, None)
