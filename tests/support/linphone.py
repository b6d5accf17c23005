"""linphonec as the phone on the desk: it plays WAV files instead of a microphone and records what it hears."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediaserver.load.recording import Samples, write_wav
from support import rig
from support.baresip import padded, samples_so_far
from support.sipp import free_port
from support.tools import in_time

_CODECS = (
    ("opus", 48000, 2),
    ("speex", 16000, 1),
    ("speex", 8000, 1),
    ("PCMU", 8000, 1),
    ("PCMA", 8000, 1),
    ("G729", 8000, 1),
)
"""All that it has enabled by itself."""
_STREAMS = "Media streams established"
_QUIT_S = 10.0


@dataclass
class Linphone:
    """A running linphonec with its prompt. It answers calls by itself."""

    process: asyncio.subprocess.Process
    folder: Path
    rate: int
    """Of its recording, Hz."""
    _said: int = 0
    records = True

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    async def order(self, line: str) -> None:
        """Type a line at its prompt."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def dial(self, uri: str) -> None:
        await self.order(f"call {uri}")

    async def say(self, speech: Samples) -> None:
        self._said += 1
        path = self.folder / f"says{self._said}.wav"
        write_wav(path, padded(speech, 0, 60), rig.RATE)
        await self.order(f"play {path}")

    async def press(self, key: str) -> None:
        await self.order(key)

    async def hold(self) -> None:
        await self.order("pause")
        await rig.eventually(lambda: "paused" in self.output)

    async def resume(self) -> None:
        before = self.output.count(_STREAMS)
        await self.order("resume")
        await rig.eventually(lambda: self.output.count(_STREAMS) > before)

    async def end(self) -> None:
        await self.order("terminate")
        await self.order(f"play {self.folder / 'silence.wav'}")  # in the next call

    @property
    def hearing(self) -> Samples:
        return samples_so_far(self.folder / "heard.wav", self.rate)

    @property
    def keys(self) -> str:
        return "".join(re.findall(r"Receiving tone (\S)", self.output))


@asynccontextmanager
async def linphone(
    folder: Path,
    at: str,
    user: str,
    *,
    password: str = "secret",
    transport: str = "udp",
    codec: str = "PCMU",
    security: str | None = None,
    authority: Path | None = None,
) -> AsyncIterator[Linphone]:
    """A phone that registers at `at` (host:port). `security` is srtp or dtls."""
    (folder / ".local/share/linphone").mkdir(parents=True)
    write_wav(folder / "silence.wav", padded(np.zeros(0, np.int16), 0, 60), rig.RATE)
    (folder / "rc").write_text(_configuration(at, user, password, transport, codec, security, authority))
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *in_time(), "linphonec", "-a", "-c", str(folder / "rc"), cwd=folder, env=os.environ | {"HOME": str(folder)},
            stdin=asyncio.subprocess.PIPE, stdout=output, stderr=output,
        )  # fmt: skip
    phone = Linphone(process, folder, next(rate for mime, rate, _ in _CODECS if mime == codec))
    try:
        await rig.eventually(lambda: "linphonec>" in phone.output)
        await phone.order("soundcard use files")
        await phone.order(f"play {folder / 'silence.wav'}")
        await phone.order(f"record {folder / 'heard.wav'}")
        yield phone
    finally:
        await phone.order("quit")
        try:
            await asyncio.wait_for(process.wait(), _QUIT_S)
        except TimeoutError:
            process.kill()
            raise


def _configuration(
    at: str, user: str, password: str, transport: str, codec: str, security: str | None, authority: Path | None
) -> str:
    """Addresses of its own within loopback: it does not notice ports that it fails to get."""
    own = ".".join(["127", *(str(1 + secrets.randbelow(250)) for _ in range(3))])
    sip = {
        "bind_address": own,
        "sip_port": free_port(),
        "sip_tcp_port": free_port(),
        "sip_tls_port": free_port(),
        "guess_hostname": 0,
        "use_ipv6": 0,
        "default_proxy": 0,
        "media_encryption": security or "none",
        "media_encryption_mandatory": int(security is not None),
        "root_ca": authority or "",
        "verify_server_certs": int(authority is not None),
    }
    host = at.rpartition(":")[0]
    tables = {
        "sip": sip,
        "rtp": {"audio_rtp_port": free_port()},
        "video": {"enabled": 0},
        "sound": {"echocancellation": 0},
        "net": {"mtu": 1300},
        "proxy_0": {
            "reg_proxy": f"<sip:{at};transport={transport}>",
            "reg_identity": f"sip:{user}@{host}",
            "reg_expires": 60,
            "reg_sendregister": 1,
        },
        "auth_info_0": {"username": user, "passwd": password, "realm": "mediaserver", "domain": host},
    }
    for number, (mime, rate, channels) in enumerate(_CODECS):
        wanted = int(mime == codec)
        tables[f"audio_codec_{number}"] = {"mime": mime, "rate": rate, "channels": channels, "enabled": wanted}
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in table.items()) for name, table in tables.items()
    )
