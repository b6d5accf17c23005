"""One case, played."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from conformance import checks
from conformance.case import Case, name_of
from conformance.ears import Ear, ears
from conformance.sipp import Party
from conformance.stage import Stage
from conformance.wire import Fault, Wire
from conformance.world import READY_S, Running, World
from mediaserver.errors import MediaServerError

_OVER_S = 5.0
"""SIPp gives up by itself at the end of a case's time; after this much more it is killed."""

_LEARNT_S = 10.0


@dataclass(frozen=True)
class Result:
    """What came of a case: `fault` is None if all was as it should be. `hits`: how often what was broken came by."""

    case: Case
    seconds: float
    fault: str | None
    hits: int = 0


@dataclass
class Scene:
    """All that takes part in one playing of a case."""

    running: Running
    parties: Sequence[Party]
    wires: dict[str, Wire]
    ears: dict[str, Ear]
    began: int
    """Lines of the server's log that were there before."""
    faults: list[str]
    """What went wrong so far."""


async def play(case: Case, world: World, folder: Path, *, broken: Fault | None = None, relayed: bool = False) -> Result:
    """Play it, with something `broken` on the way, if that is given; `relayed`: by the detour that breaking takes."""
    began = time.monotonic()
    faults = [fault for fault in (case.lost if broken is None else None, broken) if fault is not None]
    wires: dict[str, Wire] = {}
    told: list[str] = []
    try:
        async with asyncio.timeout(READY_S) as clock:
            fault = await _played(case, world, folder, faults, relayed, wires, told, clock)
    except TimeoutError:
        fault = "; ".join(told) or f"not over after {case.seconds:.0f} s"
    except (OSError, ValueError, AssertionError, MediaServerError) as error:
        fault = f"{type(error).__name__}: {error}"
    hits = sum(wire.hits.get(fault, 0) for wire in wires.values() for fault in faults)
    return Result(case, time.monotonic() - began, fault, hits)


async def _played(
    case: Case, world: World, folder: Path, faults: Sequence[Fault], relayed: bool, wires: dict[str, Wire],
    told: list[str], clock: asyncio.Timeout,
) -> str | None:  # fmt: skip
    await asyncio.to_thread(folder.mkdir, parents=True)
    async with AsyncExitStack() as stack:
        heard = await stack.enter_async_context(ears(case.ears))
        stage = Stage(case, world, folder, faults, relayed, wires, stack)
        stage.names |= {name: ear.port for name, ear in heard.items()}
        parties = {}
        # Whoever is called listens before the server is there, which may have something to say at once.
        for element in case.called:
            party = parties[name_of(element)] = await stage.called(element)
            await party.start()
        running = await stack.enter_async_context(
            world.server(case, folder, {name: stage.names[name] for name in case.names})
        )
        began = 0 if case.alone or running.process is None else len(running.process.lines)
        clock.reschedule(asyncio.get_running_loop().time() + case.seconds + _OVER_S)
        for element in case.calling:
            parties[name_of(element)] = await stage.calls(element, running)
        return await _acted(case, Scene(running, list(parties.values()), wires, heard, began, told))


async def _acted(case: Case, scene: Scene) -> str | None:
    """Everybody acts; the first fault in the order of the case file."""
    acts: list[Awaitable[str | None]] = [_enter(party, scene) for party in scene.parties]
    acts += [_dial(element, scene) for element in case.dials]
    acts += [_stop(case.stop, scene)] if case.stop is not None else []

    async def noted(act: Awaitable[str | None]) -> None:
        if (fault := await act) is not None:
            scene.faults.append(fault)

    async with asyncio.TaskGroup() as together:
        for act in acts:
            together.create_task(noted(act))
    if scene.faults:
        return "; ".join(scene.faults)
    if case.lost is not None and (fault := checks.came_again(case.lost, scene.wires)) is not None:
        return fault
    for element in case.checks:
        fault = await checks.CHECKS[element.tag](element, case, scene)
        if fault is not None:
            return fault
    return checks.heard(case.ears, scene.ears)


async def _enter(party: Party, scene: Scene) -> str | None:
    """Start a party, once what it waits for is in the server's log, and see it through."""
    after = party.element.get("after")
    if party.element.tag == "caller":
        if after is not None:
            try:
                await scene.running.line(after, int(party.element.get("count", "1")))
            except TimeoutError:
                return f"{party.name} waited for {after} in vain"
        try:
            await party.start(await _learnt(party.element, scene))
        except TimeoutError:
            return f"{party.name} had to know what never came by"
    return await party.over()


async def _learnt(element: Element, scene: Scene) -> dict[str, str]:
    """`<learn name="tag" party="first" like="tag=(.*)"/>`: `[tag]` is the last such thing another SIPp saw so far."""
    learnt = {}
    for each in element.findall("learn"):
        other = next(party for party in scene.parties if party.name == each.attrib["party"])
        sought = re.compile(each.attrib["like"], re.MULTILINE)
        async with asyncio.timeout(_LEARNT_S):
            while not (found := sought.findall(other.messages.replace("\r\n", "\n"))):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # what another process has written
        learnt[each.attrib["name"]] = found[-1]
    return learnt


async def _dial(element: Element, scene: Scene) -> str | None:
    """`<dial number="+49301" exit="0" prints="completed"/>`: `mediaserver dial` with the settings of the case."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediaserver", "dial", "assistant", element.attrib["number"],
        "-c", str(scene.running.path), *element.get("options", "").split(),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    shown = printed.decode(errors="replace")
    if process.returncode != int(element.get("exit", "0")):
        return f"dial exited with {process.returncode}: {shown}"
    wanted = element.get("prints", "")
    return None if wanted in shown else f"dial did not print {wanted!r}: {shown}"


async def _stop(element: Element, scene: Scene) -> str | None:
    """`<stop after="trunk.registered"/>`: the server is told to end."""
    assert scene.running.process is not None
    try:
        await scene.running.line(element.attrib["after"], int(element.get("count", "1")))
    except TimeoutError:
        return f"no {element.attrib['after']}, which the server was to be stopped after"
    os.kill(scene.running.process.pid, signal.SIGTERM)
    return None
