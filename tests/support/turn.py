"""coturn: a relay for browsers that reach nothing else (RFC 8656), on loopback and on ports of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support import rig
from support.sipp import free_port
from support.tools import in_time

_START_S = 10.0
_STOP_S = 5.0
_PORTS = 20
_USER, _PASSWORD = "caller", "secret"


@dataclass(frozen=True)
class Turn:
    """A running relay."""

    port: int
    output: Path

    @property
    def ice(self) -> list[dict[str, str]]:
        """The `iceServers` of a browser's connection."""
        url = f"turn:127.0.0.1:{self.port}?transport=udp"
        return [{"urls": url, "username": _USER, "credential": _PASSWORD}]


@asynccontextmanager
async def turn(folder: Path) -> AsyncIterator[Turn]:
    """Run coturn, ended on leaving. For tests marked ``tool("turnserver")``."""
    output = _prepared(folder)
    port, first = free_port(), 31000
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *in_time(), "turnserver", "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1",
            f"--listening-port={port}", f"--min-port={first}", f"--max-port={first + _PORTS}",
            "--lt-cred-mech", f"--user={_USER}:{_PASSWORD}",
            "--realm=test.example", "--no-tls", "--no-dtls", "--no-tcp", "--no-cli", "--allow-loopback-peers",
            "--log-file=stdout", "--simple-log", f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'users'}",
            stdin=asyncio.subprocess.DEVNULL, stdout=written, stderr=written, cwd=folder,
        )  # fmt: skip
    try:
        await rig.eventually(lambda: "SQLite DB connection success" in output.read_text(errors="replace"), _START_S)
        yield Turn(port, output)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            raise


def _prepared(folder: Path) -> Path:
    folder.mkdir()
    return folder / "output"
