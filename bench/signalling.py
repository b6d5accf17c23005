"""How many calls a second: `python -m bench.signalling`; see README.md here for what is measured."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.excess import Excess
from bench.programs import ADDRESS, ROOT, Program, cpu_seconds, free_port, rss_mb

SCENARIO = Path(__file__).parent / "scenarios" / "call.xml"
WARM_UP = 500
ROOM = 50
"""Calls that stand while more are refused."""
MOST = 200
"""Calls at once in all other runs. Of a server without such a limit on a machine that is too slow for the moment, every
call that its caller has given up would take some of what little there is."""
SETTLE_S = 35.0
"""After the last call of all: 64 * T1, after which SIP has forgotten it, and some more."""
SETTINGS = """
[sip]
udp = "{address}:{port}"
tcp = "{address}:{port}"
[rtp]
address = "{address}"
ports = "30000-49998"
[http]
address = ""
[limits]
max_calls = {most}
[agent]
model = "gpt-realtime-2.1"
[providers.openai]
api_key = "sk-none"
[log]
format = "json"
level = "{level}"
"""


@dataclass(frozen=True)
class Run:
    """One run of SIPp. Times in ms."""

    transport: str
    per_s: float
    calls: int
    failed: int
    took_s: float
    setup_p50_ms: float
    setup_p95_ms: float
    setup_p99_ms: float
    cpu_ms_per_call: float
    core_share: float
    """CPU of the server as a share of one core."""


@dataclass(frozen=True)
class Full:
    """What became of calls beyond `max_calls`."""

    admitted: int
    excess: int
    per_s: float
    one_503: int
    """Excess calls that got exactly one final response, a 503 with Retry-After."""
    refused_after_p95_ms: float
    admitted_lost: int
    """Admitted calls that were ended by the server, or whose BYE was not answered."""
    rtp_packets: int
    rtp_missing: int
    worst_gap_ms: float


@contextlib.contextmanager
def server(directory: Path, core: int | None, most: int, level: str = "info") -> Iterator[tuple[Program, int]]:
    """A server that answers at once, and its port."""
    port = free_port()
    path = directory / "signalling.toml"
    path.write_text(SETTINGS.format(address=ADDRESS, port=port, most=most, level=level))
    program = Program("silent", ["-m", "bench.silent", str(path)], directory, core)
    try:
        program.wait_for('"ready"', 60)
        yield program, port
    finally:
        program.end()


@contextlib.contextmanager
def media_port() -> Iterator[int]:
    """A port that takes the media, unread: without it each packet would be answered by an error."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((ADDRESS, 0))
        yield sock.getsockname()[1]


def sipp(
    program: Program, port: int, transport: str, per_s: float, calls: int, directory: Path, core: int | None
) -> Run:
    """Place calls that are hung up as soon as they are answered."""
    for old in directory.glob("call_*"):
        old.unlink()
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    with media_port() as media_at:
        command = [
            *pinned, "sipp", f"{ADDRESS}:{port}", "-sf", str(SCENARIO), "-s", "agent", "-i", ADDRESS,
            "-p", str(free_port()), "-t", {"udp": "u1", "tcp": "t1"}[transport], "-key", "media_at", str(media_at),
            "-m", str(calls), "-r", f"{per_s:g}", "-d", "0", "-l", "5000", "-nostdin",
            "-trace_rtt", "-rtt_freq", "200", "-trace_stat", "-fd", "3600",
            "-timeout", f"{calls / per_s + 60:.0f}s", "-timeout_error",
        ]  # fmt: skip
        cpu, began = cpu_seconds(program.process.pid), time.monotonic()
        subprocess.run(
            command, cwd=directory, env=os.environ | {"TERM": "dumb"}, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        took = time.monotonic() - began
        cpu = cpu_seconds(program.process.pid) - cpu
    times = sorted(_setup_times(directory))
    times = times or [float("nan")]
    p50, p95, p99 = (times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.95, 0.99))
    failed = calls - _successful(directory)
    return Run(
        transport,
        per_s,
        calls,
        failed,
        round(took, 2),
        p50,
        p95,
        p99,
        round(cpu * 1000 / calls, 2),
        round(cpu / took, 3),
    )


def _setup_times(directory: Path) -> Iterator[float]:
    """From INVITE to 200, in ms; SIPp gives whole ones."""
    for path in directory.glob("call_*_rtt.csv"):
        for row in path.read_text().splitlines()[1:]:
            yield float(row.split(";")[1])


def _successful(directory: Path) -> int:
    """Calls that followed the scenario to its end."""
    (path,) = (path for path in directory.glob("call_*_.csv"))
    names, *rows = (line.split(";") for line in path.read_text().splitlines())
    return int(rows[-1][names.index("SuccessfulCall(C)")])


