"""Encrypted media on real sockets: every suite with our own caller, and baresip by SDES, DTLS-SRTP and ICE."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

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


CALLERS = {
    "plain": CallerSettings(),
    "optional": CallerSettings(srtp="optional"),
    "required": CallerSettings(srtp="required"),
    "dtls": CallerSettings(dtls=True),
}


@pytest.mark.parametrize(
    ("policy", "outcomes"),
    [
        ("required", {"plain": (488, None), "optional": (200, "AES_CM_128_HMAC_SHA1_80")}),
        ("never", {"optional": (200, None), "required": (488, None), "dtls": (488, None)}),
    ],
)
async def test_the_policy_decides(policy: str, outcomes: dict[str, tuple[int, str | None]], tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, ANSWERS, rtp={"srtp": policy}) as (server, _):
        script = (WaitForAnswer(), Silence(0.1))
        reports = await asyncio.gather(*(server.call(*script, settings=CALLERS[name]) for name in outcomes))
    assert [(report.status, report.srtp) for report in reports] == list(outcomes.values())


PHONES = {
    "sdes": "mediaenc=srtp",
    "sdes-alone": "mediaenc=srtp-mand",
    "dtls": "mediaenc=dtls_srtp",
    "dtls-ice": "mediaenc=dtls_srtp;medianat=ice",
    "sdes-ice-mux": "mediaenc=srtp-mand;medianat=ice;rtcp_mux=yes",
    "ice": "medianat=ice",
}


@pytest.mark.tool("baresip")
async def test_baresip_converses_however_its_media_are_protected(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, ANSWERS) as (server, emulator), AsyncExitStack() as stack:
        speech = padded(rig.speech(1.0), 3.0, 40)
        phones = [
            await stack.enter_async_context(calling(tmp_path / name, server.uri, speech, options=options))
            for name, options in PHONES.items()
        ]
        await server.line("transcript", speaker="agent", count=2 * len(phones), timeout_s=40)
        await asyncio.sleep(IN_FLIGHT_S)
        for phone in phones:
            await phone.hang_up()
        await server.line("call.ended", count=len(phones), reason="caller-hung-up", lost=0)
    # They send RTCP in the clear to open the way, before they have a key.
    assert max(ended.fields.get("unauthentic", 0) for ended in server.lines("call.ended")) <= 4
    assert [len(session.of("speech_started")) for session in emulator.sessions] == [1] * len(phones)
    for name, phone in zip(PHONES, phones, strict=True):
        for number in (0, 1):
            assert rig.where(answer(emulator, number), phone.heard)[1] > 0.9, f"{name}, answer {number}"
