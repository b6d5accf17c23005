"""baresip calls in codecs of a wider band: the model hears beyond the telephone's 3.4 kHz, and so does the caller."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from mediacodecs.pcm import Pcm
from mediaproviders.emulators.openai import EmulatorSettings
from mediaproviders.emulators.openai.listening import Listening
from mediaproviders.local.hear import transcribe
from mediaproviders.local.speak import synthesise
from mediaserver.load.caller import CallerSettings
from mediaserver.load.recording import resample, write_wav
from mediaserver.load.script import Play, Silence, WaitForAnswer
from support import rig
from support.baresip import calling, padded
from support.sound import share, tone, voice

MODEL = 24000
SAMPLING = {"G722": 16000, "OPUS": 48000}
IN_FLIGHT_S = 0.3


def bright(rate: int, seconds: float, seed: int = 1) -> Pcm:
    """A voice with a whistle of 6 kHz, which no telephone carries."""
    return (voice(rate, seconds, seed) // 2 + tone(rate, seconds, 6000, 2500)).astype(np.int16)


class Ear:
    """Keeps what a model hears, as its service gets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard = bytearray()
        append = Listening.append

        def overheard(listening: Listening, audio: bytes, now: float) -> None:
            self.heard += audio
            append(listening, audio, now)

        monkeypatch.setattr(Listening, "append", overheard)

    @property
    def pcm(self) -> Pcm:
        return np.frombuffer(bytes(self.heard[: len(self.heard) // 2 * 2]), "<i2")


def found(said: Pcm, heard: Pcm, rate: int) -> tuple[Pcm, float]:
    """The part of `heard` where `said` is, and how like it is by what both have below 3.4 kHz."""
    narrow = [resample(sound, rate, 8000) for sound in (said, heard)]
    at, fit = rig.where(*narrow)
    begin = at * (rate // 8000)
    return heard[begin : begin + len(said)], fit


@pytest.mark.tool("baresip")
@pytest.mark.parametrize("codec", SAMPLING)
async def test_both_hear_the_whole_band(codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ear, rate = Ear(monkeypatch), SAMPLING[codec]
    question, answer = bright(rate, 1.5), bright(MODEL, 2.0, seed=2)
    write_wav(tmp_path / "answer.wav", answer, MODEL)
    settings = EmulatorSettings(answer_wav=tmp_path / "answer.wav")
    async with (
        rig.with_emulator(tmp_path, settings) as (server, emulator),
        calling(tmp_path / "phone", server.uri, padded(question, 3.0, 30, rate), codec=codec, rate=rate) as phone,
    ):
        await server.line("transcript", speaker="agent", count=2, timeout_s=20)
        await asyncio.sleep(IN_FLIGHT_S)
        await phone.hang_up()
        await server.line("call.ended", reason="caller-hung-up", lost=0, underruns=0)
    assert [len(session.of("speech_started")) for session in emulator.sessions] == [1]
    by_model, fit = found(bright(MODEL, 1.5), ear.pcm, MODEL)
    assert fit > 0.9
    assert share(by_model, MODEL, 5800, 6200) > 0.1, "what the model heard of 6 kHz"
    by_caller, fit = found(resample(answer, MODEL, rate), phone.recording("dec", rate), rate)
    assert fit > 0.9
    assert share(by_caller, rate, 5800, 6200) > 0.1, "what the caller heard of 6 kHz"


@pytest.mark.tool("baresip")
async def test_it_talks_with_the_local_model(tmp_path: Path) -> None:
    codec, rate = "OPUS", SAMPLING["OPUS"]
    question = resample(synthesise("What are your opening hours?", 16000), 16000, rate)
    agent = {"model": "local", "greeting": "Hello, this is the clinic."}
    async with (
        rig.rig(tmp_path, agent=agent) as server,
        calling(tmp_path / "phone", server.uri, padded(question, 2.5, 40, rate), codec=codec, rate=rate) as phone,
    ):
        asked = await server.line("transcript", speaker="caller", timeout_s=30)
        await server.line("transcript", speaker="agent", count=2, timeout_s=30)
        await asyncio.sleep(IN_FLIGHT_S)
        await phone.hang_up()
        await server.line("call.ended")
    assert "opening hours" in asked.fields["text"].lower()
    words = (await asyncio.to_thread(transcribe, phone.heard, rig.RATE)).lower()
    assert "clinic" in words and "monday" in words and "saturday" in words, words


async def test_our_own_caller_speaks_them_all(tmp_path: Path) -> None:
    said = synthesise("What are your opening hours?", rig.RATE)
    script = (WaitForAnswer(), Play(said), WaitForAnswer(), Silence(0.3))
    codecs = ("G722", "OPUS", "L16")
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=1200)) as (server, emulator):
        phones = [CallerSettings(host=server.host, codecs=(codec,)) for codec in codecs]
        reports = await asyncio.gather(*(server.call(*script, settings=phone) for phone in phones))
        await server.line("call.ended", count=len(codecs), lost=0, underruns=0)
    assert [report.codec for report in reports] == list(codecs)
    assert [len(session.of("speech_started")) for session in emulator.sessions] == [1, 1, 1]
    for report in reports:
        assert report.heard is not None
        begins = []
        for number in (0, 1):
            at, fit = rig.where(emulator.answers.pcm(number, rig.RATE), report.heard.samples)
            assert fit > 0.85, f"{report.codec}: answer {number} is not in the recording (best fit {fit:.3f})"
            begins.append(at)
        assert begins[0] + 1200 * 8 <= begins[1]
