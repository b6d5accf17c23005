"""baresip as the caller: one headless instance per call, which plays a WAV file and records both directions."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from mediaserver.load.recording import Samples, read_wav, write_wav

_MODULES = ("g711.so", "g722.so", "opus.so", "l16.so", "aufile.so", "sndfile.so")
CODECS = {"PCMU": "PCMU/8000/1", "PCMA": "PCMA/8000/1", "G722": "G722/16000/1", "OPUS": "opus/48000/2"}
"""As it calls them: by their sampling rate, not by their clock."""
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
    max_s: int = 60,
) -> AsyncIterator[Baresip]:
    """Dial `uri` and play `speaks` (at `rate` Hz) once answered. Ends by itself after `max_s`.

    `extra` are lines of its configuration besides.
    """
    account = f"<sip:caller@127.0.0.1>;regint=0;audio_codecs={CODECS[codec]}"
    if credentials is not None:
        account += f";auth_user={credentials[0]};auth_pass={credentials[1]}"
    with _prepare(folder, speaks, account, rate, extra or {}) as output:
        process = await asyncio.create_subprocess_exec(
            "baresip", "-v", "-f", str(folder), "-e", f"/dial {uri}", "-t", str(max_s),
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
            env=os.environ | {"HOME": str(folder)},
        )  # fmt: skip
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
        process = await asyncio.create_subprocess_exec(
            "baresip", "-v", "-f", str(folder), "-t", "60",
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
            env=os.environ | {"HOME": str(folder)},
        )  # fmt: skip
    phone = Baresip(process, folder)
    try:
        yield phone
    finally:
        await phone.hang_up()


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
        "call_max_calls": "1",
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
    return "\n".join(lines) + "\n"
