"""Encrypted media on real sockets: every suite with our own caller, and baresip by SDES, DTLS-SRTP and ICE."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.caller import CallerSettings
from mediaserver.load.script import Play, Silence, WaitForAnswer
from mediaserver.sdp.security import SUITES
from support import rig
from support.baresip import calling, padded
from support.hearing import answer, hears

ANSWERS = EmulatorSettings(answer_ms=1000)
IN_FLIGHT_S = 0.3
SCRIPT = (WaitForAnswer(), Play(rig.speech(1.0)), WaitForAnswer(), Silence(0.3))


async def test_our_caller_converses_in_every_suite(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, ANSWERS) as (server, emulator):
        wanted = [CallerSettings(host=server.host, srtp="required", suites=(suite,)) for suite in SUITES]
        wanted += [CallerSettings(host=server.host, srtp="optional"), CallerSettings(host=server.host, dtls=True)]
        reports = await asyncio.gather(*(server.call(*SCRIPT, settings=each) for each in wanted))
        await server.line("call.ended", count=len(wanted), unauthentic=0, replayed=0, strange=0, lost=0)
        assert len(server.lines("media.keys_exposed")) == 1  # once, and not for each call
    assert [report.srtp for report in reports] == [*SUITES, "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"]
    assert [len(session.of("speech_started")) for session in emulator.sessions] == [1] * len(wanted)
    for report in reports:
        assert hears(report, answer(emulator, 0)) and hears(report, answer(emulator, 1)), report.srtp


@pytest.mark.parametrize(
    ("server_side", "caller", "status", "suite"),
    [
        ("required", CallerSettings(srtp="never"), 488, None),
        ("never", CallerSettings(srtp="required"), 488, None),
        ("never", CallerSettings(dtls=True), 488, None),
        ("never", CallerSettings(srtp="optional"), 200, None),
        ("required", CallerSettings(srtp="optional"), 200, "AES_CM_128_HMAC_SHA1_80"),
    ],
)
async def test_the_policy_decides(
    server_side: str, caller: CallerSettings, status: int, suite: str | None, tmp_path: Path
) -> None:
    async with rig.with_emulator(tmp_path, ANSWERS, rtp={"srtp": server_side}) as (server, _):
        report = await server.call(WaitForAnswer(), Silence(0.1), settings=caller)
    assert (report.status, report.srtp) == (status, suite)


@pytest.mark.tool("baresip")
@pytest.mark.parametrize(
    ("account", "config"),
    [
        ("mediaenc=srtp", {}),
        ("mediaenc=srtp-mand", {}),
        ("mediaenc=dtls_srtp", {}),
        ("mediaenc=dtls_srtp;medianat=ice", {}),
        ("mediaenc=srtp-mand;medianat=ice;rtcp_mux=yes", {}),
        ("medianat=ice", {}),
    ],
)
async def test_baresip_converses(account: str, config: dict[str, str], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"rtp": {"srtp": "optional"}}
    async with (
        rig.with_emulator(tmp_path, ANSWERS, **settings) as (server, emulator),
        calling(
            tmp_path / "phone", server.uri, padded(rig.speech(1.0), 3.0, 30), options=account, extra=config
        ) as phone,
    ):
        await server.line("transcript", speaker="agent", count=2, timeout_s=20)
        await asyncio.sleep(IN_FLIGHT_S)
        await phone.hang_up()
        ended = await server.line("call.ended", reason="caller-hung-up", lost=0)
    # It sends an RTCP packet in the clear to open the way, before it has a key.
    assert ended.fields.get("unauthentic", 0) <= 1 and ended.fields["received"] > 100
    assert [len(session.of("speech_started")) for session in emulator.sessions] == [1]
    for number in (0, 1):
        assert rig.where(answer(emulator, number), phone.heard)[1] > 0.9
