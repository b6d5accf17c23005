"""baresip as a caller, one headless instance per call, or as a phone that registers and takes orders.

It plays WAV files and records both directions.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from mediaserver.load.recording import Samples, read_wav, resample, write_wav
from support import rig
from support.baresip_control import Control
from support.sipp import Ear, free_port, tap
from support.tools import in_time

_MODULES = ("g711.so", "g722.so", "opus.so", "l16.so", "aufile.so", "sndfile.so", "srtp.so", "dtls_srtp.so", "ice.so")
CODECS = {"PCMU": "PCMU/8000/1", "PCMA": "PCMA/8000/1", "G722": "G722/16000/1", "OPUS": "opus/48000/2"}
"""As it calls them: by their sampling rate, not by their clock."""
_HEADER = 44
"""Bytes before the samples of a WAV file as these phones write it."""
_STOP_S = 5.0


@dataclass
class Baresip:
    """A call of baresip's, in a folder of its own."""

    process: asyncio.subprocess.Process
    folder: Path

    @property
    def output(self) -> str:
        """What it wrote so far."""
        return (self.folder / "output").read_text(errors="replace")

    async def hang_up(self) -> None:
        """Send the BYE and leave; its recordings are complete then."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self.process.wait(), _STOP_S)
            except TimeoutError:
                self.process.kill()
                raise

    def recording(self, direction: str, rate: int = 8000) -> Samples:
        """What it decoded (`dec`) or encoded (`enc`), as its own sndfile module wrote it."""
        (path,) = self.folder.glob(f"dump-*-{direction}.wav")
        return read_wav(path, rate)

    @property
    def heard(self) -> Samples:
        return self.recording("dec")


@dataclass
class Softphone(Baresip):
    """A registered phone that does what it is told."""

    control: Control
    wire: Ear
    """What came to its media port."""
    encrypted: bool

    @property
    def records(self) -> bool:
        """Once it has been on hold its recorder is no longer told what it hears (`audio_debug` shows a pipeline
        without it). Then it is judged by what comes to its media port, unless that is encrypted."""
        return not (self._held and self.encrypted)

    @property
    def hearing(self) -> Samples:
        """All it decoded so far, of all its calls, also while they go on (the size in a header is written last)."""
        if self._held and not self.encrypted:
            return self.wire.heard
        files = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_ctime_ns)
        return np.concatenate([np.zeros(0, np.int16), *(samples_so_far(path, rig.RATE) for path in files)])

    @property
    def keys(self) -> str:
        """The keys that were pressed at it."""
        return "".join(event["param"] for event in self.control.events if event.get("type") == "CALL_DTMF_START")

    async def dial(self, uri: str) -> None:
        await self.control.order("dial", uri)

    async def press(self, key: str) -> None:
        await self.control.order("sndcode", key)

    async def hold(self) -> None:
        await self.control.order("hold")
        self._held = True

    async def resume(self) -> None:
        await self.control.order("resume")

    async def end(self) -> None:
        await self.control.order("hangup")
        await self.control.order("ausrc", f"aufile,{self.folder}/speaks.wav")  # silent in the next call
        self._held = False

    async def say(self, speech: Samples) -> None:
        """Speak from now on; silence afterwards."""
        self._said += 1
        path = self.folder / f"says{self._said}.wav"
        write_wav(path, padded(speech, 0, 60), rig.RATE)
        await self.control.order("ausrc", f"aufile,{path}")

    _said: int = 0
    _held: bool = False


def samples_so_far(path: Path, rate: int) -> Samples:
    """What is in a WAV file that is still being written, and whose header may be empty yet, at 8 kHz."""
    body = path.read_bytes()[_HEADER:] if path.exists() else b""
    return resample(np.frombuffer(body[: len(body) // 2 * 2], "<i2"), rate, rig.RATE)


def padded(speech: Samples, before_s: float, after_s: float, rate: int = 8000) -> Samples:
    """Speech within silence: baresip hangs up by itself a second after the file's end."""
    return np.concatenate(
        [np.zeros(round(before_s * rate), np.int16), speech, np.zeros(round(after_s * rate), np.int16)]
    )


