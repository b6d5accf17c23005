"""Kamailio as the proxy in between: it registers phones, stays on the route, and sends their calls to the server.

Phones speak UDP with it, the server TCP or TLS: it changes the transport, so that it is on the route twice (RFC 5658).
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mediaproviders.emulators.certificates import Certificates
from support import rig

_CONFIGURATION = Path(__file__).with_name("kamailio.cfg")
_STOP_S = 10.0


@dataclass
class Kamailio:
    """A running proxy: `port` is UDP and TCP, `tls_port` TLS."""

    folder: Path
    port: int
    tls_port: int

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")


@asynccontextmanager
async def kamailio(
    folder: Path,
    ports: tuple[int, int],
    server: str | None,
    identity: Certificates,
    *,
    media: int | None = None,
    towards_server: str = "",
) -> AsyncIterator[Kamailio]:
    """Run it before `server`, a SIP URI with its transport; ready once the server has answered its OPTIONS.

    None: before nobody, as the outbound proxy of others.

    `ports` are those of UDP and TCP, and of TLS. `media` is the port of an rtpengine that all media go through,
    `towards_server` its flags for descriptions that go to the server.
    """
    _write(folder, server, identity)
    port, tls_port = ports
    defined = {
        "PORT": str(port),
        "TLS_PORT": str(tls_port),
        "FOLDER": f'"{folder}"',
        "TOWARDS_SERVER": f'"replace-origin {towards_server}"',
    }
    if media is not None:
        defined["RTPENGINE"] = f'"udp:127.0.0.1:{media}"'
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            "kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-w", str(folder), "-Y", str(folder), "-f",
            str(_CONFIGURATION), *(f"-A{name}={value}" for name, value in defined.items()),
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, start_new_session=True,
        )  # fmt: skip
    proxy = Kamailio(folder, port, tls_port)
    try:
        await rig.eventually(lambda: ("server is up" if server else "callback handler") in proxy.output)
        yield proxy
    finally:
        # It is a dozen processes; those of its session are its own.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _write(folder: Path, server: str | None, identity: Certificates) -> None:
    folder.mkdir()
    # 9: to be asked by OPTIONS before it is used.
    (folder / "dispatcher.list").write_text("" if server is None else f"1 {server} 9\n")
    (folder / "tls.cfg").write_text(
        f"[server:default]\nmethod=TLSv1.2+\ncertificate={identity.chain}\nprivate_key={identity.key}\n"
        f"[client:default]\nmethod=TLSv1.2+\nverify_certificate=yes\nca_list={identity.authority}\n"
    )
