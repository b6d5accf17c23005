"""The processes of a round: how each is started, asked, measured and ended."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.modes import Scenario
from mediaproviders.emulators.ensemble import as_toml

type Reach = Mapping[str, Mapping[str, str]]
"""What the server's settings say to reach a service: provider's table to settings."""

ADDRESS = "127.0.0.1"
ADMIN_KEY = "key-of-the-benchmark-for-issuing-tokens"
ROOT = Path(__file__).parents[1]
"""Where `python -m bench` is found: the programs run as modules of the checkout."""

SERVER_SETTINGS = """
[sip]
udp = "{address}:{sip}"
tcp = "{address}:{sip}"

[rtp]
address = "{address}"
ports = "20000-29999"
comfort_noise = {comfort_noise}
receiver_buffer_ms = 0

[http]
address = "{http}"
admin_key = "{key}"
per_source = 100000

[limits]
max_calls = 1000

[agent]
name = "bench"
prompt = "You are a friendly assistant on the telephone."
greeting = ""
interruption = "{interruption}"
{agent}

{reach}
[log]
format = "json"
level = "info"
"""


@dataclass(frozen=True, slots=True)
class Doors:
    """Ports the program is called at: by SIP, and by HTTP."""

    sip: int
    http: int


class Program:
    """One process with its output in a file."""

    def __init__(self, name: str, arguments: Sequence[str], directory: Path, core: int | None = None) -> None:
        self.name = name
        self.output = directory / f"{name}.log"
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [*pinned, sys.executable, *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._done = 0

    def wait_for(self, text: str, timeout_s: float, times: int = 1) -> None:
        """Until `text` stands in the output `times` times. Raises RuntimeError with the output's end otherwise."""
        deadline = time.monotonic() + timeout_s
        while self.output.read_text(errors="replace").count(text) < times:
            if self.process.poll() is not None or time.monotonic() > deadline:
                state = "ended" if self.process.poll() is not None else f"silent for {timeout_s:.0f} s"
                raise RuntimeError(
                    f"{self.name} {state}; its output ends:\n{self.output.read_text(errors='replace')[-2000:]}"
                )
            time.sleep(0.02)

    def order(self, timeout_s: float, **order: Any) -> None:
        """Send an order to a callers' process and wait until it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        self._done += 1
        self.wait_for('{"done": ', timeout_s, self._done)

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of the output."""
        found = []
        for line in self.output.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue
        return found

    def end(self) -> None:
        """Ask it to end; kill it if it does not."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(8.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def cpu_seconds(pid: int) -> float:
    """CPU time of a process by the scheduler's account, all its threads, without its children."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:  # the thread has just ended
            continue
    return total / 1e9


def descendants(pid: int) -> list[int]:
    """Processes begun by a process, and by those."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def rss_mb(pid: int) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port nobody uses at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def start_emulator(timeline: Path, scenario: Scenario, directory: Path, core: int | None) -> Program:
    """The model's stand-in, in a process of its own."""
    arguments = ["-m", "bench.emulator", "--service", scenario.service, "--timeline", str(timeline)]
    arguments += ["--answer-ms", str(scenario.answer_ms), "--silence-ms", str(scenario.silence_ms)]
    return Program("emulator", arguments + ["--burst"] * scenario.burst, directory, core)


def reach_of(emulator: Program) -> Reach:
    """What the settings of the server say to reach it. Raises RuntimeError when it does not get ready."""
    emulator.wait_for('"ready"', 60)
    reach: Reach = emulator.lines()[0]["reach"]
    return reach


def start_server(
    doors: Doors, reach: Reach, scenario: Scenario, directory: Path, core: int | None, runner: Sequence[str]
) -> Program:
    """The server under test; `runner` is what the interpreter runs its module by."""
    settings = directory / "server.toml"
    settings.write_text(
        SERVER_SETTINGS.format(
            address=ADDRESS, sip=doors.sip, http=f"{ADDRESS}:{doors.http}" if scenario.browser else "", key=ADMIN_KEY,
            reach=as_toml(reach), agent=scenario.connected.agent(scenario.silence_ms),
            comfort_noise="true" if scenario.comfort_noise else "false", interruption=scenario.interruption,
        )
    )  # fmt: skip
    return Program("server", [*runner, "mediaserver", "serve", "--config", str(settings)], directory, core)


def start_floor(
    doors: Doors, reach: Reach, scenario: Scenario, directory: Path, core: int | None, runner: Sequence[str]
) -> Program:
    """The floor, likewise."""
    service = reach["openai"]
    url = f"{service['base_url'].replace('http', 'ws', 1)}/realtime?model={scenario.connected.model}"
    arguments = [*runner, "bench.floor", "--port", str(doors.sip), "--url", url, "--key", service["api_key"]]
    return Program("floor", [*arguments, "--silence-ms", str(scenario.silence_ms)], directory, core)


def start_callers(
    doors: Doors, first: int, count: int, total: int, scenario: Scenario, log: Path, core: int | None
) -> Program:
    """A process that makes `count` of `total` calls."""
    arguments = ["-m", "bench.callers", "--port", str(doors.sip), "--log", str(log)]
    arguments += ["--first", str(first), "--count", str(count), "--total", str(total)]
    arguments += ["--comfort-noise"] * scenario.comfort_noise + ["--short"] * scenario.short
    if scenario.browser:
        arguments += ["--whip", f"http://{ADDRESS}:{doors.http}/whip/bench", "--key", ADMIN_KEY]
    return Program(f"callers{first}", arguments, log.parent, core)