@asynccontextmanager
async def calling(
    folder: Path,
    uri: str,
    speaks: Samples,
    *,
    codec: str = "PCMU",
    rate: int = 8000,
    extra: dict[str, str] | None = None,
    credentials: tuple[str, str] | None = None,
    options: str = "",
    max_s: int = 60,
) -> AsyncIterator[Baresip]:
    """Dial `uri` and play `speaks` (at `rate` Hz) once answered. Ends by itself after `max_s`.

    `extra` are lines of its configuration besides, `options` parameters of its account ("mediaenc=srtp").
    """
    account = f"<sip:caller@127.0.0.1>;regint=0;audio_codecs={CODECS[codec]}"
    if credentials is not None:
        account += f";auth_user={credentials[0]};auth_pass={credentials[1]}"
    account += f";{options}" if options else ""
    with _prepare(folder, speaks, account, rate, extra or {}) as output:
        process = await _run(folder, output, "-e", f"/dial {uri}", max_s=max_s)
    phone = Baresip(process, folder)
    try:
        yield phone
    finally:
        await phone.hang_up()


@asynccontextmanager
async def registered(folder: Path, at: str, user: str, password: str, speaks: Samples) -> AsyncIterator[Baresip]:
    """A phone that registers with the server at `at` (host:port), and plays `speaks` to whoever calls it."""
    account = f"<sip:{user}@{at}>;auth_pass={password};regint=60;answermode=auto;audio_codecs=PCMU/8000/1"
    with _prepare(folder, speaks, account, 8000, {}) as output:
        process = await _run(folder, output)
    phone = Baresip(process, folder)
    try:
        yield phone
    finally:
        await phone.hang_up()


@asynccontextmanager
async def softphone(
    folder: Path,
    at: str,
    user: str,
    *,
    password: str = "secret",
    transport: str = "udp",
    codec: str = "PCMU",
    security: str | None = None,
    authority: Path | None = None,
    extra: dict[str, str] | None = None,
) -> AsyncIterator[Softphone]:
    """A phone that registers at `at` by that transport, answers by itself, is silent, and takes orders.

    For tests marked ``tool("baresip", "raw-sockets")``.

    `security` is what it encrypts media with: srtp-mand or dtls_srtp. `authority`: who has to have signed the
    server's certificate.
    """
    account = f"<sip:{user}@{at};transport={transport}>;auth_pass={password};regint=60;answermode=auto"
    account += f";audio_codecs={CODECS[codec]}" + (f";mediaenc={security}" if security else "")
    port, media = free_port(), free_port()
    settings = {"ctrl_tcp_listen": f"127.0.0.1:{port}", "rtp_ports": f"{media}-{media + 2}"} | (extra or {})
    if authority is not None:
        settings["sip_cafile"] = str(authority)
    with _prepare(folder, padded(np.zeros(0, np.int16), 0, 60), account, rig.RATE, settings) as output:
        process = await _run(folder, output)
    with tap(media) as wire:
        phone = Softphone(process, folder, await Control.open(port), wire, security is not None)
        try:
            yield phone
        finally:
            await phone.control.close()
            await phone.hang_up()


async def _run(folder: Path, output: IO[bytes], *orders: str, max_s: int = 60) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *in_time(), "baresip", "-v", "-f", str(folder), *orders, "-t", str(max_s),
        stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
        env=os.environ | {"HOME": str(folder)},
    )  # fmt: skip


def _prepare(folder: Path, speaks: Samples, account: str, rate: int, extra: dict[str, str]) -> IO[bytes]:
    """What it reads, and the file for what it writes."""
    folder.mkdir()
    write_wav(folder / "speaks.wav", speaks, rate)
    (folder / "config").write_text(_config(folder, rate, extra))
    (folder / "accounts").write_text(account + "\n")
    (folder / "contacts").write_text("")
    return (folder / "output").open("wb")


def _config(folder: Path, rate: int, extra: dict[str, str]) -> str:
    settings = {
        "poll_method": "epoll",
        "sip_listen": "127.0.0.1:0",
        "net_interface": "127.0.0.1",
        "call_max_calls": "4",
        "audio_source": f"aufile,{folder}/speaks.wav",
        "audio_player": "none",
        "audio_alert": "none",
        "ausrc_srate": str(rate),
        "ausrc_channels": "1",
        # What it holds back is missing from the recording at the end: the smallest buffer it has.
        "jitter_buffer_delay": "1-2",
        "rtp_ports": "40000-49998",
        "rtp_stats": "yes",
        "snd_path": str(folder),
        "module_path": "/usr/lib/baresip/modules",
    } | extra
    lines = [f"{name} {value}" for name, value in settings.items()]
    lines += [f"module {name}" for name in _MODULES]
    lines += ["module_tmp account.so", "module_app menu.so"]
    if "ctrl_tcp_listen" in settings:
        lines.append("module_app ctrl_tcp.so")
    return "\n".join(lines) + "\n"