async def over_the_limit(program: Program, port: int, excess: int, per_s: float) -> Full:
    """Fill the server, ask for more, and hang up."""
    async with Excess(ADDRESS, port) as caller:
        await caller.place(ROOM, 100)
        await asyncio.sleep(1)
        await caller.place(excess, per_s, excess / per_s + 30)
        await asyncio.sleep(2)
        with contextlib.suppress(TimeoutError):
            await caller.hang_up()
        tally = caller.tally()
    refused = [call for call in tally.calls if call.finals != [200]]
    lost = tally.unasked + sum(not call.hung_up for call in tally.admitted)
    after = sorted(call.final_after_s * 1000 for call in refused)
    return Full(
        len(tally.admitted), excess, per_s, sum(call.finals == [503] and call.retry_after for call in refused),
        round(after[int(len(after) * 0.95)], 2), lost, tally.rtp, tally.rtp_missing, round(tally.worst_gap_ms, 1),
    )  # fmt: skip


def _memory(program: Program, port: int, arguments: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """Resident memory before and after very many calls, each time when SIP has forgotten them."""
    core = 1 if arguments.pin else None
    sipp(program, port, "udp", arguments.soak_rate, 2000, directory, core)
    time.sleep(SETTLE_S)
    before, marks = rss_mb(program.process.pid), []
    share = arguments.soak // 5
    runs = []
    for _ in range(5):
        runs.append(sipp(program, port, "udp", arguments.soak_rate, share, directory, core))
        marks.append(round(rss_mb(program.process.pid), 1))
    time.sleep(SETTLE_S)
    return {
        "calls": share * 5,
        "per_s": arguments.soak_rate,
        "failed": sum(run.failed for run in runs),
        "setup_p95_ms": statistics.median(run.setup_p95_ms for run in runs),
        "cpu_ms_per_call": statistics.median(run.cpu_ms_per_call for run in runs),
        "rss_before_mb": round(before, 1),
        "rss_on_the_way_mb": marks,
        "rss_after_mb": round(rss_mb(program.process.pid), 1),
    }


def main(given: Sequence[str] | None = None) -> None:
    """Run what was asked for, and print it."""
    arguments = _arguments().parse_args(given)
    directory = ROOT / "out" / "signalling"
    directory.mkdir(parents=True, exist_ok=True)
    ours, theirs = (0, 1) if arguments.pin else (None, None)
    if theirs is not None:
        os.sched_setaffinity(0, {theirs})
    found: dict[str, Any] = {"load_before": os.getloadavg(), "runs": []}
    signal.signal(signal.SIGTERM, lambda *_: exit(1))
    with server(directory, ours, MOST) as (program, port):
        sipp(program, port, "udp", 50, WARM_UP, directory, theirs)
        for transport in arguments.transports.split(","):
            for rate in map(float, arguments.rates.split(",")):
                run = sipp(program, port, transport, rate, round(rate * arguments.seconds), directory, theirs)
                found["runs"].append(asdict(run))
                print(
                    f"{transport} {rate:5.0f} calls/s: setup p50 {run.setup_p50_ms:g} p95 {run.setup_p95_ms:g} "
                    f"p99 {run.setup_p99_ms:g} ms, {run.failed} of {run.calls} failed, "
                    f"{run.cpu_ms_per_call} ms CPU a call, {run.core_share:.0%} of a core",
                    flush=True,
                )
        if arguments.soak:
            found["memory"] = _memory(program, port, arguments, directory)
            print(f"memory: {found['memory']}", flush=True)
    if arguments.excess:
        with server(directory, ours, ROOM) as (program, port):
            full = asyncio.run(over_the_limit(program, port, arguments.excess, arguments.excess_rate))
        found["over_the_limit"] = asdict(full)
        print(f"over the limit: {found['over_the_limit']}", flush=True)
    found["load_after"] = os.getloadavg()
    (ROOT / "out" / "signalling.json").write_text(json.dumps(found, indent=2))
    print(f"load of the machine: {found['load_before'][0]:.1f} before, {found['load_after'][0]:.1f} after")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="100,200,300", help="calls a second, separated by commas")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate")
    parser.add_argument("--transports", default="udp,tcp")
    parser.add_argument("--soak", type=int, default=50_000, help="calls between two looks at the memory; 0: none")
    parser.add_argument("--soak-rate", type=float, default=150.0)
    parser.add_argument("--excess", type=int, default=3000, help="calls beyond the limit; 0: none")
    parser.add_argument("--excess-rate", type=float, default=300.0)
    parser.add_argument("--pin", action="store_true", help="the server on core 0, everything else on core 1")
    return parser


if __name__ == "__main__":
    main()
